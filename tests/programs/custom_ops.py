"""Ops of a program's own: kernels, gradients, schemas, and what is told when a call does not fit."""

import re

import torch
from torch.library import Library, custom_op, define, impl, infer_schema, register_autograd


def told(call):
    try:
        print(call())
    except Exception as error:
        sentence = str(error).splitlines()[0].split(". ")[0]
        print(type(error).__name__, re.sub(r" \(with implementation in [^)]*\)", "", sentence)[:120])


@custom_op("shop::scaled", mutates_args=())
def scaled(x: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
    """Times a factor, in another way."""
    return x * factor


print(scaled, torch.ops.shop.scaled, torch.ops.shop.scaled.default)
print(torch.ops.shop.scaled.default._schema, torch.ops.shop.scaled.overloads())
x = torch.arange(3.0, requires_grad=True)
y = scaled(x)
print(y)
told(lambda: y.sum().backward())


def keep(ctx, inputs, output):
    print(len(inputs), output.requires_grad, torch.is_grad_enabled())
    ctx.factor = inputs[1]


def backward(ctx, grad):
    print(ctx.needs_input_grad)
    return grad * ctx.factor, None


scaled.register_autograd(backward, setup_context=keep)
torch.ops.shop.scaled(x, factor=3.0).sum().backward()
print(x.grad)
for args, named in (((3.0,), {}), ((x, 1, 2), {}), ((x,), {"other": 1}), ((), {}), ((x, "a"), {})):
    told(lambda args=args, named=named: scaled(*args, **named))


@custom_op("shop::each", mutates_args=())
def each(xs: list[torch.Tensor], weight: torch.Tensor, *, times: int = 2) -> list[torch.Tensor]:
    return [x * weight * times for x in xs]


def keep_each(ctx, inputs, keyword_only_inputs, output):
    ctx.xs, ctx.weight, ctx.times = *inputs, keyword_only_inputs["times"]


def backward_each(ctx, grads):
    inner = sum((g * x).sum() for g, x in zip(grads, ctx.xs))
    return [g * ctx.weight * ctx.times for g in grads], inner.reshape(1) * ctx.times


each.register_autograd(backward_each, setup_context=keep_each)
a, b, w = (torch.full((n,), 2.0, requires_grad=True) for n in (2, 3, 1))
outs = each([a, b], w, times=3)
print(outs)
(outs[0].sum() + outs[1].sum()).backward()
print(a.grad, b.grad, w.grad)


@custom_op("shop::raise_", mutates_args={"x"})
def raise_(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    x.add_(by)
    return by * 2


counter = torch.zeros(2)
version = counter._version
print(raise_(counter, torch.ones(2)), counter, counter._version - version)
told(lambda: raise_.register_autograd(lambda ctx, grad: (None, grad)))


@custom_op("shop::same", mutates_args=(), device_types="cuda")
def same(x: torch.Tensor) -> torch.Tensor:
    return x


told(lambda: same(torch.ones(1)))
same.register_kernel("cpu")(lambda x: x)
told(lambda: same(torch.ones(1)))
same.register_kernel("cpu")(lambda x: x + 1)
print(same(torch.ones(1)))

shelf = Library("shelf", "DEF")
print(shelf.define("tripled(Tensor x, int[2] k=[1, 2], Tensor? y=None, bool b=False, str s='q', float f=3) -> Tensor"))


@impl(shelf, "tripled", "CPU")
def tripled(x, k=(1, 2), y=None, b=False, s="q", f=3.0):
    return x * f + k[0]


print(torch.ops.shelf.tripled.default._schema)
print(torch.ops.shelf.tripled(torch.ones(2), 5), torch.ops.shelf.tripled(x, f=1))
shelf.define("sine.all(Tensor x) -> Tensor")
shelf.impl("sine.all", lambda x: x.sin(), "CompositeImplicitAutograd")
print(torch.ops.shelf.sine(x), torch.ops.shelf.sine.overloads())
told(lambda: shelf.impl("sine.all", lambda x: x, "Nowhere"))
told(lambda: Library("shelf", "OTHER"))
told(lambda: torch.ops.shelf.nothing)

define("late::pair", "(Tensor x) -> (Tensor, Tensor)")
impl("late::pair", "cpu", lambda x: (x + 1, x + 2))
register_autograd("late::pair", lambda ctx, one, two: one + 2 * two)
one, two = torch.ops.late.pair(x)
(one.sum() + two.sum()).backward()
print(one, x.grad)


def hinted(
    x: torch.Tensor,
    n: int,
    xs: list[torch.Tensor],
    s: str = "a",
    o: torch.Tensor | None = None,
    *,
    d: torch.dtype = None,
) -> tuple[torch.Tensor, torch.Tensor]: ...


print(infer_schema(hinted, mutates_args=()))
print(infer_schema(hinted, mutates_args={"x", "o"}, op_name="named"))
told(lambda: infer_schema(lambda x: x, mutates_args=()))

for check in (torch._check, torch._check_index, torch._check_value, torch._check_type):
    told(lambda check=check: check(False, lambda: "why"))
    told(lambda check=check: check(torch.tensor(True)))
told(lambda: torch._assert(1 > 2, "no"))
told(lambda: torch._check_tensor_all(torch.tensor([True, False])))
