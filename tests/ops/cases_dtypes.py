"""Which dtypes ops refuse to mix, write or order, and in which words."""

import warnings

from support import Cases
from support import raised as raised_with_hint

CASES = Cases()
case = CASES.case


def raised(fn, *args, **kwargs):
    """The class and message of what a call raises, without what rustgrad adds as a hint."""
    return raised_with_hint(fn, *args, **kwargs).split("\nhint: ")[0]


@case()
def two_dtypes_in_one_product(torch):
    o, d, b, i = torch.ones, torch.float64, torch.bool, torch.int64
    bilinear = torch.nn.functional.bilinear
    found = [raised(torch.linalg.cross, o(3), o(3, dtype=other)) for other in (d, i, b)]
    found.append(raised(torch.linalg.cross, o(3, dtype=b), o(3)))
    found += [raised(torch.cdist, o(3, 2), o(4, 2, dtype=d), p) for p in (1.0, 2.0)]
    found += [torch.cdist(o(3, 2), o(0, 2, dtype=d)).dtype is torch.float32]
    found += [raised(torch.linalg.vecdot, o(3), o(3, dtype=other)) for other in (d, i)]
    found += [raised(bilinear, o(3, 2), o(3, 2, dtype=d), o(4, 2, 2))]
    found += [raised(bilinear, o(3, 2), o(3, 2), o(4, 2, 2), o(4, dtype=i))]
    found += [raised(torch.addbmm, o(2, 3, dtype=d), o(4, 2, 5), o(4, 5, 3))]
    found += [raised(torch.addbmm, o(2, 3), o(4, 2, 5, dtype=d), o(4, 5, 3))]
    found += [raised(torch.addmv, o(3), o(3, 3, dtype=d), o(3)), raised(torch.inner, o(3), o(3, dtype=d))]
    found += [raised(torch.baddbmm, o(1, 3, 3), o(1, 3, 3, dtype=d), o(1, 3, 3))]
    found += [raised(torch.cholesky_solve, o(2, 2), o(2, 2, dtype=d))]
    found += [raised(torch.linalg.solve, o(2, 2).half(), o(2, 2))]
    found += [raised(torch.meshgrid, o(2), o(2, dtype=i), indexing="ij")]
    found += [torch.linalg.solve_triangular(torch.eye(2) * 2, o(2, 2, dtype=d), upper=True)]
    return found


@case()
def parameters_of_norms(torch):
    functional = torch.nn.functional
    half, single, double = torch.float16, torch.float32, torch.float64
    kinds = [(half, half, single), (half, single, single), (half, single, half), (single, single, double)]
    kinds += [(single, double, double), (double, single, single), (single, None, double), (double, double, half)]
    found = []
    for dtype, *rest in kinds:
        x = torch.arange(24.0).view(4, 6).to(dtype)
        weight, bias = (None if d is None else torch.full((6,), 0.5, dtype=d) for d in rest)
        calls = [(functional.layer_norm, (x, (6,), weight, bias)), (functional.group_norm, (x, 2, weight, bias))]
        calls.append((functional.batch_norm, (x, None, None, weight, bias, True)))
        for call, args in calls:
            try:
                found.append(str(call(*args).dtype).rpartition(".")[2])
            except RuntimeError:
                found.append(raised(call, *args))
    return found


@case(rtol=1e-5)
def statistics_of_batch_norm(torch):
    norm, x, three = torch.nn.functional.batch_norm, torch.ones(2, 3), torch.ones(3)
    found = [raised(norm, x, three, None, training=True), raised(norm, x, torch.ones(1, 3), three, training=True)]
    found.append(raised(norm, x, three.clone().requires_grad_(), three, training=True))
    found.append(norm(x, three, three, torch.ones(1, 3), torch.ones(1, 3)))
    return found


@case()
def complex_numbers_have_no_order(torch):
    z = torch.ones(2, 3, dtype=torch.complex64)
    found = [raised(getattr(torch, name), z) for name in ("sort", "argsort", "msort", "argmax", "amax", "max")]
    found += [raised(getattr(torch, name), z, 1) for name in ("topk", "max", "min", "argmax", "kthvalue", "mode")]
    found += [raised(getattr(torch, name), z, z) for name in ("fmax", "fmin", "heaviside", "isin", "maximum")]
    found += [raised(torch.isin, torch.ones(2), True), raised(torch.mvlgamma, z, 2)]
    found += [raised(getattr(torch, name), z) for name in ("deg2rad", "rad2deg", "unique_consecutive")]
    return found


