"""Sample arguments, from the text that a registry row gives, for any library with PyTorch's API.

`u(2, 3)` is a tensor of the dtype under test with values in [-2, 2] (`lo=`, `hi=`), `pos` positive, `nz` far from
zero, `uniq` all different, `edges(..)` the listed values, `ix(3, n=4)` int64 in [0, n), `at(2, 0)` int64 as listed,
`mask` bool, `cx(2, 3)` complex numbers whose parts are two `u`. Values come from numpy, seeded by the text,
and are exact in every float dtype, so that PyTorch and the tests see the same inputs.
"""

import math
import zlib

import numpy as np

# Each dtype's samples are one test of a row. (`tests/golden/make.py` asks them in the opposite order.)
INTS = ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPES = ("bool", *INTS, *FLOATS)
UNSIGNED = ("bool", "uint8", "uint16", "uint32", "uint64")
NAMES = (*DTYPES, "channels_last", "contiguous_format", "preserve_format", "strided")
SEED = 7


class Sample:
    """One evaluation of a sample's text: `args`, `kwargs`, and the `leaves` that may require gradients."""

    def __init__(self, lib, text, dtype, *, grad=False, strided=False, shift=0.0, device="cpu"):
        self.lib, self.text, self.dtype, self.device = lib, text, dtype, device
        self.grad, self.strided, self.shift = grad, strided, shift
        self.leaves = []
        self.typed = False
        self.drawn = 0
        env = {name: getattr(lib, name) for name in NAMES}
        env |= {"INF": math.inf, "NAN": math.nan, "inf": math.inf, "nan": math.nan, "device": lib.device}
        env["torch"] = lib if device == "cpu" else Placed(lib, device)
        env |= {f: getattr(self, f) for f in ("u", "pos", "nz", "uniq", "edges", "ix", "at", "mask", "cx")}
        self.args, self.kwargs = eval(f"_pair({text})", env | {"_pair": lambda *a, **k: (list(a), k)})

    # ---- what the text may call

    def u(self, *shape, lo=None, hi=None):
        low, high = (
            (-2.0, 2.0) if lo is None and hi is None else (-2.0 if lo is None else lo, 2.0 if hi is None else hi)
        )
        if self.dtype in FLOATS:
            return self.floats(shape, low, high)
        wide = lo is None and hi is None
        return self.integers(shape, -9 if wide else math.ceil(low), 9 if wide else math.floor(high))

    def pos(self, *shape, lo=0.125, hi=2.0):
        return self.floats(shape, lo, hi) if self.dtype in FLOATS else self.integers(shape, 1, 9)

    def nz(self, *shape):
        rng = self.rng()
        sign = rng.choice([-1.0, 1.0], shape)
        if self.dtype in FLOATS:
            return self.leaf(sign * grid(rng.uniform(0.5, 2.0, shape), 2.0))
        size = rng.randint(1, 9, shape)
        return self.leaf(size if self.dtype in UNSIGNED else sign * size)

    def uniq(self, *shape):
        n = math.prod(shape)
        order = self.rng().permutation(n).reshape(shape)
        if self.dtype in FLOATS:
            return self.leaf((order - n // 2) / 8)
        return self.leaf(order % 2 if self.dtype == "bool" else order if self.dtype in UNSIGNED else order - n // 2)

    def edges(self, *values):
        values = np.array(values, float)
        if self.dtype not in FLOATS:
            low, high = limits(self.dtype)
            values = np.trunc(values[np.isfinite(values)])
            values = values[(values >= low) & (values <= high)]
        return self.leaf(values)

    def ix(self, *shape, n):
        return self.place(self.rng().randint(0, n, shape), "int64")

    def at(self, *values):
        return self.place(np.array(values), "int64")

    def mask(self, *shape):
        return self.place(self.rng().randint(0, 2, shape), "bool")

    def cx(self, *shape):
        parts = self.u(*shape), self.u(*shape)
        if self.dtype not in ("float32", "float64"):
            parts = [t.float() for t in parts]
        return self.lib.complex(*parts)

    # ---- how they make it

    def rng(self):
        self.drawn += 1
        return np.random.RandomState((zlib.crc32(self.text.encode()) + self.drawn) % 2**32)

    def floats(self, shape, low, high):
        return self.leaf(grid(self.rng().uniform(low, high, shape), max(abs(low), abs(high))))

    def integers(self, shape, low, high):
        low = max(low, 0) if self.dtype in UNSIGNED else low
        high = max(high, low)
        top = min(high, 1) + 1 if self.dtype == "bool" else high + 1
        return self.leaf(self.rng().randint(min(low, top - 1), top, shape))

    def leaf(self, values):
        self.typed = True
        if self.shift:
            values = values + self.shift * weights(self.text, 500 + len(self.leaves), np.shape(values))
        t = self.place(values, self.dtype)
        if self.dtype in FLOATS:
            if self.grad:
                t.requires_grad_()
            self.leaves.append(t)
        return t

    def place(self, values, dtype):
        """The values as a tensor: contiguous, or spread over memory in another order."""
        values = np.asarray(values, np.float64 if dtype in FLOATS else np.int64)
        if not self.strided:
            return tensor(self.lib, values, dtype, self.device)
        spread = np.full((*reversed(values.shape), 2), 1, values.dtype)
        spread[..., 0] = values.transpose()
        t = tensor(self.lib, spread, dtype, self.device).select(-1, 0)
        return t.permute(tuple(reversed(range(values.ndim)))).detach()


class Placed:
    """A library whose `tensor`, `eye` and kin make their tensors on `device`."""

    MAKERS = ("tensor", "eye", "zeros", "ones", "full", "arange", "empty")

    def __init__(self, lib, device):
        self.lib, self.device = lib, device

    def __getattr__(self, name):
        found = getattr(self.lib, name)
        if name not in self.MAKERS:
            return found
        return lambda *args, **kwargs: found(*args, **kwargs).to(self.device)


def limits(dtype):
    """The least and the greatest whole number that float64 and an integer dtype both hold."""
    if dtype == "bool":
        return 0, 1
    return max(np.iinfo(dtype).min, -(2**53)), min(np.iinfo(dtype).max, 2**53)


def grid(values, limit):
    """Rounded to 7 bits below `limit`, so that bfloat16 holds them exactly."""
    step = 2.0 ** (math.ceil(math.log2(max(limit, 1e-6))) - 7)
    return np.round(values / step) * step


def tensor(lib, values, dtype, device="cpu"):
    t = lib.from_numpy(np.ascontiguousarray(values)).reshape(values.shape).to(getattr(lib, dtype))
    return t if device == "cpu" else t.to(device)


def weights(text, index, shape):
    """The fixed cotangent of output `index`: a few quarters, none of them zero."""
    rng = np.random.RandomState((zlib.crc32(text.encode()) + 1000 + index) % 2**32)
    return rng.choice([-1.0, 1.0], shape) * rng.randint(1, 8, shape) / 4
