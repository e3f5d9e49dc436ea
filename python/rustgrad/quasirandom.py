"""`torch.quasirandom`: Sobol sequences, plain and scrambled. Sobol 1967; Owen 1998.

The direction numbers are those of Joe and Kuo (2008, criterion D(6)) for the first 1111 dims. `_sobol.bin` holds one
byte a dim, how far its primitive polynomial stands behind the one before of its degree, then the initial numbers
of all dims, each without its last bit, which is 1.
"""

from typing import Any

from . import _rustgrad
from ._names import lookup as _lookup
from ._rustgrad import Generator, Tensor, _library
from ._rustgrad.torch import arange, cat, randint, tensor, tril

__all__ = ["SobolEngine"]

# How many dims have a primitive polynomial of degree 1, 2 ...
_DEGREES = (1, 1, 2, 2, 6, 6, 18, 16, 48, 60, 176, 144, 630)
_BITS = 30


def _directions(dims: int) -> Tensor:
    """(dims, 30) int64: what a set bit of the index adds to the point, in units of 2^-30."""
    count = sum(_DEGREES)
    with open(__file__.rpartition("quasirandom")[0] + "_sobol.bin", "rb") as file:
        data = file.read()
    packed = int.from_bytes(data[count:], "little")
    rows = [[1 << (_BITS - 1 - i) for i in range(_BITS)]]
    place = 0
    for degree, many in enumerate(_DEGREES, 1):
        polynomial = -1
        for step in data[place : place + many]:
            if len(rows) == dims:
                return tensor(rows, dtype=_rustgrad.int64)
            polynomial += step
            found = []
            for i in range(degree):
                found.append((packed & ((1 << i) - 1)) << 1 | 1)
                packed >>= i
            taps = [k for k in range(1, degree) if polynomial >> (degree - 1 - k) & 1]
            for i in range(degree, _BITS):
                one = found[i - degree] ^ found[i - degree] << degree
                for k in taps:
                    one ^= found[i - k] << k
                found.append(one)
            rows.append([one << (_BITS - 1 - i) for i, one in enumerate(found)])
        place += many
    return tensor(rows, dtype=_rustgrad.int64)


def _scrambled(directions: Tensor, matrices: Tensor) -> Tensor:
    """The directions' bits, the highest first, times lower triangular matrices of bits, (dims, 30, 30)."""
    powers = arange(_BITS - 1, -1, -1)
    bits = (directions.unsqueeze(1) // 2 ** powers.unsqueeze(1)) % 2
    matrices = matrices.clone()
    matrices.diagonal(dim1=-2, dim2=-1).fill_(1)
    # Sums of at most 30 bits are exact in float32.
    product = (matrices.float() @ bits.float()).long() % 2
    return (product * 2 ** powers.unsqueeze(1)).sum(1)


class SobolEngine:
    """Draws the points of a Sobol sequence, which fill the unit cube [0, 1)^dimension more evenly than random ones.

    dimension: 1 to 1111. scramble: a random linear scrambling and shift of the points, which keeps how even they are.
    seed: of the scrambling; None draws it from the default generator. Raises ValueError for other dimensions; PyTorch
    has 21201, rustgrad as many as keep its wheel small.
    """

    MAXBIT = _BITS
    MAXDIM = sum(_DEGREES) + 1

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None):
        if not 1 <= dimension <= self.MAXDIM:
            more = "" if dimension < 1 else f"\nhint: PyTorch has 21201, of which {_library()} keeps the first 1111"
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]{more}")
        self.seed = seed
        self.scramble = scramble
        self.dimension = dimension
        self.sobolstate = _directions(dimension)
        self.shift = self.sobolstate.new_zeros(dimension)
        if scramble:
            self._scramble()
        self.quasi = self.shift.clone()
        self._first_point = (self.quasi / 2**_BITS).reshape(1, -1)
        self.num_generated = 0

    def _scramble(self) -> None:
        generator = None
        if self.seed is not None:
            generator = Generator()
            generator.manual_seed(self.seed)
        drawn: dict[str, Any] = {"generator": generator}
        shift = randint(2, (self.dimension, _BITS), **drawn)
        self.shift = (shift * 2 ** arange(_BITS)).sum(1)
        self.sobolstate = _scrambled(self.sobolstate, tril(randint(2, (self.dimension, _BITS, _BITS), **drawn)))

    def _points(self, first: int, n: int) -> Tensor:
        """(n, dimension) int64: the points from number `first` on, in units of 2^-30."""
        index = arange(first, first + n)
        gray = index ^ index // 2
        points = self.shift.expand(n, self.dimension).clone()
        for bit in range(max(first + n - 1, 1).bit_length()):
            points ^= (gray // 2**bit % 2).unsqueeze(1) * self.sobolstate[:, bit]
        return points

    def draw(self, n: int = 1, out: Tensor | None = None, dtype=None) -> Tensor:
        """The next `n` points, (n, dimension), of `dtype` or the default one. out: written, resized where needed."""
        if n < 1:
            raise RuntimeError(f"SobolEngine.draw: n must be at least 1, but got {n}")
        dtype = dtype or _rustgrad.get_default_dtype()
        first = self.num_generated
        points = self._points(first, n)
        self.quasi = points[-1].clone()
        result = points.to(dtype) * 2.0**-_BITS
        if first == 0:
            # As in PyTorch, the first point is kept in the default dtype, so that a larger one shows it rounded.
            result = cat([self._first_point.to(dtype), result[1:]])
        self.num_generated += n
        if out is not None:
            return out.resize_as_(result).copy_(result)
        return result

    def draw_base2(self, m: int, out: Tensor | None = None, dtype=None) -> Tensor:
        """The next 2^m points. Raises ValueError where that leaves a number of points that is no power of 2."""
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueError(
                "The balance properties of Sobol' points require n to be a power of 2. "
                f"{self.num_generated} points have been previously generated, then: n={self.num_generated}+2**{m}="
                f"{total}. If you still want to do this, please use 'SobolEngine.draw()' instead."
            )
        return self.draw(n=n, out=out, dtype=dtype)

    def reset(self) -> "SobolEngine":
        """Begin with the first point again, with the same scrambling."""
        self.quasi = self.shift.clone()
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> "SobolEngine":
        """Leave out the next `n` points."""
        self.num_generated += n
        if self.num_generated:
            self.quasi = self._points(self.num_generated - 1, 1)[0]
        return self

    def __repr__(self) -> str:
        parts = [f"dimension={self.dimension}"]
        if self.scramble:
            parts.append("scramble=True")
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(parts)})"


_missing = _lookup("torch.quasirandom")


def __getattr__(name: str):
    return _missing(name)
