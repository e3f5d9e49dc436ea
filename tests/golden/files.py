"""A corpus of objects saved by PyTorch and read by rustgrad, and the other way round, compared bit for bit.

Usage: PYTHON_WITH_TORCH_AND_RUSTGRAD tests/golden/files.py [--write]. `--write` also makes the small files of
tests/serialization, which the suite reads. The suite itself never needs PyTorch.
"""

from __future__ import annotations

import collections
import io
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

import rustgrad

sys.path.insert(0, str(Path(__file__).parent.parent))

from serialization.described import Described, same

FOLDER = Path(__file__).parent.parent / "serialization"
DTYPES = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex32 complex64 "
    "complex128"
).split()
FORMATS = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}

Point = collections.namedtuple("Point", ["x", "y"])


class Net:
    """Makes a module of user classes for either library."""

    made: dict = {}

    @classmethod
    def of(cls, lib):
        if lib not in cls.made:

            class Block(lib.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.fc = lib.nn.Linear(3, 2)
                    self.register_buffer("count", lib.zeros(2))
                    self.register_buffer("scratch", lib.ones(1), persistent=False)
                    self.note = {"depth": 3}

                def forward(self, x):
                    return self.fc(x)

            Block.__qualname__ = "Block"
            cls.made[lib] = Block
        return cls.made[lib]


def values(lib, shape=(2, 3), dtype="float32"):
    """Small numbers of any dtype."""
    n = int(np.prod(shape))
    return (lib.arange(n) % 5).reshape(shape).to(getattr(lib, dtype))


CORPUS: dict = {}


def case(name, **options):
    def add(function):
        CORPUS[name] = (function, options)
        return function

    return add


def tensors():
    """Tensors: every dtype in several shapes and layouts."""
    for dtype in DTYPES:
        for name, make in {
            "matrix": lambda lib, d: values(lib, (2, 3), d),
            "scalar": lambda lib, d: values(lib, (), d),
            "empty": lambda lib, d: values(lib, (0, 3), d),
            "transposed": lambda lib, d: values(lib, (2, 3), d).t(),
            "row": lambda lib, d: values(lib, (4, 3), d)[2],
            "column": lambda lib, d: values(lib, (4, 3), d)[:, 1],
            "steps": lambda lib, d: values(lib, (10,), d)[1::3],
            "pair": lambda lib, d: (lambda x: [x, x[1:], x.t(), x[:, 2]])(values(lib, (3, 3), d)),
        }.items():
            case(f"{name} {dtype}", dtype=dtype)(lambda lib, make=make, dtype=dtype: make(lib, dtype))
    layouts = {
        "expanded": lambda lib: values(lib, (1, 3)).expand(4, 3),
        "expanded scalar": lambda lib: lib.tensor(2.0).expand(1000),
        "permuted": lambda lib: values(lib, (2, 3, 4)).permute(2, 0, 1),
        "channels last": lambda lib: values(lib, (2, 3, 4, 4)).contiguous(memory_format=lib.channels_last),
        "seven dims": lambda lib: values(lib, (1, 2, 1, 2, 1, 2, 1)),
        "views apart": lambda lib: (lambda x: [x[:10], x[9000:9010], x[5:15]])(values(lib, (10000,))),
        "views of a row": lambda lib: (lambda x: {"a": x[0], "b": x[0, 1:], "c": x[2]})(values(lib, (3, 4))),
        "same tensor twice": lambda lib: (lambda x: [x, x])(values(lib)),
        "detached twins": lambda lib: (lambda x: [x, x.detach()])(values(lib)),
        "empty view": lambda lib: values(lib)[2:2],
        "empty views": lambda lib: (lambda x: [x, x[:0], x[2:2], x[:, :0]])(values(lib)),
        "requires grad": lambda lib: values(lib).requires_grad_(),
        "non leaf": lambda lib: values(lib).requires_grad_() * 2,
        "nan and infinities": lambda lib: lib.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45]),
        "unfolded": lambda lib: values(lib, (10,)).as_strided((4, 3), (2, 1), 1),
        "parameter": lambda lib: lib.nn.Parameter(values(lib)),
        "frozen parameter": lambda lib: lib.nn.Parameter(values(lib), requires_grad=False),
        "tied parameters": lambda lib: (lambda p: [p, p, lib.nn.Parameter(p.data)])(lib.nn.Parameter(values(lib))),
        "parameter of a view": lambda lib: lib.nn.Parameter(values(lib, (4, 4)).t()[1:]),
        "integer parameter": lambda lib: lib.nn.Parameter(values(lib, dtype="int64"), requires_grad=False),
    }
    for name, make in layouts.items():
        case(name)(make)

    @case("attributes")
    def _(lib):
        t = values(lib)
        t.note = "kept"
        t.more = [1, values(lib)]
        return t

    @case("parameter with attributes")
    def _(lib):
        p = lib.nn.Parameter(values(lib))
        p.tag = ("a", 1)
        return p