@case()
def out_of_the_very_dtype(torch):
    x, square = torch.ones(3), torch.eye(2)
    wide = torch.empty(0, dtype=torch.float64)
    found = [raised(getattr(torch, name), x, out=wide) for name in ("diag", "hardshrink", "alias_copy", "histc")]
    found += [raised(torch.where, x > 0, x, x, out=wide)]
    found += [raised(torch.slice_scatter, x, x, out=wide), raised(torch.lerp, x, x, x, out=wide)]
    found += [raised(torch.cross, x, x, 0, out=wide), raised(torch.triu, square, out=wide)]
    found += [raised(torch.linalg.vecdot, x, x, out=wide), raised(torch.linalg.multi_dot, [square, square], out=wide)]
    found += [raised(getattr(torch.linalg, name), square, out=wide) for name in ("det", "inv", "cholesky")]
    found += [raised(torch.frexp, x, out=(wide, torch.empty(0, dtype=torch.int32)))]
    found += [raised(torch.frexp, x, out=(torch.empty(0), wide)), raised(torch.isin, x, x, out=wide)]
    return found


@case()
def numbers_that_are_not_real(torch):
    x = torch.ones(2)
    found = [raised(torch.lerp, x, x, 1j), torch.lerp(x, x * 2, torch.tensor(0.5).double())]
    found += [raised(torch.lerp, x, x, x.double()), raised(torch.trapezoid, x, dx=1j)]
    found += [raised(torch.cosine_similarity, x, x, 0, eps=-1.0), raised(torch.linalg.vander, torch.ones(1))]
    return found


@case(rtol=1e-6)
def complex_products_at_indices(torch):
    z, at = torch.tensor([1 + 1j, 2 + 2j, 3 + 0j]), torch.tensor([0, 0, 2])
    by = torch.tensor([1j, 2j, 3 + 0j])
    found = [z.scatter(0, at, by, reduce="multiply"), z.scatter(0, at, 2j, reduce="multiply")]
    found += [z.scatter_reduce(0, at, by, reduce=how) for how in ("prod", "mean", "sum")]
    found += [z.scatter_reduce(0, at, by, reduce="prod", include_self=False)]
    found += [z.to(torch.complex128).scatter_(0, at, by.to(torch.complex128), reduce="multiply")]
    found += [raised(z.index_reduce, 0, at, by, "prod")]
    found += [z.view(3, 1).index_reduce(0, at, by.view(3, 1), how) for how in ("prod", "mean")]
    return found


@case()
def closeness_of_complex_numbers(torch):
    close, z = torch.testing.assert_close, torch.tensor([1 + 1j])
    half = z.to(torch.complex32)
    found = [raised(close, z, z + 1j).split(" at index")[0], raised(close, half, half * 2).split("\n")[0]]
    nan = torch.tensor([complex(float("nan"), 1)])
    found += [close(nan, nan, equal_nan=True), close(half, half), torch.isclose(half, half)]
    return found


