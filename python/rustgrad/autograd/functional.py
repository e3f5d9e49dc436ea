"""Derivatives of functions: vjp, jvp, jacobian, hessian, and products with them, by backward."""

from .._names import lookup as _lookup
from .._rustgrad import Tensor, _library
from .._rustgrad.torch import stack, zeros_like
from ..grad_mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _grad(*args, **kwargs):
    from . import grad

    return grad(*args, **kwargs)


def _tuple(value, name, function):
    """Whether it was a tuple, and the tuple of tensors. TypeError for what is no tensor."""
    given = value if isinstance(value, tuple) else (value,)
    for i, x in enumerate(given):
        if isinstance(x, Tensor):
            continue
        whose = "outputs of the user-provided function" if name == "outputs" else name
        if isinstance(value, tuple):
            raise TypeError(
                f"The {whose} given to {function} must be either a Tensor or a tuple of Tensors but the value at index "
                f"{i} has type {type(x)}."
            )
        raise TypeError(
            f"The {whose} given to {function} must be either a Tensor or a tuple of Tensors but the given {whose} has "
            f"type {type(x)}."
        )
    return isinstance(value, tuple), given


def _prepared(inputs, create_graph):
    """Inputs that are differentiated with respect to: views of the given ones, or leaves of their own."""
    made = []
    for x in inputs:
        if create_graph and x.requires_grad:
            made.append(x.view_as(x))
        else:
            made.append(x.detach().requires_grad_(True))
    return tuple(made)


def _finished(values, create_graph):
    """Results: outside of the graph, unless they are to be differentiated."""
    if isinstance(values, tuple):
        return tuple(_finished(x, create_graph) for x in values)
    return values if create_graph or not isinstance(values, Tensor) else values.detach()


def _unwrapped(values, is_tuple):
    return tuple(values) if is_tuple else values[0]


def _checked_v(v, like, is_tuple, function):
    """The vectors of a product, as many and as large as the tensors. RuntimeError otherwise."""
    given = v if isinstance(v, tuple) else (v,)
    _tuple(v, "v", function)
    if len(given) != len(like):
        if is_tuple:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (x, y) in enumerate(zip(given, like)):
        if x.size() != y.size():
            entry = f"Entry {i} in " if is_tuple else ""
            raise RuntimeError(f"{entry}v has invalid size: should be {y.size()} but got {x.size()}.")
    return given


def _need_scalar(outputs, is_tuple, function):
    if is_tuple or not isinstance(outputs[0], Tensor):
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    if outputs[0].nelement() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {function} should contain a single element")


def _strict_outputs(outputs):
    for i, x in enumerate(outputs):
        if not x.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be computed "
                "in a "
                "differentiable manner from the input when running in strict mode."
            )


def _strict_jacobian(jacobian, strict):
    """In strict mode each part of the Jacobian must depend on the inputs."""
    for i, one in enumerate(jacobian):
        if strict and not one.requires_grad:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided function with respect to "
                f"input {i} is independent of the input. This is not allowed in strict mode. You should ensure that "
                "your function is twice differentiable and that the jacobian depends on the inputs (this would be "
                "violated by a linear function for example)."
            )


def _filled(grads, like, strict, create_graph, stage):
    """Gradients with zeros for those that did not come, or an error in strict mode."""
    out = []
    for i, (g, x) in enumerate(zip(grads, like)):
        if g is None:
            if strict:
                raise RuntimeError(_STAGES[stage].format(i=i))
            g = zeros_like(x)
        elif strict and create_graph and not g.requires_grad:
            if "double" not in stage:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {i}. This is not allowed in "
                    "strict mode when create_graph=True."
                )
            raise RuntimeError(
                f"The hessian of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode when create_graph=True."
            )
        out.append(g)
    return tuple(out)


_STAGES = {
    "back": (
        "The output of the user-provided function is independent of input {i}. This is not allowed in strict mode."
    ),
    "back_trick": (
        "The gradient with respect to the input is independent of entry {i} in the grad_outputs when using the double "
        "backward trick to compute forward mode gradients. This is not allowed in strict mode."
    ),
    "double_back": "The jacobian of the user-provided function is independent of input {i}. This is not allowed in "
    "strict mode.",
    "double_back_trick": (
        "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian. This is not "
        "allowed "
        "in strict mode as it prevents from using the double backward trick to replace forward mode AD."
    ),
}


