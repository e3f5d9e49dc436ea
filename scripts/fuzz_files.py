# ruff: noqa: E501 (tables of fragments)
"""Damage files in every way and load them: each must give an object or one of the documented errors, quickly and in
little memory.

Usage: python scripts/fuzz_files.py [COUNT [SEED]]. Prints how many loaded, and each kind of error with its count.
"""

import collections
import io
import pickle
import random
import resource
import struct
import sys
import time
import warnings
import zipfile

import numpy as np

import rustgrad as torch

ALLOWED = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError)
SECONDS, BYTES = 2.0, 3 << 30


def saved(obj, **options) -> bytes:
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return file.getvalue()


def gguf() -> bytes:
    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()

    notes = text("general.alignment") + struct.pack("<II", 4, 32) + text("names") + struct.pack("<IIQ", 9, 8, 2)
    notes += text("a") + text("b")
    infos = text("x") + struct.pack("<IQQIQ", 2, 32, 2, 0, 0) + text("q") + struct.pack("<IQIQ", 1, 256, 12, 256)
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 2) + notes + infos
    return head + b"\0" * (-len(head) % 32) + bytes(range(256)) + bytes(144)


def seeds() -> list[bytes]:
    x = torch.arange(12.0).reshape(3, 4)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    plain = {
        "a": [1, 2.5, None, True, 2**70, "text", b"bytes"],
        (1, 2): {3},
        "c": 1j,
        "d": torch.Size([2]),
        "e": torch.int64,
    }
    objects = [[x, x[1:], x.t()], net.state_dict(), optimizer.state_dict(), plain, net, torch.nn.Parameter(x)]
    objects += [[np.arange(6).reshape(2, 3), np.float32(1)], collections.OrderedDict(a=x)]
    files = [saved(o) for o in objects] + [saved(o, _use_new_zipfile_serialization=False) for o in objects]
    files += [saved(o, pickle_protocol=p) for o in objects[:4] for p in (1, 4, 5)]
    from rustgrad.serialization import safetensors

    files.append(safetensors.save({"a": x, "b": torch.arange(3)}))
    files.append(gguf())
    for write in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        write(file, a=np.arange(6.0), b=np.ones((2, 2), np.int64))
        files.append(file.getvalue())
    file = io.BytesIO()
    np.save(file, np.arange(6.0))
    files.append(file.getvalue())
    return files


EDGES = [b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff" * 8, b"\0" * 8, b"\x01"]
OPCODES = [
    bytes([c])
    for c in b"\x80\x95N\x88\x89ILFKMJ\x8a\x8bGVX\x8c\x8dUTCB\x8e\x96()]}\x8ft\x85\x86\x87ldaesu\x90\x9101cR\x93\x81\x92bPQghjpqr\x94.2io"
]
NAMES = [
    b"cos\nsystem\n", b"cbuiltins\neval\n", b"cbuiltins\nbytearray\n", b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nSize\n", b"ctorch\nFloatStorage\n", b"ctorch.nn.modules.linear\nLinear\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n",
    b"ccopyreg\n_reconstructor\n", b"cbuiltins\nset\n", b"cbuiltins\nobject\n", b"ctorch\nfloat64\n", b"ctorch.nn.parameter\nParameter\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n", b"ctorch\nTensor\n", b"cbuiltins\ncomplex\n", b"ctorch\ndevice\n", b"cdatetime\ndatetime\n",
]  # fmt: skip


def mutated(rng, data: bytes, parts: list[bytes]) -> bytes:
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(8)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at : at + rng.choice((1, 1, 2, 4, 8, 100))]
        elif kind == 3:
            data[at:at] = rng.choice(parts)
        elif kind == 4:
            part = rng.choice(parts)
            data[at : at + len(part)] = part
        elif kind == 5:
            end = at + rng.randrange(64)
            data[at:at] = data[at:end]
        elif kind == 6:
            del data[at:]
        else:
            source = rng.randrange(len(data))
            data[at : at + 8] = data[source : source + 8]
    return bytes(data)


def rezipped(rng, data: bytes) -> bytes:
    """An archive whose records are damaged, while its directory and checksums are right."""
    source = zipfile.ZipFile(io.BytesIO(data))
    names = source.namelist()
    chosen = rng.choice([n for n in names if n.endswith("data.pkl")] * 3 + names)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", rng.choice((0, 0, 0, 0, 8))) as target:
        for name in names:
            record = source.read(name)
            if name == chosen:
                record = mutated(rng, record, EDGES + OPCODES + NAMES)
            if rng.random() > 0.02:
                target.writestr(name, record)
    return file.getvalue()


