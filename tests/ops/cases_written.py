"""Where ops write to and what they refuse there; values at the edges: infinities, NaN, nothing at all."""

import math

from support import Cases, warned
from support import raised as raised_with_hint

CASES = Cases()
case = CASES.case


def raised(fn, *args, **kwargs):
    """The class and message of what a call raises, without what rustgrad adds as a hint."""
    return raised_with_hint(fn, *args, **kwargs).split("\nhint: ")[0]


@case()
def out_of_another_dtype_in_the_words_of_each_function(torch):
    x, z = torch.ones(2), torch.tensor([1j])
    whole, wide = torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.float64)
    found = []
    for name in ("isposinf", "isneginf", "signbit", "nan_to_num", "conj_physical"):
        f = getattr(torch, name)
        found += [raised(f, x, out=whole), raised(f, torch.tensor([1]), out=wide), raised(f, z, out=wide)]
    found += [raised(torch.mode, x, out=(wide, whole)), raised(torch.mode, x, out=(torch.empty(0), wide))]
    found += [raised(f, x, 0, out=(wide, whole)) for f in (torch.cummax, torch.cummin)]
    found += [raised(torch.logcumsumexp, x, 0, out=wide), raised(torch.quantile, x, 0.5, out=wide)]
    found += [raised(torch.complex, x, x, out=torch.empty(2)), raised(torch.polar, x, x, out=torch.empty(2))]
    return found


@case(rtol=1e-6, atol=1e-12)
def out_of_another_dtype_that_fits(torch):
    three, four = torch.tensor([3, 1]), torch.tensor([2, 4])
    found = [torch.max(three, four, out=torch.empty(2)), torch.min(three, four, out=torch.empty(2, dtype=torch.int32))]
    found.append(raised(torch.max, three * 0.5, four, out=torch.empty(2, dtype=torch.int64)))
    found.append(torch.bernoulli(torch.tensor([0.0, 1.0]), out=torch.empty(2, dtype=torch.int64)))
    z, out = torch.tensor([1 + 1j]), torch.empty(1, dtype=torch.complex128)
    found += [torch.float_power(z, 2, out=out), torch.float_power(torch.tensor([2.0]), 1j, out=out.clone())]
    found += [z.to(torch.complex128).float_power_(2), raised(torch.tensor([2.0]).double().float_power_, 1j)]
    return found


@case()
def in_place_over_what_another_argument_reads(torch):
    at = torch.tensor([2, 1, 0])
    found = []
    for name in ("index_add_", "index_copy_"):
        y, i = torch.arange(6.0), at.clone()
        found += [raised(getattr(y, name), 0, at, y[:3]), raised(getattr(i, name), 0, i, at)]
        found.append(getattr(torch.arange(6.0), name)(0, at, torch.ones(3)))
    y, i = torch.arange(6.0), at.clone()
    found += [raised(y.put_, at, y[:3]), raised(i.put_, i, at), raised(i.index_fill_, 0, i, 0)]
    found += [raised(y.index_put_, (at,), y[:3]), raised(i.index_put_, (i,), at)]
    found.append(y[::2].index_add_(0, at, y[1::2]))
    return found


@case()
def rows_with_nan_stay_where_the_sort_leaves_them(torch):
    found, g = [], torch.Generator().manual_seed(3)
    for n in (2, 5, 16, 17, 40, 100):
        for m in (1, 2, 3):
            x = torch.randint(0, 3, (n, m), generator=g).float()
            x[torch.rand(n, m, generator=g) < 0.2] = math.nan
            found += torch.unique(x, dim=0, return_inverse=True, return_counts=True)
    return found


@case()
def running_sums_of_exponentials_that_are_nothing(torch):
    inf, nan = math.inf, math.nan
    numbers = (complex(-inf, inf), complex(-inf, 1), complex(-inf, nan), complex(inf, 1), 2 + 1j)
    return [torch.logcumsumexp(torch.tensor([a, b]), 0) for a in numbers for b in numbers]


@case()
def no_tensors_at_all(torch):
    found = [torch.block_diag(), list(torch.broadcast_tensors())]
    found += [list(f()) for f in (torch.atleast_1d, torch.atleast_2d, torch.atleast_3d)]
    found += [raised(warned, f) for f in (torch.meshgrid, torch.cartesian_prod, torch.chain_matmul)]
    found += [torch.cat([torch.empty(0), torch.empty(0)], 1), torch.cat([torch.empty(0)], 3)]
    found.append(raised(torch.cat, [torch.ones(1)], 1))
    return found


@case()
def norms_and_products_that_do_not_fit(torch):
    x = torch.ones(2, 2)
    found = [raised(torch.linalg.norm, x, order, dim=()) for order in (None, 2, "fro")]
    found.append(raised(torch.linalg.norm, x, dim=(0, 1, 1)))
    found += [raised(torch.linalg.matrix_norm, x, order, dim=(-1, 1)) for order in ("fro", 1, 2)]
    found += [raised(torch.dot, torch.ones(1).double(), torch.ones(3)), raised(torch.dot, x[0], torch.ones(3))]
    for equation in ("a...->a....", "a...->...a...", "......,a->a", "a.,a->a", "a,a->a."):
        found.append(raised(torch.einsum, equation, x, x[0]))
    cube, one = torch.ones(2, 2, 2), torch.tensor(1.0)
    found += [raised(torch.linalg.multi_dot, list(t)) for t in ((one, x), (x, cube), (x, cube, x), (x, one))]
    return found


@case()
def factors_of_zero_leave_nan_out(torch):
    nan, a = complex(math.nan, math.nan), torch.ones(2, 2, dtype=torch.complex64)
    c, found = torch.full((2, 2), nan), []
    for alpha in (1, 2j):
        found += [torch.addmm(c, a, a, beta=0, alpha=alpha), torch.addmv(c[0], a, a[0], beta=0, alpha=alpha)]
        found.append(torch.baddbmm(c[None], a[None], a[None], beta=0, alpha=alpha))
        found.append(torch.addmm(c, a[:, :0], a[:0], beta=0, alpha=alpha))
    return found


@case()
def odd_arguments_of_common_functions(torch):
    x = torch.arange(6).reshape(2, 3)
    found = [reversed(x), reversed(torch.tensor(3)), torch.roll(x, 1, None), torch.roll(x, 1, dims=None)]
    found += [raised(f, 0, 1j, 3, dtype=torch.float32) for f in (torch.linspace, torch.logspace)]
    found.append(raised(torch.ones(2).index_fill_, 0, torch.tensor([0]), 1j))
    found += [raised(torch.device, -1), raised(torch.device, "cpu", -1)]
    found += [raised(torch.use_deterministic_algorithms, 1), torch.ones(1).new(size=(1, 2)).numel()]
    y = torch.ones(2)
    found += [raised(y.map2_, 1, y, max), raised(y.map2_, y, torch.ones(2, requires_grad=True), max)]
    return found


@case()
def numbers_in_arrays_without_dims(torch):
    import numpy

    # A list with arrays in it warns, once a process.
    found = [warned(torch.tensor, data)[1] for data in ([1.0, numpy.array(2.0)], [[1, numpy.array(2)]])]
    found += [list(torch.ones((numpy.array(2), 3)).shape), torch.arange(6).reshape(numpy.array(3), 2)]
    found.append(warned(torch.tensor, [numpy.ones(2), numpy.zeros(2)])[1])
    return found