def plain():
    """Everything that is no tensor."""
    objects = {
        "none": None, "true": True, "int": 3, "negative": -1, "255": 255, "256": 256, "65536": 65536, "2**31": 2**31,
        "-2**31": -(2**31), "2**63": 2**63, "2**70": 2**70, "-2**70": -(2**70), "2**3000": 2**3000, "float": 0.1,
        "inf": float("inf"), "complex": 1 - 2j, "text": "text", "unicode": "\u00e9\u4e2d\U0001f600",
        "long text": "ab" * 5000,
        "nul": "a\0b\n", "bytes": b"ab\xff", "no bytes": b"", "long bytes": bytes(range(256)) * 300,
        "bytearray": bytearray(b"abc"), "list": [1, [2, [3, []]]], "tuple": (1, (2, (3, ()))),
        "long tuple": (1, 2, 3, 4, 5),
        "dict": {"a": 1, 2: "b", (1, 2): None}, "set": {1, 2, 3}, "empty set": set(),
        "numbers": list(range(3000)), "floats": [0.5 * i for i in range(300)],
        "mixed numbers": [1, 2.5, None, True] * 60,
        "texts": [str(i) for i in range(2000)], "large dict": {str(i): i for i in range(2000)},
        "ordered": collections.OrderedDict([("b", 1), ("a", 2)]), "counter": collections.Counter("abracadabra"),
        "nested": {"a": [{"b": ({"c": {1}},)}]}, "nan": float("nan"),
    }  # fmt: skip
    for name, value in objects.items():
        case(name)(lambda lib, value=value: value)

    @case("recursive list")
    def _(lib):
        x = [1]
        x.append(x)
        return x

    @case("recursive dict")
    def _(lib):
        x = {}
        x["me"] = [x]
        return x

    @case("size")
    def _(lib):
        return [lib.Size([]), lib.Size([2, 3]), values(lib).shape]

    @case("dtypes")
    def _(lib):
        return [getattr(lib, d) for d in ("float32", "float64", "int64", "bool", "bfloat16")]

    @case("device")
    def _(lib):
        return [lib.device("cpu"), lib.device("cuda", 1), lib.device("cpu", 0)]

    @case("layout")
    def _(lib):
        return lib.strided

    @case("frozen set", weights_only=False)
    def _(lib):
        return frozenset([1, (2, 3)])

    @case("namedtuple", register=[Point])
    def _(lib):
        return Point(values(lib), 2)

    @case("result with names", weights_only=False)
    def _(lib):
        return lib.max(values(lib), 0)

    @case("defaultdict", weights_only=False)
    def _(lib):
        return collections.defaultdict(list, {"a": [values(lib)]})

    @case("numpy", weights_only=False)
    def _(lib):
        return [
            np.arange(6).reshape(2, 3),
            np.arange(6.0).reshape(2, 3).T,
            np.float32(1.5),
            np.int64(3),
            np.array(["ab", "c"]),
        ]

    @case("range and slice", weights_only=False)
    def _(lib):
        return [range(3), slice(1, None, 2)]


def models():
    """State dicts, optimizers, whole modules."""
    nn = {
        "linear": lambda lib: lib.nn.Linear(3, 2),
        "no bias": lambda lib: lib.nn.Linear(3, 2, bias=False),
        "conv": lambda lib: lib.nn.Conv2d(3, 4, (3, 2), stride=2, padding=1),
        "norm": lambda lib: lib.nn.LayerNorm(4),
        "embedding": lambda lib: lib.nn.Embedding(5, 3, padding_idx=1),
        "dropout": lambda lib: lib.nn.Dropout(0.3),
        "sequential": lambda lib: lib.nn.Sequential(
            lib.nn.Linear(3, 2), lib.nn.ReLU(), lib.nn.Sequential(lib.nn.Tanh())
        ),
        "named": lambda lib: lib.nn.Sequential(collections.OrderedDict(a=lib.nn.Linear(2, 2), b=lib.nn.GELU())),
        "list": lambda lib: lib.nn.ModuleList([lib.nn.Linear(2, 2), lib.nn.Sigmoid()]),
        "module dict": lambda lib: lib.nn.ModuleDict({"x": lib.nn.Linear(2, 2)}),
        "parameter list": lambda lib: lib.nn.ParameterList([lib.ones(2), lib.zeros(1)]),
        "flatten": lambda lib: lib.nn.Sequential(lib.nn.Flatten(), lib.nn.Identity()),
        "pool": lambda lib: lib.nn.MaxPool2d(2, stride=1),
        "loss": lambda lib: lib.nn.CrossEntropyLoss(),
        "mse": lambda lib: lib.nn.MSELoss(reduction="sum"),
        "eval": lambda lib: lib.nn.Sequential(lib.nn.Dropout(0.5)).eval(),
        "tied": lambda lib: tied(lib),
    }
    for name, make in nn.items():
        case(f"module {name}", weights_only=False)(seeded(make))
        case(f"state dict {name}")(seeded(lambda lib, make=make: make(lib).state_dict()))
    case("user module", weights_only=False)(seeded(lambda lib: Net.of(lib)()))
    case("user state dict")(seeded(lambda lib: Net.of(lib)().state_dict()))
    case("checkpoint")(seeded(checkpoint))
    for name, make in {
        "sgd": lambda lib, p: lib.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        "adam": lambda lib, p: lib.optim.Adam(p, amsgrad=True),
        "adamw": lambda lib, p: lib.optim.AdamW(p, lr=1e-2, betas=(0.8, 0.9)),
    }.items():
        case(f"optimizer state {name}")(seeded(lambda lib, make=make: trained(lib, make)[1].state_dict()))
        case(f"optimizer {name}", weights_only=False)(seeded(lambda lib, make=make: trained(lib, make)[1]))


