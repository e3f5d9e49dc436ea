"""Hostile files: a clear error of the right class, soon and in little memory, and nothing is ever run."""

import collections
import io
import os
import pickle
import random
import struct
import zipfile

import pytest

import rustgrad as torch


def archive(pkl, records=None, drop=(), **options):
    """A zip archive with this pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as target:
        for name, data in {"data.pkl": pkl, "version": b"3\n", **(records or {})}.items():
            if name not in drop:
                target.writestr(f"archive/{name}", data)
    return file.getvalue()


def load(data, **options):
    return torch.load(io.BytesIO(data), **options)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def storage(kind="Float", key="0", count=b"K\x06"):
    return b"(" + text("storage") + f"ctorch\n{kind}Storage\n".encode() + text(key) + text("cpu") + count + b"tQ"


def tensor(size=b"K\x02K\x03\x86", stride=b"K\x03K\x01\x86", offset=b"K\0", held=None):
    """The pickle of a tensor of six floats, with a part replaced."""
    name = b"ctorch._utils\n_rebuild_tensor_v2\n"
    end = b"\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02" + name + b"(" + (held or storage()) + offset + size + stride + end + b"."


DATA = {"data/0": bytes(24)}
MINUS = b"J\xff\xff\xff\xff"
HUGE = b"\x8a\x08" + struct.pack("<q", 1 << 62)


def test_the_tensor_itself_loads():
    assert load(archive(tensor(), DATA)).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize(
    ("pkl", "message"),
    {
        "larger than the storage": (tensor(size=b"M\xff\0K\x03\x86"), "out of bounds for storage of size 24"),
        "behind the storage": (tensor(offset=b"K\x01"), "out of bounds for storage of size 24"),
        "negative size": (tensor(size=MINUS + b"K\x03\x86"), "negative dimension -1"),
        "negative stride": (tensor(stride=MINUS + b"K\x01\x86"), "Negative strides are not supported"),
        "negative offset": (tensor(offset=MINUS), "invalid storage offset -1"),
        "overflow": (tensor(size=HUGE + HUGE + b"\x86", stride=b"K\0K\0\x86"), "overflowed"),
        "overflowing reach": (tensor(stride=HUGE + HUGE + b"\x86", size=b"K\x03K\x03\x86"), "overflowed"),
        "65 dims": (tensor(size=b"(" + b"K\x01" * 65 + b"t", stride=b"(" + b"K\x01" * 65 + b"t"), "too large"),
        "two lengths": (tensor(size=b"K\x02\x85"), "mismatch in length of strides and shape"),
        "record too small": (tensor(held=storage(count=b"K\x07")), r"record size \(24 bytes\) does not match"),
        "record too large": (tensor(held=storage(count=b"K\x01")), r"record size \(24 bytes\) does not match"),
        "no record": (tensor(held=storage(key="7")), "failed locating file data/7"),
        "a path as key": (tensor(held=storage(key="../version")), "failed locating file data/../version"),
    }.values(),
)
def test_tensors_that_do_not_fit(pkl, message):
    with pytest.raises(RuntimeError, match=message):
        load(archive(pkl, DATA))


def test_tensors_of_the_first_years():
    state = b"(" + storage() + b"K\0K\x02K\x03\x86K\x03K\x01\x86t"
    for name in (b"ctorch\nTensor\n", b"ctorch\nFloatTensor\n"):
        assert load(archive(b"\x80\x02" + name + b")R" + state + b"b.", DATA)).tolist() == [[0, 0, 0]] * 2
        with pytest.raises((pickle.UnpicklingError, RuntimeError)):
            load(archive(b"\x80\x02" + name + b")R" + state.replace(b"K\x02K\x03", b"K\x03K\x03") + b"b.", DATA))
        with pytest.raises(pickle.UnpicklingError, match="four parts"):
            load(archive(b"\x80\x02" + name + b")R}b.", DATA))


def test_dtypes_that_are_not_there():
    with pytest.raises(NotImplementedError, match="quantized tensors"):
        load(archive(tensor(held=storage("QInt8")), DATA))
    with pytest.raises(NotImplementedError, match=r"dtype torch\.bits8, which rustgrad does not have"):
        load(archive(b"\x80\x02ctorch\nbits8\n."))
    assert load(archive(b"\x80\x02ctorch\nfloat8_e5m2\n.")) is torch.float8_e5m2  # a name, without a tensor
    with pytest.raises(NotImplementedError, match="sparse tensors in rows or columns, which"):
        load(archive(b"\x80\x02ctorch._utils\n_rebuild_sparse_csr_tensor\n)R."))


CALLS = {
    "a command": b"cos\nsystem\n" + text("echo") + b"\x85R",
    "the same by another protocol": b"\x8c\x02os\x8c\x06system\x93" + text("echo") + b"\x85R",
    "posix": b"cposix\nsystem\n" + text("echo") + b"\x85R",
    "eval": b"c__builtin__\neval\n" + text("1") + b"\x85R",
    "getattr": b"c__builtin__\ngetattr\nctorch\nTensor\n" + text("numpy") + b"\x86R",
    "a dotted name": b"ccollections\nOrderedDict.fromkeys\n(lt\x85R",
    "a module": b"crustgrad\nserialization\n",
    "our own loader": b"crustgrad.serialization\nload\n" + text("/etc/passwd") + b"\x85R",
    "a layer with arguments": b"ctorch.nn.modules.linear\nLinear\n" + HUGE + HUGE + b"\x86R",
    "a layer made with arguments": b"ctorch.nn.modules.linear\nLinear\n" + HUGE + HUGE + b"\x86\x81",
    "a dtype that is called": b"ctorch\nfloat32\n)R",
    "text that is called": text("abc") + b")R",
    "an instance": b"ios\nsystem\n",
    "an old instance": b"(cos\nsystem\no",
    "an extension": b"\x82\x01",
    "a function of the library": b"ctorch.nn.functional\nrelu\n(ltR",
    "the class of an object": b"ccopyreg\n_reconstructor\n(cos\nDirEntry\nc__builtin__\nobject\nNtR",
    "a bound class": b"ccopyreg\n_reconstructor\n(c__builtin__\ndict\nc__builtin__\nobject\nNtR",
    "attributes of a class": b"ctorch\nTensor\n}" + text("a") + b"K\x01sb",
    "attributes of a list": b"]}b",
    "a class of enum": b"cenum\nEnum\n" + text("a") + b"\x85R",
    "a partial": b"cfunctools\npartial\ncos\nsystem\n\x85R",
}


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_run(name, trusted, monkeypatch):
    ran = []
    monkeypatch.setattr(os, "system", ran.append)
    with pytest.raises(pickle.UnpicklingError, match=r"^Weights only load failed"):
        load(archive(b"\x80\x02" + CALLS[name] + b"."), weights_only=trusted)
    assert ran == []


BAD_PICKLES = {
    "nothing": b"",
    "cut short": b"\x80\x02]q",
    "an unknown opcode": b"\x80\x02\xfe.",
    "an empty stack": b"\x80\x02.",
    "no memo": b"\x80\x02h\x05.",
    "no mark": b"\x80\x02t.",
    "protocol 9": b"\x80\x09N.",
    "left over": b"\x80\x02NN.",
    "long text": b"\x80\x02X\xff\xff\xff\xffabc.",
    "longer text": b"\x80\x04\x8d" + b"\xff" * 8 + b"abc.",
    "long bytes": b"\x80\x04\x8e" + struct.pack("<q", 1 << 60) + b".",
    "a long array": b"\x80\x05\x96" + struct.pack("<q", 1 << 60) + b".",
    "a long number": b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b".",
    "a negative length": b"\x80\x02T" + struct.pack("<i", -1) + b".",
    "digits": b"L" + b"9" * 60_000 + b"L\n.",
    "no key": b"\x80\x02}(K\x01u.",
    "no text": b"\x80\x02X\x01\0\0\0\xff.",
    "an array of a number": b"\x80\x02c__builtin__\nbytearray\n" + HUGE + b"\x85R.",
    "an array of a range": b"\x80\x02c__builtin__\nbytearray\nc__builtin__\nxrange\n" + HUGE + b"\x85R\x85R.",
    "a set of text": b"\x80\x02c__builtin__\nset\n" + text("ab") + b"\x85R.",
    "an unhashable member": b"\x80\x02]]\x85(]t.",
    "a list as key": b"\x80\x02}]K\x01s.",
    "a size of text": b"\x80\x02ctorch\nSize\n" + text("ab") + b"\x85R.",
    "an unknown id": b"\x80\x02" + text("a") + b"Q.",
    "an id of another kind": b"\x80\x02" + text("module") + b"K\x01\x86Q.",
    "no type in an id": b"\x80\x02(" + text("storage") + b"NK\0" + text("cpu") + b"K\x01tQ.",
    "setting nothing": b"\x80\x02NK\x01K\x02s.",
}


@pytest.mark.parametrize("name", BAD_PICKLES)
def test_bad_pickles(name):
    for trusted in (True, False):
        with pytest.raises(pickle.UnpicklingError, match=r"^Weights only load failed"):
            load(archive(BAD_PICKLES[name]), weights_only=trusted)


def test_one_part_named_often():
    """Text of a megabyte that is copied a hundred thousand times, and its kin."""
    big = text("a" * 100_000) + b"q\0"
    for call in (
        b"c_codecs\nencode\n" + big + text("latin1") + b"\x86q\1R" + b"c_codecs\nencode\nh\1R" * 1000,
        b"(" + b"K\1" * 100_000 + b"l\x85q\0" + b"c__builtin__\nset\nh\0R" * 1000,
    ):
        with pytest.raises(pickle.UnpicklingError, match="makes far more data than it holds"):
            load(archive(b"\x80\x02" + call + b"."))


def test_keys_that_take_for_ever_to_hash():
    doubled = b")" + b"q\0h\0\x86" * 60  # a tuple of 2**60 parts
    deep = b")" + b"\x85" * 30_000
    for key in (doubled, deep):
        for made in (b"}" + key + b"Ns.", b"\x8f(" + key + b"\x90.", b"c__builtin__\nset\n]" + key + b"a\x85R."):
            with pytest.raises(pickle.UnpicklingError, match="tuple of too many parts"):
                load(archive(b"\x80\x02" + made))


def test_deep_nesting_is_no_recursion():
    x = load(archive(b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."))
    depth = 0
    while x:
        x, depth = x[0], depth + 1
    assert depth == 49_999
    load(archive(b"\x80\x02)" + b"\x85" * 50_000 + b"."))


# --- archives


def saved(obj=None, **options):
    file = io.BytesIO()
    torch.save([torch.arange(6.0), "text"] if obj is None else obj, file, **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_every_truncation(options):
    whole = saved(**options)
    for cut in range(1, len(whole), 7):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            load(whole[:cut])


def test_a_wrong_checksum():
    data = bytearray(saved())
    at = data.index(torch.arange(6.0)._to_bytes())
    data[at] ^= 1
    with pytest.raises(RuntimeError, match="record 'archive/data/0' has the checksum"):
        load(bytes(data))
    data[at] ^= 1
    data[data.index(b"text")] ^= 1
    with pytest.raises(RuntimeError, match=r"record 'archive/data\.pkl' has the checksum"):
        load(bytes(data))


def test_damaged_archives():
    cases = {
        "compressed, which files of torch.save never are": archive(tensor(), DATA, compression=zipfile.ZIP_DEFLATED),
        r'hasRecord\("version"\)': archive(tensor(), DATA, drop=("version",)),
        "failed locating file data.pkl": archive(tensor(), DATA, drop=("data.pkl",)),
        "TorchScript": archive(tensor(), {**DATA, "constants.pkl": b"\x80\x02)."}),
        "version 99": archive(tensor(), DATA | {"version": b"99\n"}),
    }
    for message, data in cases.items():
        with pytest.raises(RuntimeError, match=message):
            load(data)
    with pytest.raises(ValueError, match="Unknown endianness type"):
        load(archive(tensor(), DATA | {"byteorder": b"middle"}))


def test_records_that_overlap_or_repeat():
    good = bytearray(archive(tensor(), {**DATA, "data/1": bytes(24)}))
    entries = [i for i in range(len(good)) if good[i : i + 4] == b"PK\1\2"]
    first, second = entries[-2:]
    overlapping = bytearray(good)
    overlapping[second + 42 : second + 46] = good[first + 42 : first + 46]
    twice = bytearray(good)
    at = twice.index(b"data/1", second)
    twice[at : at + 6] = b"data/0"
    large = bytearray(good)
    large[second + 20 : second + 28] = struct.pack("<2I", 1 << 30, 1 << 30)
    for data, message in ((overlapping, "overlaps"), (twice, "occurs twice"), (large, "overlaps|outside|cut short")):
        with pytest.raises(RuntimeError, match=message):
            load(bytes(data))


def test_a_legacy_file_that_claims_more_than_it_has():
    whole = saved(_use_new_zipfile_serialization=False)
    claimed = whole.replace(text("cpu"), text("cpu")).replace(b"K\x06N", HUGE + b"N")
    assert claimed != whole
    with pytest.raises(pickle.UnpicklingError, match="larger than the file"):
        load(claimed)
    with pytest.raises(RuntimeError, match="Invalid magic number"):
        load(pickle.dumps([1, 2]))


def test_other_formats():
    with pytest.raises(RuntimeError, match=r"legacy \.tar format"):
        load(b"x" * 257 + b"ustar" + b"0" * 1000)
    with pytest.raises(pickle.UnpicklingError):
        load(b"this is no file of tensors")


# --- at random


def test_files_damaged_at_random():
    rng = random.Random(0)
    net = torch.nn.Linear(2, 1)
    objects = [[torch.arange(6.0), torch.ones(2, 2).t()], net.state_dict(), {"a": [1, 2.5, (3, None)], (1,): {2}}, net]
    files = [saved(o) for o in objects] + [saved(o, _use_new_zipfile_serialization=False) for o in objects]
    found = collections.Counter()
    for _ in range(1500):
        data = bytearray(rng.choice(files))
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.randrange(len(data))
            data[at : at + rng.choice((0, 1, 1, 2))] = rng.choice(
                (b"\0", b"\xff", b"R", b"(", bytes([rng.randrange(256)]))
            )
        try:
            load(bytes(data), weights_only=rng.random() < 0.5)
            found["loaded"] += 1
        except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
            found[type(error).__name__] += 1
    assert found["loaded"] and found["RuntimeError"] and found["UnpicklingError"]
