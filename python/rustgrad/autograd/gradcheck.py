"""gradcheck: derivatives against differences of the function's values, element by element."""

import collections
import warnings

from .._names import lookup as _lookup
from .._rustgrad import Tensor, complex128, float64
from .._rustgrad.torch import allclose, rand_like, randn_like, view_as_real, zeros_like

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised where a derivative is not what differences say."""


def _grad(*args, **kwargs):
    from . import grad

    return grad(*args, **kwargs)


def _tuple(x) -> tuple:
    if isinstance(x, list):
        return tuple(x)
    return x if isinstance(x, tuple) else (x,)


def _differentiable(outputs) -> tuple:
    return tuple(x for x in _tuple(outputs) if isinstance(x, Tensor) and x.requires_grad)


def _checked_inputs(inputs) -> bool:
    """Whether an input requires a gradient; warns of those that are not float64 or complex128."""
    if not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        if x.dtype not in (float64, complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                "will "
                "likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if x.numel() > 1 and not all(st > 0 or sz <= 1 for st, sz in zip(x.stride(), x.size())):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to "
                "be able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                "passing it to gradcheck."
            )
        x.retain_grad()
    return True


def _dense_inputs(func, inputs, masked):
    """A function of dense tensors, and these: of a sparse one its elements, or, where not `masked`, all of it."""
    if not any(isinstance(x, Tensor) and x.is_sparse for x in inputs):
        return func, inputs
    from ..sparse.coo import with_values

    def leaf(x):
        if not (isinstance(x, Tensor) and x.is_sparse):
            return x
        dense = x.detach().coalesce().values() if masked else x.detach().to_dense()
        return dense.clone().requires_grad_(x.requires_grad)

    def of_dense(*dense):
        given = []
        for x, part in zip(inputs, dense):
            if isinstance(x, Tensor) and x.is_sparse:
                part = with_values(x.detach().coalesce(), part) if masked else part.to_sparse(x.sparse_dim())
            given.append(part)
        return func(*given)

    return of_dense, tuple(map(leaf, inputs))


def _moved(fn, x, index, step):
    """The outputs of `fn` with one element of `x` moved by `step`."""
    flat = x.data
    old = flat[index].item()
    flat[index] = old + step
    try:
        return [out.detach().clone() for out in _tuple(fn()) if isinstance(out, Tensor)]
    finally:
        flat[index] = old


def _indices(shape):
    from itertools import product

    return product(*(range(n) for n in shape))


def _reals(x):
    """The real numbers of a tensor as a vector: of each complex one the real part, then the imaginary one."""
    return (view_as_real(x) if x.is_complex() else x).reshape(-1)


def _check_alike(before, after) -> None:
    """AssertionError where moving the inputs gave an output another shape or dtype."""
    for a, b in zip(before, after):
        for what in ("shape", "dtype"):
            if getattr(a, what) != getattr(b, what):
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed by `eps`, but "
                    f"got {what}s {getattr(a, what)} and {getattr(b, what)}."
                )


def _numerical(fn, x, places, eps):
    """The Jacobian of each output by `x`, from central differences: (real numbers of x, those of the output)."""
    columns = [[] for _ in places]
    steps = (eps, eps * 1j) if x.is_complex() else (eps,)
    for index in _indices(x.shape):
        for step in steps:
            after, before = _moved(fn, x, index, step), _moved(fn, x, index, -step)
            _check_alike(before, after)
            for column, place in zip(columns, places):
                column.append(_reals((after[place] - before[place]) / (2 * eps)))
    return columns


def _matrix(rows, x, out):
    from .._rustgrad.torch import stack

    dtype = out.dtype.to_real()
    return stack(rows).to(dtype) if rows else out.new_zeros((0, _reals(out.detach()).numel()), dtype=dtype)


def _analytical(out, x, grad_of):
    """The Jacobian of one output by `x`, from backward: (real numbers of x, those of the output)."""
    units = (1, 1j) if out.is_complex() else (1,)
    count = len(units)
    jacobian = x.new_zeros((_reals(x.detach()).numel(), count * out.numel()), dtype=x.dtype.to_real())
    for j in range(count * out.numel()):
        g = zeros_like(out).contiguous()  # whose flat form is no copy
        g.reshape(-1)[j // count] = units[j % count]
        (found,) = _grad(out, [x], grad_of(g), retain_graph=True, allow_unused=True)
        if found is not None:
            if found.size() != x.size():
                raise GradcheckError("Analytical gradient has incorrect size")
            if found.dtype != x.dtype:
                raise GradcheckError("Analytical gradient has incorrect type")
            jacobian[:, j] = _reals(found.detach())
    return jacobian


def _not_reentrant(nondet_tol) -> str:
    return (
        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
        "different values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism "
        f"was {nondet_tol}."
    )


def _message(numerical, analytical, out, i):
    return (
        f"Jacobian mismatch for output {out} with respect to input {i},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _check_no_outputs(fn, inputs, eps):
    """Where no output requires a gradient, moving the inputs must change nothing."""
    outs = [x for x in _tuple(fn(*inputs)) if isinstance(x, Tensor)]
    for x in inputs:
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        for column in _numerical(lambda: fn(*inputs), x, range(len(outs)), eps):
            if any((row != 0).any() for row in column):
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _slow(fn, inputs, outputs, places, eps, rtol, atol, nondet_tol):
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        columns = _numerical(lambda: fn(*inputs), x, places, eps)
        for j, out in enumerate(outputs):
            numerical = _matrix(columns[j], x, out)
            analytical = _analytical(out, x, lambda g: g)
            again = _analytical(out, x, lambda g: g)
            if not allclose(analytical, again, rtol=0.0, atol=nondet_tol, equal_nan=True):
                raise GradcheckError(_not_reentrant(nondet_tol))
            # Of complex outputs each part is a function of its own.
            for part in (1, 0) if out.is_complex() else (None,):
                n, a = (m if part is None else m[:, part::2] for m in (numerical, analytical.to(numerical.dtype)))
                if not allclose(a, n, rtol, atol):
                    raise GradcheckError(_PARTS[part] + _message(n, a, j, i))


def _pushed(fn, inputs, i, places):
    """The Jacobians of outputs by input `i`, from forward mode: (real numbers of the input, those of the output)."""
    from . import forward_ad

    x = inputs[i]
    plain = tuple(y.detach() if isinstance(y, Tensor) else y for y in inputs)
    columns = [[] for _ in places]
    for index in _indices(x.shape):
        for unit in (1, 1j) if x.is_complex() else (1,):
            tangent = zeros_like(x.detach())
            tangent[index] = unit
            with forward_ad.dual_level():
                # The others carry zeros: a function may ask each input that requires a gradient for its tangent.
                given = tuple(
                    forward_ad.make_dual(p, tangent if j == i else zeros_like(p))
                    if isinstance(y, Tensor) and y.requires_grad
                    else p
                    for j, (p, y) in enumerate(zip(plain, inputs))
                )
                outs = [y for y in _tuple(fn(*given)) if isinstance(y, Tensor)]
                for column, place in zip(columns, places):
                    moved = forward_ad.unpack_dual(outs[place]).tangent
                    column.append(_reals(zeros_like(outs[place]) if moved is None else moved).detach())
    return columns


def _forward(fn, inputs, outputs, places, eps, rtol, atol):
    """Forward mode against differences."""
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        columns, pushed = _numerical(lambda: fn(*inputs), x, places, eps), _pushed(fn, inputs, i, places)
        for j, out in enumerate(outputs):
            n, a = _matrix(columns[j], x, out), _matrix(pushed[j], x, out)
            if not allclose(a, n, rtol, atol):
                message = _message(n, a, j, i).replace("Jacobian", "Jacobian computed with forward mode", 1)
                raise GradcheckError(message)


_PARTS = {
    None: "",
    0: "While considering the real part of complex outputs only, ",
    1: "While considering the imaginary part of complex outputs only, ",
}


def _fast(fn, inputs, outputs, places, eps, rtol, atol, nondet_tol):
    """One random direction for each input and output instead of every element."""
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        u = rand_like(x)
        u = u / u.norm() if u.numel() else u
        kept = x.detach().clone()
        try:
            x.data.copy_(kept + eps * u)
            after = [o.detach().clone() for o in _tuple(fn(*inputs)) if isinstance(o, Tensor)]
            x.data.copy_(kept - eps * u)
            before = [o.detach().clone() for o in _tuple(fn(*inputs)) if isinstance(o, Tensor)]
        finally:
            x.data.copy_(kept)
        _check_alike(before, after)
        for j, (out, place) in enumerate(zip(outputs, places)):
            v = rand_like(out)
            v = v / v.norm() if v.numel() else v
            numerical = (_reals((after[place] - before[place]) / (2 * eps)) * _reals(v)).sum()
            (found,) = _grad(out, [x], v, retain_graph=True, allow_unused=True)
            (again,) = _grad(out, [x], v, retain_graph=True, allow_unused=True)
            if found is not None and not allclose(found, again, rtol=0.0, atol=nondet_tol, equal_nan=True):
                raise GradcheckError(_not_reentrant(nondet_tol))
            analytical = (_reals(found.detach()) * _reals(u)).sum() if found is not None else zeros_like(numerical)
            if not allclose(analytical.to(numerical.dtype), numerical, rtol, atol):
                slow_n = _matrix(_numerical(lambda: fn(*inputs), x, [place], eps)[0], x, out)
                slow_a = _analytical(out, x, lambda g: g)
                raise GradcheckError(
                    _message(numerical, analytical, j, i)
                    + "\nThe above quantities relating the numerical and analytical jacobians are computed \n"
                    "in fast mode. Below, we recompute numerical and analytical jacobians in slow mode:\n\n"
                    f"Numerical:\n {slow_n}\nAnalytical:\n{slow_a}\n\n"
                    f"The max per-element difference (slow mode) is: {(slow_n - slow_a).abs().max().item()}.\n"
                )


def _check_undefined(fn, inputs, outputs):
    """Backward must take None for an output's gradient as it takes zeros."""
    wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    given = [out * 1 for out in outputs]
    found = _grad(given, wanted, [zeros_like(x) for x in given], allow_unused=True, retain_graph=True)
    for g, x in zip(found, wanted):
        if g is not None and not (g == 0).all():
            raise GradcheckError("backward not multiplied by grad_output")
        if g is not None and g.size() != x.size():
            raise GradcheckError("grad is incorrect size")