def tied(lib):
    net = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Linear(2, 2))
    net[1].weight = net[0].weight
    return net


def seeded(make):
    def run(lib):
        lib.manual_seed(1)
        return make(lib)

    return run


def trained(lib, make):
    net = lib.nn.Linear(3, 2)
    optimizer = make(lib, net.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        net(lib.ones(1, 3)).sum().backward()
        optimizer.step()
    return net, optimizer


def checkpoint(lib):
    net, optimizer = trained(lib, lambda lib, p: lib.optim.Adam(p))
    return {
        "epoch": 7, "loss": 0.25, "model": net.state_dict(), "optimizer": optimizer.state_dict(),
        "best": lib.tensor(0.5),
        "config": {"lr": 1e-3, "layers": [3, 2], "name": "net"}, "rng": lib.get_rng_state(), "history": [0.1] * 200,
    }  # fmt: skip


# --- checking


def roundtrip(write, read, obj, save, load):
    file = io.BytesIO()
    with_net(write)
    write.save(obj, file, **save)
    file.seek(0)
    with_net(read)
    return read.load(file, **load)


def check(name, make, options, save) -> list[str]:
    """What is wrong with one object in one format."""
    load = {"weights_only": options.get("weights_only", True)}
    dtype = options.get("dtype", "float32")
    wrong = []
    register = options.get("register", [])
    if not hasattr(rustgrad, dtype):
        # What we lack is refused with the dtype's name.
        try:
            roundtrip(torch, rustgrad, make(torch), save, load)
            return ["a dtype that is not there was read"]
        except NotImplementedError as error:
            return [] if f"torch.{dtype}" in str(error) else [f"the error does not name the dtype: {error}"]
    with torch.serialization.safe_globals(register), rustgrad.serialization.safe_globals([*register, Net.of(rustgrad)]):
        for write, read in ((torch, rustgrad), (rustgrad, torch), (rustgrad, rustgrad)):
            # Views that PyTorch saves alone keep its offset, ours only what they show.
            offsets = write is torch
            try:
                got = Described(read, offsets)(roundtrip(write, read, make(write), save, load))
            except Exception as error:
                if read is torch and not torch_reads(make, save, load):
                    continue  # nor does PyTorch read what it writes itself
                wrong.append(f"{write.__name__} -> {read.__name__}: {type(error).__name__}: {str(error)[:300]}")
                continue
            want = Described(torch, offsets)(make(torch))
            if not same(got, want):
                wrong.append(f"{write.__name__} -> {read.__name__}:\n   got {got}\n  want {want}"[:3000])
    return wrong


def torch_reads(make, save, load) -> bool:
    try:
        roundtrip(torch, torch, make(torch), save, load)
    except Exception:
        return False
    return True


def write_files():
    """The small files that the suite reads."""
    torch.manual_seed(0)
    expected = {}
    state = {**checkpoint(torch), "rng": torch.arange(3), "history": [0.5, 0.25]}
    views = (lambda x: [x, x[1:], x.t(), torch.nn.Parameter(x[:2])])(torch.arange(9.0).reshape(3, 3))
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.LayerNorm(2))
    plain = {
        "int": 2**70,
        "float": 0.1,
        "set": {1},
        "bytes": b"ab",
        "none": None,
        "size": torch.Size([2]),
        "dtype": torch.int64,
    }
    for name, obj in {"checkpoint": state, "views": views, "module": net, "plain": plain}.items():
        for kind, options in FORMATS.items():
            if (name, kind) == ("module", "legacy"):
                continue  # it holds the source of PyTorch's classes
            torch.save(obj, FOLDER / f"{name}.{kind}.pt", **options)
        expected[name] = repr(Described(torch, True)(obj))
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in expected.items())
    (FOLDER / "expected.json").write_text("{\n" + text + "\n}\n")


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    tensors()
    plain()
    models()
    failed = done = 0
    for name, (make, options) in CORPUS.items():
        for kind, save in FORMATS.items():
            for protocol in (2,) if "dtype" in options else (2, 3):
                done += 1
                wrong = check(name, make, options, {**save, "pickle_protocol": protocol})
                failed += bool(wrong)
                for line in wrong:
                    print(f"{name} ({kind}, protocol {protocol}): {line}"[:1500])
    print(f"{len(CORPUS)} objects, {done} checks in three directions, {failed} failed")
    if "--write" in sys.argv:
        write_files()
    return failed


def with_net(lib):
    """`__main__.Block`, by which files know the user's module."""
    globals()["Block"] = Net.of(lib)


if __name__ == "__main__":
    raise SystemExit(main())