@case()
def a_number_in_front_of_a_number(torch):
    x = torch.tensor([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [x.add(3, 4), torch.add(x, 3, 4), x.clone().add_(3, 4), x.sub(2, 3), torch.add(True, True, True)]
        found += [torch.add(torch.tensor(True), torch.tensor(True), True), torch.add(x, torch.tensor(2.0), 3)]
    return [*found, torch.rsub(x, 3, 2), torch.rsub(x, 3, alpha=2), 1 - x]


@case()
def sizes_that_are_bools(torch):
    x = torch.ones(2, 2)
    found = [torch.zeros(2, True), torch.zeros((2, True)), x.view(4, True), x.repeat(1, True), x.expand(2, -1)]
    return [list(y.shape) for y in found] + [raised(torch.zeros, (True, 2)).split("(")[0]]


@case()
def patches_that_do_not_fit(torch):
    functional, x = torch.nn.functional, torch.ones(2, 12, 12)
    fold = [((4, 5), (0, 2), {}), ((4,), 2, {}), ((0, 1), 2, {}), ((-1, 1), 2, {}), ((4, 5), 2, {"padding": -1})]
    found = [raised(functional.fold, x, size, kernel, **more) for size, kernel, more in fold]
    found += [raised(functional.fold, x[..., :0], (4, 5), 2), raised(functional.fold, x.int(), (1, 1), 2)]
    image = torch.ones(2, 3, 4, 5)
    unfold = [(0, {}), (2, {"padding": -1}), (2, {"stride": 0}), (9, {}), (2, {"padding": (0, -1)})]
    found += [raised(functional.unfold, image, kernel, **more) for kernel, more in unfold]
    found += [raised(functional.unfold, torch.ones(3), 2)]
    return found


@case()
def integers_beyond_64_bits(torch):
    found = [torch.tensor([2**70, 0, -(2**63) - 1], dtype=torch.bool), torch.tensor(2**70, dtype=torch.complex64)]
    return [*found, torch.tensor([float("nan"), 2**70], dtype=torch.bool), raised(torch.tensor, [1, 2**70])]


@case()
def makers_that_write_a_leaf(torch):
    found = []
    for make in (torch.empty, torch.zeros, torch.ones):
        y = make(2, out=torch.empty(0), requires_grad=True)
        found.append([list(y.shape), y.requires_grad, y.is_leaf])
    return found


@case()
def a_complex_number_where_the_default_is_half(torch):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        return [str(y.dtype).rpartition(".")[2] for y in (torch.full((1,), 1j), torch.full((1,), 1.0))]
    finally:
        torch.set_default_dtype(before)


class Mute:
    """A sequence that shows no item."""

    def __len__(self):
        return 3

    def __getitem__(self, at):
        raise TypeError


@case()
def a_sequence_without_items(torch):
    return raised(torch.tensor, Mute())


@case(rtol=1e-6)
def histograms_of_several_dims(torch):
    call, x = torch.histogramdd, torch.zeros(5, 2)
    one, two = torch.tensor([1.0, 2.0]), torch.ones(2, 2)
    found = [call(torch.zeros(2, 0), bins=[]).hist, repr(call(torch.zeros(2, 1), bins=[1]))]
    found += [raised(call, x, bins=[torch.tensor(1.0), one]), raised(call, x, bins=[two, one])]
    found += [raised(call, x, bins=[one[:0], one]), raised(call, x, bins=[one[:1], one])]
    found += [raised(call, x, bins=[one.double(), one]), raised(call, x.long(), bins=[2, 2])]
    found += [raised(call, x, bins=[2, 2], range=[0.0, 1.0, 1.0, 0.0])]
    return found


@case()
def masks_of_masked_operations(torch):
    masked, x = torch.masked, torch.arange(6.0).view(2, 3)
    mask = torch.tensor([[True, False, False], [False, False, False]])
    found = [masked._output_mask(masked.sum, x, 1, mask=mask), masked._output_mask(masked.sum, x, mask=mask)]
    found += [masked._output_mask(masked.norm, x, 2.0, 0, keepdim=True, mask=mask)]
    found += [masked._output_mask(masked.softmax, x, 1, mask=mask[:1]), masked._input_mask(x, mask=mask[0])]
    for name in ("sum", "prod", "amax", "amin", "argmax", "norm", "cumprod"):
        found += [masked._reduction_identity(name, x), masked._reduction_identity(name, x.int())]
    found += [masked._reduction_identity("norm", x, -float("inf")), masked._reduction_identity("mean", x)]
    found += [masked._canonical_dim(dim, 3) for dim in (None, (), -1, (2, 0))]
    return [*found, raised(masked._reduction_identity, "amax", x.bool())]


@case()
def segments_of_more_dims_than_data(torch):
    return raised(torch.segment_reduce, torch.tensor(1.0), "sum", lengths=torch.tensor([1])).split("  (")[0]


@case()
def pivots_out_of_range(torch):
    x, pivots = torch.eye(2), [torch.tensor(p, dtype=torch.int32) for p in ([0, 1], [3, 1])]
    found = [raised(torch.linalg.lu_solve, x, p, x) for p in pivots]
    found += [raised(torch.lu_unpack, x, p) for p in pivots]
    return found + [raised(torch.linalg.ldl_solve, x, p, x) for p in pivots]


@case(rtol=1e-6)
def complex_means_of_infinities(torch):
    inf = float("inf")
    z = torch.tensor([[complex(inf, 2), 1], [complex(1, -inf), 1], [1 + 1j, 3 - 1j]])
    return [str(v) for v in z.mean(1).tolist()]


@case()
def functions_that_were_removed(torch):
    x = torch.eye(2)
    found = [raised(getattr(torch, name), x, x) for name in ("eig", "solve", "symeig", "lstsq", "matrix_rank")]
    found += [raised(getattr(x, name), x) for name in ("eig", "solve", "symeig", "lstsq")]
    return [text.split("\n")[0] for text in found]


@case()
def names_of_places(torch):
    here = [set(torch.fft.__all__) >= {"fft", "irfft2", "fftshift"}, {"erf", "zeta"} <= set(torch.special.__all__)]
    return [*here, torch._C.has_lapack, torch._aminmax(torch.eye(2), 0, True)]


@case()
def numbers_that_do_not_fit(torch):
    found, inf = [], float("inf")
    for dtype in (torch.float32, torch.bool, torch.uint8, torch.int64):
        for at in (0, slice(0, 1), torch.tensor([True, False]), torch.tensor([0])):
            x = torch.zeros(2, dtype=dtype)
            found += [assigned(x, at, 1j), x]
    found += [raised(torch.scalar_tensor, 1j), torch.full((1,), 1j, dtype=torch.bool)]
    found += [raised(torch.scalar_tensor, 300, dtype=torch.uint8), raised(torch.scalar_tensor, inf, dtype=torch.int64)]
    found += [
        raised(torch.linspace, 0, 300, 2, dtype=torch.uint8),
        raised(torch.linspace, 0, inf, 2, dtype=torch.int64),
    ]
    found += [raised(torch.linspace, 0, 1, 2, dtype=torch.bool), torch.zeros(1, dtype=torch.bool).fill_(1j)]
    small = torch.tensor([0, 44, 255], dtype=torch.uint8)
    found += [
        torch.isin(small, 300),
        torch.isin(-1, small),
        torch.searchsorted(small, 300),
        torch.bucketize(2.5, small),
    ]
    threshold = torch.nn.functional.threshold
    return [*found, raised(threshold, torch.zeros(1), 0, 1j), raised(threshold, torch.zeros(1).byte(), 0, 300)]


def assigned(x, at, value):
    """The error of `x[at] = value`, or None."""
    try:
        x[at] = value
    except RuntimeError as error:
        return str(error).split("\nhint: ")[0]
    return None


@case()
def factors_without_a_derivative(torch):
    x = torch.eye(2, requires_grad=True)
    factors, pivots, _ = torch.linalg.ldl_factor_ex(x)
    solved = torch.linalg.ldl_solve(factors.detach(), pivots, x)
    weights = torch.ones(3, requires_grad=True)
    step = torch.heaviside(weights, weights)
    return [raised(y.sum().backward) for y in (factors, solved, step)]


@case()
def kernels_by_their_names(torch):
    z, x = torch.ones(2, dtype=torch.complex64), torch.ones(2)
    found = [raised(getattr(torch, name), z) for name in ("erf", "erfc", "erfinv", "lgamma", "digamma", "i0", "amin")]
    found += [raised(torch.softmax, z, 0), raised(torch.searchsorted, z, z), raised(torch.trapezoid, x > 0)]
    found += [raised(torch.isclose, x, x, rtol=float("nan")), raised(torch.quantile, x, float("nan"))]
    found += [raised(torch.renorm, torch.eye(2), 2, 0, float("nan")), raised(x.long().expand, ())]
    return [*found, raised(torch.linalg.vector_norm, x, dtype=torch.int64)]


@case(rtol=1e-5, atol=1e-6)
def keywords_of_the_parser(torch):
    x, la = torch.eye(2) * 4, torch.linalg
    found = [getattr(la, name)(input=x) for name in ("cholesky", "eigvalsh", "cond", "norm", "vector_norm", "pinv")]
    found += [la.eigh(input=x).eigenvalues, la.matrix_exp(input=x * 0)]
    found += [la.tensorsolve(input=x, other=x[0]), la.lstsq(input=x, b=x).solution]
    found += [la.solve_triangular(input=x, B=x, upper=True), la.matrix_norm(x=x), la.matrix_rank(a=x)]
    found += [torch.where(condition=x > 0, input=x, other=-x), torch.polygamma(n=1, input=x[0])]
    return [*found, torch.zeros(2).copy_(other=x[0])]


@case()
def split_by_its_keywords(torch):
    x = torch.arange(6.0).view(2, 3)
    found = [
        torch.split(tensor=x, split_size_or_sections=2, dim=1),
        torch.split(x, split_size_or_sections=[1, 2], dim=1),
    ]
    return [*found, x.split(split_size=1), torch.functional.split(x, 1), torch.functional.norm(x).item() > 7.4]
