"""Classes and modes that take over calls: which names they see, what they may give back, and who is left out."""

import operator

from support import Cases

CASES = Cases()
case = CASES.case


def logging(torch, seen):
    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs)

    return Logged


@case()
def operators_by_name(torch):
    seen = []
    kind = logging(torch, seen)
    x, y, i = (
        torch.tensor([1.0, 2.0]).as_subclass(kind),
        torch.tensor([3.0, 4.0]),
        torch.tensor([6, 2]).as_subclass(kind),
    )
    out = []
    for name in "add sub mul truediv floordiv mod pow eq ne lt le gt ge".split():
        f = getattr(operator, name)
        out += [f(x, 2.0), f(2.0, x), f(y, x)]
    for name in "and_ or_ xor lshift rshift".split():
        f = getattr(operator, name)
        out += [f(i, 1), f(1, i)]
    for name in "iadd isub imul itruediv ifloordiv imod ipow".split():
        out.append(getattr(operator, name)(x.clone(), 2.0))
    for name in "iand ior ixor".split():
        out.append(getattr(operator, name)(i.clone(), 1))
    out += [-i, +i, abs(i), ~i, y @ x]
    kinds = {type(t).__name__ for t in out}
    return seen, sorted(kinds), [t.tolist() for t in out]


@case()
def slots_by_name(torch):
    seen = []
    kind = logging(torch, seen)
    x = torch.tensor([1.0, 2.0]).as_subclass(kind)
    x[0] = 3.0
    values = (len(x), float(x[0]), int(x[1]), bool(x[0]), 3.0 in x, x[0].item(), x.tolist())
    return seen, values


@case()
def attributes_by_name(torch):
    seen = []

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append((func.__name__, getattr(getattr(func, "__self__", None), "__name__", None), len(args)))
            return super().__torch_function__(func, types, args, kwargs)

    x = torch.tensor([[1.0, 2.0]]).as_subclass(Logged)
    values = (tuple(x.shape), x.requires_grad, x.is_leaf, x.ndim, x.grad is None, str(x.dtype))
    x.requires_grad = True
    (x * 2).sum().backward()
    kinds = [type(t).__name__ for t in (x.T, x.data, x.grad, x.mT, x.detach())]
    same = torch.Tensor.shape.__get__ == torch.Tensor.shape.__get__
    return [entry for entry in seen if entry[1]], values, kinds, same


@case()
def functions_handled(torch):
    table = {torch.mul: "mul", torch.cat: "cat", torch.nn.functional.gelu: "gelu", torch.Tensor.add: "add"}

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return table.get(func, NotImplemented)

    def attempt(f):
        try:
            return f()
        except TypeError as e:
            return str(e).partition("\n")[0].partition("'")[0]

    x = torch.ones(2).as_subclass(Mine)
    y = torch.ones(2)
    return (
        torch.mul(x, 2), torch.mul(y, x), torch.cat([y, x]), torch.cat((x,), dim=0), torch.nn.functional.gelu(x), x + 1,
        y + x, x.add(y, alpha=2), attempt(lambda: torch.exp(x)), attempt(lambda: y * x),
    )  # fmt: skip


@case()
def classes_that_are_no_tensors(torch):
    class Other:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, [t.__name__ for t in types], len(args), kwargs

    o = Other()
    return (
        torch.add(torch.ones(2), o), torch.add(o, 1), torch.cat([o, o]), torch.sum(o, dim=1), torch.ones(2).mul(o),
        torch.ones(2) + o, torch.nn.functional.gelu(o),
    )  # fmt: skip


@case()
def left_out(torch):
    class Plain(torch.Tensor):
        pass

    class Silent(torch.Tensor):
        __torch_function__ = torch._C._disabled_torch_function_impl

    x, y = torch.ones(2, 2).as_subclass(Plain), torch.ones(2).as_subclass(Silent)
    p = torch.nn.Parameter(torch.ones(2))
    with torch._C.DisableTorchFunctionSubclass():
        inside = x + 1
    names = [type(t).__name__ for t in (x + 1, inside, y + 1, p + 1, x + p, x.sum(), x.T, x.T.sum(0))]
    asked = torch.overrides.has_torch_function((x,)), torch.overrides.has_torch_function((y, p, torch.ones(1)))
    return names, asked, torch.overrides.is_tensor_like(x), torch.overrides.is_tensor_like(3)


@case()
def attributes_of_their_own(torch):
    class Scaled(torch.Tensor):
        @staticmethod
        def __new__(cls, data, scale):
            made = torch.Tensor._make_subclass(cls, data)
            made.scale = scale
            return made

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            result = super().__torch_function__(func, types, args, kwargs)
            if isinstance(result, Scaled) and func is not torch.Tensor.detach:
                result.scale = max(a.scale for a in args if isinstance(a, Scaled))
            return result

    x, y = Scaled(torch.ones(2), 3), Scaled(torch.ones(2), 5)
    z = x * y + 1
    return z.scale, z, type(z.view(1, 2)).__name__, x.view(2, 1).scale


@case()
def modes_nest(torch):
    seen = []

    class Mode(torch.overrides.TorchFunctionMode):
        def __init__(self, tag):
            super().__init__()
            self.tag = tag

        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(self.tag + func.__name__)
            return func(*args, **(kwargs or {}))

    kind = logging(torch, seen)
    x = torch.ones(2).as_subclass(kind)
    with Mode("outer "):
        torch.tensor([1.0])
        with Mode("inner "):
            y = x + 1
        x.exp()
        with torch._C.DisableTorchFunction():
            x.exp()
    x.neg()
    return seen, type(y).__name__


@case()
def wrapped_functions(torch):
    from functools import partial

    def dispatch(a, b=None):
        return (a, b)

    @torch.overrides.wrap_torch_function(dispatch)
    def mine(a, b=None):
        return a * 2

    class Kind(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return "taken", len(args), sorted(kwargs or {})

    x = torch.ones(2).as_subclass(Kind)
    return mine(torch.ones(2)), mine(x), mine(torch.ones(2), b=x), partial(mine, b=x)(1)
