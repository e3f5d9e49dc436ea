"""Complex tensors as users meet them: printing, parts, scalars, arithmetic, functions, reductions, products, gradients,
and what is refused, each as PyTorch gives it."""

# Each function made in a loop is called before the next round.
# ruff: noqa: B023

import io
import math
import pickle

import numpy as np
from support import Cases, first_sentence, raised, warned

CASES = Cases()
case = CASES.case

DTYPES = ["complex64", "complex128"]
UNARY = (
    "neg exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh "
    "sigmoid reciprocal square sgn angle abs conj conj_physical isnan isfinite isinf isreal logical_not sinc positive "
    "view_as_real real imag"
).split()


def points(torch, dtype, requires_grad=False):
    """Complex numbers in all quadrants, away from zeros and branch points."""
    parts = [(0.5, 1.25), (-1.5, 0.75), (2.0, -0.5), (-0.25, -1.75), (0.125, 0.375), (1.75, 2.25)]
    z = torch.tensor([complex(*p) for p in parts], dtype=getattr(torch, dtype))
    return z.requires_grad_(requires_grad)


def fails(fn, *args, **kwargs):
    """The class and the first sentence of what a call raises."""
    return first_sentence(raised(fn, *args, **kwargs))


def pairs(t):
    """The elements and the dtype; complex numbers as pairs of parts."""
    return [str(t.dtype), t.detach()]


@case()
def printing(torch):
    z = torch.tensor([1 + 2j, -3.5 - 0j])
    nan, inf = math.nan, math.inf
    shown = [
        z,
        z.double() if False else z.to(torch.complex128),
        z.to(torch.complex32),
        torch.tensor(1j),
        torch.tensor(complex(0, -0.0)),
        torch.tensor([complex(1.5, 2), complex(-3, 0), complex(nan, 1e10)]),
        torch.tensor([complex(inf, -inf), 1e-5 + 1j]),
        torch.zeros(2, 3, dtype=torch.complex64),
        torch.zeros(0, dtype=torch.complex64),
        torch.zeros(0, 2, dtype=torch.complex128),
        torch.ones(40, dtype=torch.complex64) * (100 + 1e-6j),
        torch.ones(2000, dtype=torch.complex64) * 2j,
        (z.clone().requires_grad_() * 2),
        z.clone().requires_grad_(),
        torch.arange(6).reshape(2, 3) * (1 - 1j),
    ]
    return [repr(t) for t in shown] + [f"{z[0]:.2f}", f"{z[0]}", str(z[1].item())]


@case()
def numbers(torch):
    """Python's complex numbers in and out."""
    z = torch.tensor([[1 + 2j, 3], [4.5, -1j]])
    one = torch.tensor([2 + 0j])
    return [
        pairs(z),
        z.tolist(),
        z[0, 0].item(),
        [complex(z[1, 1]), float(one), int(one), bool(z[0, 0]), bool(torch.tensor(0j))],
        [pairs(torch.tensor(data)) for data in (1j, [1, 2j], [True, 2j], [[1.5], [2j]])],
        [pairs(torch.tensor([1, 2j], dtype=getattr(torch, d))) for d in DTYPES],
        pairs(torch.tensor([0, 1j], dtype=torch.bool)),
        pairs(torch.tensor([1, 2.5], dtype=complex)),
        pairs(torch.full((2,), 1 + 1j)),
        pairs(torch.full((2,), 2, dtype=torch.complex64)),
        pairs(torch.zeros(2, dtype=torch.complex64).fill_(3j)),
        pairs(torch.eye(2, dtype=torch.complex64)),
        pairs(torch.linspace(0, 1 + 1j, 3)),
        pairs(torch.logspace(0, 1, 3, dtype=torch.complex128)),
        pairs(torch.empty(2, 2, dtype=torch.complex128).zero_()),
        fails(torch.tensor, [1j], dtype=torch.float32),
        fails(torch.tensor, [1j], dtype=torch.int64),
        fails(float, torch.tensor(1j)),
        fails(int, torch.tensor(1j)),
        fails(torch.arange, 0, 3, dtype=torch.complex64),
        fails(torch.zeros(1).fill_, 1j),
        fails(torch.full, (2,), 1j, dtype=torch.float32),
        fails(torch.zeros(1).masked_fill, torch.tensor([True]), 1j),
    ]