def gradcheck(
    func,
    inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of `func(*inputs)` by those inputs that require one with central differences.

    inputs should be float64 or complex128: a warning says so otherwise. Complex numbers count as their two parts. True
    where |analytical - numerical| <= atol + rtol * |numerical|; else GradcheckError, a RuntimeError, or False without
    raise_exception. fast_mode compares random directions. check_forward_ad: tangents of `autograd.forward_ad`, too.
    ValueError where no input requires a gradient.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    func, given = _dense_inputs(func, _tuple(inputs), masked)
    try:
        _checked_inputs(given)
        all_outputs = [x for x in _tuple(func(*given)) if isinstance(x, Tensor)]
        places = [i for i, x in enumerate(all_outputs) if x.requires_grad]
        outputs = [all_outputs[i] for i in places]
        if not outputs:
            _check_no_outputs(func, given, eps)
            return True
        if check_backward_ad:
            compare = _fast if fast_mode else _slow
            compare(func, given, outputs, places, eps, rtol, atol, nondet_tol)
            if check_undefined_grad:
                _check_undefined(func, given, outputs)
        if check_forward_ad:
            _forward(func, given, outputs, places, eps, rtol, atol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of the gradients of `func(*inputs)`, which are a function of the inputs and of `grad_outputs`.

    check_fwd_over_rev: forward mode over the gradients is checked; check_rev_over_rev: backward over them.
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    func, given = _dense_inputs(func, _tuple(inputs), masked)
    if grad_outputs is None:
        outputs = _differentiable(func(*given))
        made = tuple(randn_like(x.detach()).requires_grad_(True) for x in outputs)
    else:
        made = _tuple(grad_outputs)
    count = len(made)
    places = [i for i, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]

    def gradients(*args):
        own, grads = args[:-count], args[-count:]
        wanted = tuple(own[i].requires_grad_() for i in places)  # of others `func` may ask that they do not
        outputs = _differentiable(func(*own))
        found = _grad(outputs, wanted, grads, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients,
        given + made,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )


def get_numerical_jacobian(fn, inputs, target=None, eps=1e-3, grad_out=1.0):
    """Raises ValueError unless grad_out is 1; the Jacobians of the first output by `target`, from differences.

    `fn` is called with the tuple of inputs.
    """
    if grad_out != 1.0:
        raise ValueError(
            "Expected grad_out to be 1.0. get_numerical_jacobian no longer supports values of grad_out != 1.0."
        )
    _say_private("get_numerical_jacobian")
    given = _tuple(inputs)
    wanted = [x for x in (given if target is None else _tuple(target)) if isinstance(x, Tensor) and x.requires_grad]
    out = _tuple(fn(given))[0]
    return tuple(_matrix(_numerical(lambda: fn(given), x, [0], eps)[0], x, out) for x in wanted)


def _say_private(name: str) -> None:
    warnings.warn(
        f"`{name}` was part of PyTorch's private API and not meant to be exposed. We are deprecating it and it will be "
        "removed in a future version of PyTorch.",
        FutureWarning,
        stacklevel=3,
    )


_AnalyticalJacobian = collections.namedtuple("_AnalyticalJacobian", "jacobians reentrant correct_size correct_type")


def get_analytical_jacobian(inputs, output, nondet_tol=0.0, grad_out=1.0):
    """The Jacobians of `output` by the inputs, from backward, and whether they are what they should be."""
    if grad_out != 1.0:
        raise ValueError(
            "Expected grad_out to be 1.0. get_analytical_jacobian no longer supports values of grad_out != 1.0."
        )
    _say_private("get_analytical_jacobian")
    wanted = [x for x in _tuple(inputs) if isinstance(x, Tensor) and x.requires_grad]
    return _AnalyticalJacobian(tuple(_analytical(output, x, lambda g: g) for x in wanted), True, True, True)


__getattr__ = _lookup("torch.autograd.gradcheck")