def _backward(outputs, inputs, grad_outputs=None, create_graph=False, retain_graph=None):
    """`grad` that gives None for what does not depend, also where nothing does."""
    grad_outputs = (None,) * len(outputs) if grad_outputs is None else grad_outputs
    pairs = [(x, g) for x, g in zip(outputs, grad_outputs) if x is not None and x.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    return _grad(
        [x for x, _ in pairs],
        inputs,
        [g for _, g in pairs],
        allow_unused=True,
        create_graph=create_graph,
        retain_graph=retain_graph,
    )


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """`func(*inputs)` and the product of the vector `v` with its Jacobian: one tensor for each input.

    v: as large as the output; may be None for one element. create_graph: the results can be differentiated. strict:
    RuntimeError where an output or a gradient does not depend on the inputs.
    """
    with enable_grad():
        several, inputs = _tuple(inputs, "inputs", "vjp")
        inputs = _prepared(inputs, create_graph)
        many, outputs = _tuple(func(*inputs), "outputs", "vjp")
        if strict:
            _strict_outputs(outputs)
        if v is not None:
            v = _checked_v(v, outputs, many, "vjp")
        elif len(outputs) != 1 or outputs[0].nelement() != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                "element."
            )
        grads = _backward(outputs, inputs, v, create_graph)
        result = _filled(grads, inputs, strict, create_graph, "back")
    return _unwrapped(_finished(outputs, create_graph), many), _unwrapped(_finished(result, create_graph), several)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """`func(*inputs)` and the product of its Jacobian with the vector `v`: one tensor for each output.

    v: as large as the inputs; may be None for one element. It is found by two backward passes.
    """
    with enable_grad():
        several, inputs = _tuple(inputs, "inputs", "jvp")
        inputs = _prepared(inputs, create_graph)
        if v is not None:
            v = _prepared_v(_checked_v(v, inputs, several, "jvp"), create_graph)
        elif len(inputs) != 1 or inputs[0].nelement() != 1:
            raise RuntimeError(
                "The vector v can only be None if the input to the user-provided function is a single Tensor with a "
                "single element."
            )
        many, outputs = _tuple(func(*inputs), "outputs", "jvp")
        if strict:
            _strict_outputs(outputs)
        dummies = tuple(zeros_like(x, requires_grad=True) for x in outputs)
        first = _backward(outputs, inputs, dummies, True)
        first = _filled(first, inputs, strict, True, "back")
        grads = _backward(first, dummies, v, create_graph)
        result = _filled(grads, outputs, strict, create_graph, "back_trick")
    return _unwrapped(_finished(outputs, create_graph), many), _unwrapped(_finished(result, create_graph), many)


def _prepared_v(v, create_graph):
    return tuple(x.view_as(x) if create_graph and x.requires_grad else x.detach() for x in v)


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The derivative of each element of each output by each element of each input.

    For one output and one input a tensor of shape (*output.shape, *input.shape); for tuples, tuples of these. vectorize
    computes the same. RuntimeError in strict mode for what does not depend; NotImplementedError for forward mode
    without vectorize or with create_graph, RuntimeError for strict with either of them.
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            'than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                f'{_library()}.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are '
                "not supported "
                'together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        if strict:
            raise RuntimeError(
                f'{_library()}.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not '
                'supported together (yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for "
                "`vectorize=True`."
            )
    with enable_grad():
        several, inputs = _tuple(inputs, "inputs", "jacobian")
        inputs = _prepared(inputs, create_graph)
        many, outputs = _tuple(func(*inputs), "outputs", "jacobian")
        if strict:
            _strict_outputs(outputs)
        if strict and vectorize:
            raise RuntimeError(
                f"{_library()}.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported "
                "together. Please either set `strict=False` or `vectorize=False`."
            )
        rows = tuple(_rows(out, inputs, i, create_graph, strict) for i, out in enumerate(outputs))
    rows = _finished(rows, create_graph)
    result = tuple(row if several else row[0] for row in rows)
    return result if many else result[0]