def binunicode(text: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text


ATOMS = [
    b"N", b"\x88", b"\x89", b"K\0", b"K\x02", b"K\x03", b"J\xff\xff\xff\xff", b"M\xff\xff", b"\x8a\x09" + b"\xff" * 8 + b"\0",
    b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"G" + struct.pack(">d", 1.5), b"G" + struct.pack(">d", float("nan")), b")", b"]", b"}",
    b"\x8f", b"(", b"(", b"K\x02K\x03\x86", b"K\x03K\x01\x86", b"K\x02\x85", b"}" + binunicode(b"a") + b"K\x01s",
    binunicode(b"a"), binunicode(b"latin1"), binunicode(b"i8"), binunicode(b"cpu"), binunicode(b"<"), binunicode(b"_parameters"),
    b"C\x08" + bytes(8), b"(" + binunicode(b"storage") + b"ctorch\nFloatStorage\n" + binunicode(b"0") + binunicode(b"cpu") + b"K\x06tQ",
    b"(" + binunicode(b"storage") + b"ctorch\nLongStorage\n" + binunicode(b"1") + binunicode(b"cpu") + b"K\x03tQ",
]  # fmt: skip
MORE_NAMES = [
    b"ctorch._utils\n_rebuild_tensor_v3\n", b"ctorch._utils\n_rebuild_parameter\n", b"ctorch._utils\n_rebuild_parameter_with_state\n",
    b"cnumpy._core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\n", b"cnumpy._core.multiarray\nscalar\n", b"ctorch\nint64\n",
    b"ccollections\nCounter\n", b"ccollections\ndefaultdict\n", b"cbuiltins\nfrozenset\n", b"cbuiltins\ndict\n", b"cbuiltins\nrange\n",
    b"cbuiltins\nslice\n", b"ctorch.optim.adam\nAdam\n", b"ctorch.nn.modules.container\nSequential\n", b"ctorch._C\nGenerator\n",
    b"cargparse\nNamespace\n", b"ctypes\nSimpleNamespace\n", b"cpathlib\nPosixPath\n", b"ctorch.nn.functional\nrelu\n",
    b"ctorch.return_types\nmax\n", b"cdatetime\ntimedelta\n", b"ctorch.utils.data.dataset\nTensorDataset\n", b"ctorch.nn.modules.rnn\nLSTM\n",
]  # fmt: skip
ACTIONS = [
    b"R",
    b"R",
    b"R",
    b"b",
    b"b",
    b"\x81",
    b"\x81",
    b"t",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"a",
    b"e",
    b"s",
    b"u",
    b"\x90",
    b"\x91",
    b"0",
    b"l",
    b"d",
]


def generated(rng) -> bytes:
    """An archive with a pickle made of sound parts in random order."""
    parts, memo = [b"\x80\x02"], 0
    for _ in range(rng.randrange(3, 60)):
        kind = rng.random()
        if kind < 0.4:
            parts.append(rng.choice(ATOMS))
        elif kind < 0.6:
            parts.append(rng.choice(NAMES + MORE_NAMES))
        elif kind < 0.9 and rng.random() < 0.8:
            args = b"".join(rng.choice(ATOMS) for _ in range(rng.randrange(8))).replace(b"(" * 2, b"")
            made = rng.choice((b"(" + args + b"tR", b"(" + args + b"tR", b")\x81", b")R"))
            state = rng.choice(
                (b"", b"", rng.choice(ATOMS) + b"b", b"(" + args + b"tb", b"}" + binunicode(b"_modules") + b"}sb")
            )
            parts.append(rng.choice(NAMES + MORE_NAMES) + made + state)
        elif kind < 0.68 and memo:
            parts.append(b"h" + bytes([rng.randrange(memo)]))
        elif kind < 0.75 and memo < 255:
            parts.append(b"q" + bytes([memo]))
            memo += 1
        else:
            parts.append(rng.choice(ACTIONS))
    parts += [b"t", b"."] if rng.random() < 0.5 else [b"."]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("a/data.pkl", b"".join(parts))
        target.writestr("a/version", "3\n")
        target.writestr("a/data/0", bytes(24))
        target.writestr("a/data/1", bytes(24))
    return file.getvalue()


def main(count=100_000, seed=0):
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    rng = random.Random(seed)
    files = seeds()
    found, slowest = collections.Counter(), 0.0
    began = time.monotonic()
    for number in range(count):
        data = rng.choice(files)
        if rng.random() < 0.3:
            data = generated(rng)
        elif data[:2] == b"PK" and rng.random() < 0.6:
            data = rezipped(rng, data)
        else:
            data = mutated(rng, data, EDGES + OPCODES + NAMES)
        start = time.monotonic()
        try:
            torch.load(io.BytesIO(data), weights_only=rng.random() < 0.4)
            found["loaded"] += 1
        except ALLOWED as error:
            found[f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"] += 1
        except BaseException as error:
            print(f"file {number} of seed {seed}: {type(error).__name__}: {error}")
            open(f"/tmp/fuzz-{seed}-{number}.bin", "wb").write(data)
            found[f"UNEXPECTED {type(error).__name__}"] += 1
        took = time.monotonic() - start
        if took > SECONDS:
            print(f"file {number} of seed {seed}: took {took:.1f} s")
        slowest = max(slowest, took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    for what, times in sorted(found.items(), key=lambda item: -item[1])[:40]:
        print(f"{times:7d}  {what}")
    print(f"{count} files in {time.monotonic() - began:.0f} s, the slowest {slowest:.2f} s, peak {peak} MiB")
    return any(what.startswith("UNEXPECTED") for what in found)


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:])))
