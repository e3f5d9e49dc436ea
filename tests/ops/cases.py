"""What ops ask of the tensors that they are given: places to write to, dims, indices, and numbers alone."""

import math

from support import Cases, warned
from support import raised as raised_with_hint

CASES = Cases()
case = CASES.case


def raised(fn, *args, **kwargs):
    """The class and message of what a call raises, without what rustgrad adds as a hint."""
    return raised_with_hint(fn, *args, **kwargs).split("\nhint: ")[0]


@case()
def out_has_the_dtype_of_what_keeps_it(torch):
    one, wide = torch.ones(2), torch.empty(2, dtype=torch.float64)
    names = ("neg", "abs", "ceil", "floor", "round", "sign", "sgn", "trunc", "frac")
    found = [raised(getattr(torch, name), one, out=wide) for name in names]
    found.append(raised(torch.bitwise_not, torch.tensor([1]), out=torch.empty(1, dtype=torch.int32)))
    found.append(raised(torch.clamp, torch.tensor([1]), 0, out=torch.empty(1)))
    found.append(torch.clamp_min(one, torch.zeros(2), out=wide))
    found.append(torch.abs(torch.tensor([3 + 4j]), out=torch.empty(1)))
    found.append(raised(torch.nonzero, one, out=torch.empty(0)))
    return found


@case()
def a_line_keeps_the_shape_of_its_place(torch):
    found = []
    for fill in (
        lambda out: torch.arange(4, out=out),
        lambda out: torch.linspace(0, 3, 4, out=out),
        lambda out: torch.logspace(0, 3, 4, 2, out=out),
        lambda out: warned(torch.range, 0, 3, out=out)[1],
    ):
        whole = torch.zeros(2, 3)
        found.append([fill(whole.narrow(1, 1, 2)), whole])
    return found


@case()
def numbers_alone_are_operands(torch):
    found = []
    for name in ("add", "sub", "mul", "div", "true_divide", "floor_divide", "multiply", "subtract", "divide"):
        for pair in ((7, 2), (3.5, 2), (5, True)):
            if pair != (5, True) or "sub" not in name:
                y = getattr(torch, name)(*pair)
                found.append([str(y.dtype), y.item(), list(y.shape)])
    found.append(torch.add(2, 1, alpha=3).item())
    found.append(torch.div(7, 2, rounding_mode="floor").item())
    found.append(torch.add(1j, 2).item())
    return found


@case()
def indices_that_do_not_fit(torch):
    x, a = torch.empty(4, 0), torch.arange(4)

    def assign(value):
        a[a > -1] = torch.tensor(value)
        return a.tolist()

    found = [raised(lambda: x[:, [0, 1]]), raised(lambda: torch.empty(0)[torch.tensor([0])])]
    found += [raised(assign, value) for value in ([], [1, 2, 3], [[1, 2, 3, 4]] * 2)]
    found += [assign([1.5]), assign(2.5), assign([[5, 6, 7, 8]])]
    found.append(a.index_put_((a > 6,), torch.tensor(9.0)).tolist())
    mask = torch.tensor([1, 0, 1, 0], dtype=torch.uint8)
    found.append(warned(lambda: a[mask]))
    found.append(torch.take_along_dim(torch.arange(6).reshape(2, 3), torch.tensor([5, 0])))
    return found


@case()
def dims_that_do_not_fit(torch):
    square = torch.arange(4).reshape(2, 2)
    found = [raised(square.rot90, 1, dims) for dims in ([0, 2], [1, 1], [0, -2], [0])]
    shapes = (((1, -3),), ((2, -3), (2, 3)), ((1, 3), (2, 2)), (-1,), ((3,), (-1,)), (1.5,))
    found += [raised(torch.broadcast_shapes, *given) for given in shapes]
    found += [list(torch.broadcast_shapes(*given)) for given in ((), ((),), (2, (3, 1)), (None, (4,)))]
    found.append(raised(square.tensor_split, torch.tensor([1.0])))
    found.append(raised(torch.empty((), dtype=torch.float64).resize_, 2, 4, 2**29, 2**29))
    found.append(raised(torch.meshgrid, torch.ones(1), torch.ones(1, device="meta"), indexing="ij"))
    return found