def _rows(out, inputs, place, create_graph, strict):
    """The Jacobian of one output: for each input a tensor."""
    per_input = [[] for _ in inputs]
    for element in out.reshape(-1):
        grads = _backward((element,), inputs, None, create_graph, retain_graph=True)
        for column, x, g, i in zip(per_input, inputs, grads, range(len(inputs))):
            if g is None and strict:
                raise RuntimeError(
                    f"Output {place} of the user-provided function is independent of input {i}. This is not allowed in "
                    "strict mode."
                )
            if g is not None and strict and create_graph and not g.requires_grad:
                raise RuntimeError(
                    "The jacobian of the user-provided function is independent of "
                    f"input {i}. This is not allowed in strict mode when create_graph=True."
                )
            column.append(zeros_like(x) if g is None else g)
    return tuple(
        stack(column, 0).view(out.size() + x.size()) if column else x.new_zeros(out.size() + x.size())
        for column, x in zip(per_input, inputs)
    )


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The second derivatives of a function with one element as its result, by each two inputs.

    For one input a tensor of shape (*input.shape, *input.shape); for a tuple of inputs a tuple of tuples. RuntimeError
    where the result has more elements, and in strict mode for what does not depend.
    """
    several, inputs = _tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def checked(*given):
        many, out = _tuple(func(*given), "outputs", "hessian")
        _need_scalar(out, many, "hessian")
        if strict and not out[0].requires_grad:
            _strict_outputs(out)
        return out[0].squeeze()

    def first(*given):
        jacobians = jacobian(checked, given, create_graph=True)
        _strict_jacobian(jacobians, strict)
        return tuple(jacobians)

    result = jacobian(first, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return result if several else result[0][0]


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """`func(*inputs)`, one element, and the product of the vector `v` with its Hessian: one tensor for each input."""
    with enable_grad():
        several, inputs = _tuple(inputs, "inputs", "vhp")
        inputs = _prepared(inputs, create_graph)
        v = _hessian_v(v, inputs, several, "vhp")
        many, outputs = _tuple(func(*inputs), "outputs", "vhp")
        if strict:
            _strict_outputs(outputs)
        _need_scalar(outputs, many, "vhp")
        first = _filled(_backward(outputs, inputs, None, True), inputs, strict, False, "back")
        _strict_jacobian(first, strict)
        grads = _backward(first, inputs, v, create_graph)
        result = _filled(grads, inputs, strict, create_graph, "double_back")
    return _finished(outputs[0], create_graph), _unwrapped(_finished(result, create_graph), several)


def _hessian_v(v, inputs, several, function):
    if v is not None:
        return _checked_v(v, inputs, several, function)
    if len(inputs) != 1 or inputs[0].nelement() != 1:
        raise RuntimeError(
            "The vector v can only be None if the input to the user-provided function is a single Tensor with a single "
            "element."
        )
    return None


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """`func(*inputs)`, one element, and the product of its Hessian with the vector `v`: one tensor for each input."""
    with enable_grad():
        several, inputs = _tuple(inputs, "inputs", "hvp")
        inputs = _prepared(inputs, create_graph)
        v = _hessian_v(v, inputs, several, "hvp")
        many, outputs = _tuple(func(*inputs), "outputs", "hvp")
        if strict:
            _strict_outputs(outputs)
        _need_scalar(outputs, many, "hvp")
        first = _filled(_backward(outputs, inputs, None, True), inputs, strict, False, "back")
        _strict_jacobian(first, strict)
        dummies = tuple(zeros_like(x, requires_grad=True) for x in inputs)
        second = _filled(_backward(first, inputs, dummies, True), inputs, strict, True, "double_back")
        grads = _backward(second, dummies, v, create_graph)
        result = _filled(grads, inputs, strict, create_graph, "double_back_trick")
    return _finished(outputs[0], create_graph), _unwrapped(_finished(result, create_graph), several)


__getattr__ = _lookup("torch.autograd.functional")