@case()
def from_numpy(torch):
    a = np.array([[1 + 2j, 3], [4, -1j]], np.complex64)
    t = torch.from_numpy(a)
    a[0, 0] = 7j
    shared = t.numpy()
    t[1, 1] = 9
    return [
        pairs(t),
        str(shared.dtype),
        shared.tolist(),
        pairs(torch.tensor(a.astype(np.complex128))),
        pairs(torch.tensor([np.complex64(1j), np.complex128(2)])),
        pairs(torch.ones(2) * np.complex128(2j)),
        pairs(torch.as_tensor(a.T)),
        str(t.real.numpy().dtype),
        t.imag.numpy().tolist(),
    ]


@case()
def promotion(torch):
    names = ["bool", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
    out = []
    for name in names:
        for shape in ((), (2,)):
            x = torch.ones(shape, dtype=getattr(torch, name))
            out.append([str((x * 2j).dtype), str((1j + x).dtype), str(torch.result_type(x, 1j))])
            out.append(str((x * torch.tensor(1j)).dtype))
    out.append([torch.can_cast(torch.complex64, d) for d in (torch.float32, torch.complex128, torch.bool)])
    out.append([fails(torch.ones(2).mul_, 1j), fails(torch.ones(2).add_, torch.ones(2, dtype=torch.complex64))])
    return out


@case()
def casts(torch):
    z = torch.tensor([1.5 + 2j, 0, 3j, -2.75])
    names = ["float32", "float64", "float16", "int64", "uint8", "complex128", "complex32"]
    out = [pairs(z.bool()), pairs(torch.ones(2).cfloat()), pairs(torch.ones(2).cdouble()), pairs(torch.ones(2).chalf())]
    for name in names:
        _, value = warned(z.to, getattr(torch, name))
        out.append(pairs(value))
    out.append([torch.ones(2).is_complex(), z.is_complex(), z.is_conj(), z.is_neg(), z.is_floating_point()])
    return out


@case()
def parts(torch):
    """Real and imaginary parts are views, which may be written."""
    z = torch.tensor([[1 + 2j, 3 + 4j], [5 + 6j, 7 + 8j]])
    z.real = torch.tensor([10.0, 20.0])
    z.imag[0] = -1
    z.real[1, 1] += 0.5
    w = z.clone()
    w.imag = 0
    v = torch.view_as_real(z)
    v[0, 0] = torch.tensor([100.0, 200.0])
    u = torch.view_as_complex(torch.arange(8.0).reshape(2, 2, 2))
    x = torch.ones(2)
    x.real = 3
    return [
        pairs(z),
        pairs(w),
        [list(v.shape), list(v.stride()), list(z.real.stride()), z.imag.storage_offset(), z.real.is_contiguous()],
        pairs(u),
        pairs(u.T.real),
        pairs(x.real),
        pairs(torch.real(x)),
        pairs(z.H),
        pairs(z.mH),
        pairs(z.adjoint()),
        pairs(torch.complex(torch.ones(2, 1), torch.arange(3.0))),
        pairs(torch.complex(torch.ones(2).half(), torch.ones(2).half())),
        fails(torch.imag, torch.ones(2)),
        fails(lambda: torch.ones(2).imag),
        fails(torch.view_as_real, torch.ones(2)),
        fails(torch.view_as_complex, torch.ones(3)),
        fails(torch.view_as_complex, torch.ones(2, 4)[:, ::2]),
        fails(torch.view_as_complex, torch.ones(2, 3)[:, :2]),
        fails(torch.view_as_complex, torch.ones(3)[1:]),
        fails(torch.view_as_complex, torch.ones(())),
        fails(torch.view_as_complex, torch.ones(2).long()),
        fails(torch.complex, torch.ones(1), torch.ones(1).double()),
        fails(torch.complex, torch.ones(1).long(), torch.ones(1).long()),
    ]


@case(rtol=2e-6, atol=2e-6)
def polar(torch):
    return pairs(torch.polar(torch.tensor([1.0, 2.0, 0.5]), torch.tensor([0.5, -2.0, 4.0])))


@case(rtol=4e-6, atol=1e-6)
def unary(torch):
    return {f"{name} {d}": pairs(getattr(torch, name)(points(torch, d))) for name in UNARY for d in DTYPES}


@case(rtol=1e-12, atol=1e-12)
def unary_doubles(torch):
    return {name: pairs(getattr(torch, name)(points(torch, "complex128"))) for name in UNARY}


@case(rtol=1e-10, atol=1e-10)
def unary_gradients(torch):
    """First and second gradients of a real loss."""
    out = {}
    for name in UNARY:
        z = points(torch, "complex128", True)
        y = getattr(torch, name)(z)
        if not y.requires_grad:
            continue
        y = torch.view_as_real(y.resolve_conj()) if y.is_complex() else y
        (g,) = torch.autograd.grad((y * y).sum(), z, create_graph=True)
        (gg,) = torch.autograd.grad((torch.view_as_real(g.resolve_conj()) ** 2).sum(), z)
        out[name] = [pairs(g), pairs(gg)]
    return out


def binary(torch):
    return {
        "add": torch.add,
        "sub": torch.sub,
        "mul": torch.mul,
        "div": torch.div,
        "pow": torch.pow,
        "rsub": torch.rsub,
        "alpha": lambda a, b: torch.add(a, b, alpha=2 - 1j),
        "addcmul": lambda a, b: torch.addcmul(a, a, b, value=0.5j),
        "addcdiv": lambda a, b: torch.addcdiv(a, a, b, value=2),
        "lerp": lambda a, b: torch.lerp(a, b, 0.3),
        "lerp_weights": lambda a, b: torch.lerp(a, b, b),
        "where": lambda a, b: torch.where(a.real > 0, a, b),
        "scalar": lambda a, b: (2j - a) * 1.5 / (1 + 1j) + 3 / b,
        "powers": lambda a, b: a**2 + a**3 - a**-1 + a**0.5 + a**-2 + b**1.5 + b ** (0.5 + 1j),
        "power_of_number": lambda a, b: 2**a + (1 + 1j) ** b,
        "outer": torch.outer,
        "dot": torch.dot,
        "vdot": torch.vdot,
        "inner": torch.inner,
        "atan_of_quotient": lambda a, b: torch.atan(a / b),
    }


@case(rtol=1e-10, atol=1e-10)
def two_operands(torch):
    """Values, and first and second gradients of a real loss, of two complex numbers and of one real and one complex."""
    out = {}
    real = torch.tensor([0.5, 1.5, -2.0, 0.75, 1.25, -0.5], dtype=torch.float64)
    for name, fn in binary(torch).items():
        for kind in ("complex", "real first", "real second"):
            if kind != "complex" and name in ("lerp", "lerp_weights", "dot", "vdot", "inner"):
                continue
            a, b = points(torch, "complex128", True), points(torch, "complex128").flip(0).requires_grad_()
            if kind == "real first" and name not in ("where", "addcmul", "addcdiv"):
                a = real.clone().requires_grad_()
            if kind == "real second" and name not in ("where", "addcmul", "addcdiv"):
                b = real.clone().requires_grad_()
            y = fn(a, b)
            (pa, pb) = torch.autograd.grad((y * y.conj()).real.sum(), [a, b], create_graph=True)
            total = sum((torch.view_as_real(p.resolve_conj()) if p.is_complex() else p).square().sum() for p in (pa, pb))
            gg = torch.autograd.grad(total, [a, b]) if total.requires_grad else []
            out[f"{name}, {kind}"] = [pairs(y), pairs(pa), pairs(pb), [pairs(g) for g in gg]]
    return out


@case()
def comparisons(torch):
    a = torch.tensor([1 + 2j, 3, 2j, complex(math.nan, 1)])
    b = torch.tensor([1 + 2j, 3 + 1j, 2j, complex(math.nan, 1)])
    out = [pairs(f(a, b)) for f in (torch.eq, torch.ne, torch.logical_and, torch.logical_or, torch.logical_xor)]
    out += [pairs(a == 3), pairs(torch.ones(2) == 1j), torch.equal(a[:3], a[:3]), torch.allclose(a[:3], a[:3] + 1e-9)]
    out += [pairs(torch.isclose(a, b)), pairs(torch.isclose(a, b, equal_nan=True)), pairs(a.isnan()), pairs(a.isreal())]
    out += [pairs(torch.isinf(torch.tensor([complex(math.inf, 0), complex(0, math.nan), complex(1, -math.inf)])))]
    out += [pairs(torch.isfinite(torch.tensor([complex(math.inf, 0), complex(0, math.nan), 3e38 + 3e38j])))]
    out += [fails(f, a, b) for f in (torch.lt, torch.le, torch.gt, torch.ge)]
    out += [fails(torch.lt, torch.ones(2), 1j)]
    return out


@case()
def refusals(torch):
    z = torch.tensor([1 + 2j, 3])
    calls = [
        lambda: torch.sign(z),
        lambda: z % 2,
        lambda: z // 2,
        lambda: torch.atan2(z, z),
        lambda: z.abs_(),
        lambda: z.floor(),
        lambda: torch.maximum(z, z),
        lambda: z.clamp(0),
        lambda: torch.relu(z),
        lambda: z.chalf() / 2,
        lambda: z.chalf().exp(),
        lambda: z.chalf().sum(),
        lambda: torch.add(torch.ones(2), 1, alpha=1j),
        lambda: z.requires_grad_().sum().backward(),
        lambda: torch.autograd.grad((z * z).sum(), z, torch.tensor(1.0)),
    ]
    return [fails(call) for call in calls]


@case()
def halves(torch):
    """complex32: storage, and the few kernels that PyTorch has."""
    z = torch.tensor([1 + 2j, 3, -0.5j], dtype=torch.complex32)
    fns = [torch.neg, torch.conj, torch.abs, torch.isnan, torch.real, torch.imag]
    pair = [torch.add, torch.sub, torch.mul, torch.eq, torch.ne]
    out = [pairs(f(z)) for f in fns] + [pairs(f(z, z * 2)) for f in pair]
    return [*out, pairs(z * 2), pairs(torch.cat([z, z])), pairs(z[1:]), pairs(torch.where(z == 3, z, 0))]


@case(rtol=2e-6, atol=1e-6)
def reductions(torch):
    z = points(torch, "complex64").reshape(2, 3)
    out = [pairs(f(z)) for f in (torch.sum, torch.mean, torch.prod, torch.var, torch.std, torch.any, torch.all)]
    out += [pairs(f(z, 1)) for f in (torch.sum, torch.mean, torch.prod, torch.var, torch.std, torch.any, torch.all)]
    out += [pairs(f(z, 1)) for f in (torch.cumsum, torch.cumprod)]
    out += [pairs(z.T.sum(0, keepdim=True)), pairs(z.sum((0, 1))), pairs(z.sum(dtype=torch.complex128))]
    out += [pairs(torch.ones(3).sum(dtype=torch.complex64)), pairs(z.norm()), pairs(z.norm(1)), pairs(z.norm(math.inf))]
    out += [pairs(torch.linalg.vector_norm(z, p, 1)) for p in (0, 1, 2, 3, 0.5, math.inf, -math.inf)]
    out += [pairs(torch.linalg.norm(z)), pairs(z.nonzero()), pairs(torch.count_nonzero(z)), pairs(z.trace())]
    out += [pairs(torch.var_mean(z, 1)[0]), pairs(torch.std_mean(z)[1]), pairs(torch.cov(z)), pairs(torch.diff(z))]
    out += [pairs(torch.trapezoid(z)), pairs(torch.zeros(0, dtype=torch.complex64).sum())]
    return [*out, pairs(torch.zeros(0, dtype=torch.complex64).prod())]


@case(rtol=1e-10, atol=1e-10)
def reductions_gradients(torch):
    fns = {
        "sum": lambda z: z.sum(1),
        "mean": lambda z: z.mean(0),
        "prod": lambda z: z.prod(1),
        "prod_all": lambda z: z.prod(),
        "cumsum": lambda z: z.cumsum(1),
        "cumprod": lambda z: z.cumprod(1),
        "var": lambda z: z.var(1),
        "std": lambda z: z.std(),
        "norm": lambda z: z.norm(),
        "norm1": lambda z: torch.linalg.vector_norm(z, 1, 1),
        "norm3": lambda z: torch.linalg.vector_norm(z, 3, 1),
        "norm_inf": lambda z: torch.linalg.vector_norm(z, math.inf, 1),
        "mm": lambda z: z @ z.T,
        "mm_h": lambda z: z.mT @ z.conj(),
        "bmm": lambda z: torch.bmm(z.expand(2, 2, 3), z.T.expand(2, 3, 2)),
        "mv": lambda z: z @ z[0],
        "linear": lambda z: torch.nn.functional.linear(z, z, z[:, 0]),
        "addmm": lambda z: torch.addmm(z[:, :2], z, z.T, beta=0.5, alpha=2),
        "addmm_complex": lambda z: torch.addmm(z[:, :2], z, z.T, beta=0.5j, alpha=2 - 1j),
        "addmv": lambda z: torch.addmv(z[:, 0], z, z[1], alpha=2),
        "einsum": lambda z: torch.einsum("ij,kj->ik", z, z),
        "index": lambda z: z[:, [0, 0, 2]],
        "gather": lambda z: z.gather(1, torch.tensor([[0, 2], [1, 1]])),
        "index_add": lambda z: z.index_add(1, torch.tensor([0, 0]), z[:, 1:]),
        "scatter": lambda z: z.scatter(1, torch.tensor([[0], [2]]), z[:, 1:2]),
        "cat": lambda z: torch.cat([z, z.real, z * 2]),
        "roll": lambda z: z.roll(1, 1).flip(0),
        "pad": lambda z: torch.nn.functional.pad(z, (1, 1)),
        "masked_fill": lambda z: z.masked_fill(z.real > 0, 2j),
        "masked_select": lambda z: z.masked_select(z.real > 0),
        "where_number": lambda z: torch.where(z.real > 0, z, 1j),
        "view_of_parts": lambda z: torch.view_as_complex(torch.view_as_real(z).flip(-1)),
        "complex": lambda z: torch.complex(z.real, z.imag * 2),
        "polar": lambda z: torch.polar(z.abs(), z.angle()),
        "to_real": lambda z: z.imag * z,
        "expand": lambda z: z[:, :1].expand(2, 4) * z[0, 0],
        "tril": lambda z: z.tril() + z.triu(1),
        "index_put": lambda z: z.clone().index_put((torch.tensor([0, 1]),), z[0] * 2, accumulate=True),
        "diagonal": lambda z: z.diagonal().diag(),
        "kron": lambda z: torch.kron(z, z),
        "normalize": lambda z: torch.nn.functional.normalize(z),
    }
    out = {}
    for name, fn in fns.items():
        z = points(torch, "complex128").reshape(2, 3).requires_grad_()
        y = fn(z)
        loss = (y * y.conj()).real.sum()
        (g,) = torch.autograd.grad(loss, z, create_graph=True)
        gg = torch.autograd.grad((g * g.conj()).real.sum(), z)[0] if g.requires_grad else g
        out[name] = [pairs(y), pairs(g), pairs(gg)]
    return out


@case(rtol=1e-12)
def written_parts(torch):
    """Writes through views of the other kind, recorded."""
    out = []
    for write in range(5):
        z = points(torch, "complex128", True)
        y = z * 2
        if write == 0:
            y.real.mul_(3)
        elif write == 1:
            y.imag.copy_(z.real * 5)
        elif write == 2:
            torch.view_as_real(y)[1:3] *= 4
        elif write == 3:
            y[::2].imag = 7
        else:
            x = torch.view_as_real(z) * 1
            torch.view_as_complex(x).mul_(1 + 2j)
            y = torch.view_as_complex(x)
        loss = (y * y.conj()).real.sum()
        out.append([pairs(y), pairs(torch.autograd.grad(loss, z)[0])])
    return out


@case(rtol=1e-6, atol=1e-6)
def products(torch):
    torch.manual_seed(0)
    out = []
    for d in DTYPES:
        a, b = torch.randn(5, 7, dtype=getattr(torch, d)), torch.randn(7, 3, dtype=getattr(torch, d))
        c = torch.randn(2, 7, 3, dtype=getattr(torch, d))
        out += [pairs(t) for t in (a @ b, a.T.conj() @ a, a @ c, a @ b[:, 0], torch.tensordot(a, b, 1), a.H)]
        out += [pairs(torch.einsum("ij,bjk->bik", a, c)), pairs(torch.zeros(2, 0, dtype=a.dtype) @ b[:0])]
        out += [pairs(torch.linalg.matrix_power(a[:5, :5], 3)), pairs(torch.linalg.vecdot(a, a))]
    return out


@case()
def draws(torch):
    torch.manual_seed(0)
    out = []
    for d in ("complex64", "complex128", "complex32"):
        for n in (3, 8, 17):
            out.append(pairs(torch.randn(n, dtype=getattr(torch, d))))
            out.append(pairs(torch.rand(n, dtype=getattr(torch, d))))
    return [*out, pairs(torch.randn_like(torch.zeros(3, 4, dtype=torch.complex64).T))]


@case()
def moved(torch):
    """Ops that only move elements."""
    z = points(torch, "complex64").reshape(2, 3)
    index = torch.tensor([[0, 2], [1, 1]])
    return [
        pairs(t)
        for t in (
            torch.cat([z, z * 1j]),
            torch.cat([z, torch.ones(1, 3)]),
            torch.stack([z, z], 1),
            z.flip(1),
            z.roll(1, 0),
            z.T.contiguous(),
            z.repeat(1, 2),
            z[z.real > 0],
            z[:, [2, 0]],
            z.gather(1, index),
            z.take(index),
            z.scatter(1, index, 5j),
            z.scatter_add(1, index, z),
            z.index_select(1, torch.tensor([1, 1])),
            z.index_fill(1, torch.tensor([0]), 2j),
            z.masked_scatter(z.real > 0, z.flatten()),
            torch.tril(z),
            torch.triu(z, 1),
            torch.diag(z[0]),
            z.unfold(1, 2, 1),
            torch.nn.functional.pad(z, (1, 0), value=3j) if False else torch.nn.functional.pad(z, (1, 0)),
            z.permute(1, 0).reshape(6),
            torch.block_diag(z, z),
            torch.rot90(z),
            z.repeat_interleave(2, 1),
            torch.nn.functional.one_hot(index).to(torch.complex64),
        )
    ]


@case()
def files(torch):
    z = points(torch, "complex64").reshape(2, 3)
    buffer = io.BytesIO()
    torch.save({"z": z, "w": z.to(torch.complex128).T}, buffer)
    buffer.seek(0)
    back = torch.load(buffer, weights_only=True)
    again = pickle.loads(pickle.dumps(z))
    return [pairs(back["z"]), pairs(back["w"]), list(back["w"].stride()), pairs(again), pairs(z.clone())]


@case()
def names_of_nodes(torch):
    z = points(torch, "complex64", True)
    x = torch.ones(2, requires_grad=True)
    made = [
        torch.real(z), z.imag, torch.view_as_real(z), z.conj(), torch.conj_physical(z), z.abs(), z.angle(), z.sgn(),
        torch.complex(x, x), torch.polar(x, x), z * 2j, z.sum(), z.mean(), z @ z, z.exp(), z.asinh(), z**2, z / 2,
    ]  # fmt: skip
    return [type(t.grad_fn).__name__ for t in made]