@case()
def asarray_follows_what_it_is_told_of_gradients(torch):
    found = []
    for told in ({}, {"requires_grad": True}, {"requires_grad": False}, {"copy": True, "requires_grad": False}):
        leaf = torch.ones(2, requires_grad=True)
        for x in (leaf, leaf * 2, torch.ones(2)):
            y = warned(torch.asarray, x, **told)[1]
            found.append([y.requires_grad, y.is_leaf, y is x, x.requires_grad])
    return found


@case()
def hash_tensor_names_what_does_not_fit(torch):
    x, one, nothing = torch.arange(6.0).reshape(2, 3), torch.tensor(2.0), torch.ones(2, 0)
    found = [raised(torch.hash_tensor, x, dim=dim) for dim in ([0, 0], [1, -1], 5, [-3])]
    found += [raised(torch.hash_tensor, nothing, dim=dim) for dim in ((), 1)]
    found += [raised(torch.hash_tensor, one, dim=1), raised(torch.hash_tensor, x, mode=1)]
    results = (torch.hash_tensor(x, dim=-1), torch.hash_tensor(one, dim=0), torch.hash_tensor(x, dim=0, keepdim=True))
    return [*found, *(y.view(torch.int64) for y in results), list(torch.hash_tensor(nothing, dim=0).shape)]


@case()
def sums_without_nan_are_of_real_numbers(torch):
    return [
        *(raised(f, torch.tensor([1j])) for f in (torch.nansum, torch.nanmean)),
        torch.nansum(torch.tensor([1.0, math.nan])),
    ]


@case()
def new_takes_a_tensor_where_it_is(torch):
    x = torch.ones(2)
    return [raised(x.new, x, device="cpu"), x.new(x), x.new([1], device="cpu"), list(x.new(2, 3, device="cpu").shape)]


@case()
def copies_of_views_fill_what_is_given(torch):
    x, found = torch.arange(24.0).reshape(2, 3, 4), []
    for dim in (0, 1, -1):
        out = [torch.empty(0) for _ in range(x.shape[dim])]
        torch.unbind_copy(x, dim, out=out)
        found += [[y.tolist(), list(y.stride())] for y in out]
    out = torch.empty(0)
    torch.diagonal_copy(x, 0, 1, 2, out=out)
    return [*found, out.tolist(), list(out.stride())]


@case()
def triangles_of_huge_matrices(torch):
    return [
        torch.triu_indices(2**32 + 1, 4),
        torch.tril_indices(2**33, 3, -(2**33) + 2),
        torch.triu_indices(3, 4, -(2**62)),
        *(torch.tril_indices(4, 5, offset, dtype=torch.int32) for offset in range(-5, 7)),
        *(torch.triu_indices(5, 4, offset) for offset in range(-6, 6)),
        *(list(f(2**40, 0).shape) for f in (torch.tril_indices, torch.triu_indices)),
        raised(torch.tril_indices, 2**62, 3).split(":")[0],
        raised(torch.mvlgamma, torch.ones(2), 2**62),
        torch.mvlgamma(torch.tensor([9.0, 3.5], dtype=torch.float64), 5),
    ]


@case()
def order_of_uint64(torch):
    values = [2**64 - 1, 0, 2**63, 2**63 - 1, 2**64 - 2**31, 5, 2**64 - 2**31 - 1, 2**32]
    x = torch.tensor(values, dtype=torch.uint64)
    down = torch.sort(x, descending=True)
    rows = torch.unique(x.view(4, 2), dim=0)
    return [
        torch.msort(x).tolist(),
        torch.argsort(x).tolist(),
        down[0].tolist(),
        torch.unique(x).tolist(),
        rows.tolist(),
    ]
