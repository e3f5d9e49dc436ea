"""Functions of functions: `grad`, `vjp`, `jvp`, `jacrev`, `jacfwd`, `hessian` and `vmap`, which nest.

Derivatives come from backward, also those of `jvp`, by two passes. `vmaps` holds `vmap`.
"""

import contextlib
import functools

from ._rustgrad import Tensor, _forward_mode, _set_tangent, _tangent
from ._rustgrad.torch import is_grad_enabled, stack, zeros, zeros_like
from .autograd import grad as _autograd_grad
from .grad_mode import enable_grad
from .utils._pytree import tree_flatten, tree_map, tree_unflatten
from .vmaps import _check_randomness, _Draws, vmap

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp", "vmap"]


def _entered(x):
    """A tensor to differentiate by: a leaf of its own, or a part of the graph that the outer function builds."""
    if not isinstance(x, Tensor):
        return x
    if x.requires_grad and is_grad_enabled():
        return x.view_as(x)
    return _cut(x).requires_grad_(True)


def _cut(x: Tensor) -> Tensor:
    """A tensor outside of the graph, with its tangent in forward mode."""
    cut = x.detach()
    if _forward_mode() and (tangent := _tangent(x)) is not None:
        _set_tangent(cut, tangent.detach())
    return cut


def _gradients(outputs, inputs, vectors=None, create_graph=True):
    """The gradients of those outputs that have any, with zeros where an input had no part."""
    vectors = [None] * len(outputs) if vectors is None else vectors
    pairs = [(x, v) for x, v in zip(outputs, vectors) if isinstance(x, Tensor) and x.requires_grad]
    if not pairs:
        return [zeros_like(x) for x in inputs]
    found = _autograd_grad(
        [x for x, _ in pairs],
        inputs,
        [v for _, v in pairs],
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
    )
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs)]


def _reaches_others(tensors, own) -> bool:
    """Whether gradients of `tensors` go to leaves other than `own`: whether somebody outside may want them."""
    mine = {id(x) for x in own if x.is_leaf}
    nodes, seen = [], set()
    for x in tensors:
        if x.requires_grad and x.grad_fn is None and id(x) not in mine:
            return True
        if x.grad_fn is not None:
            nodes.append(x.grad_fn)
    while nodes:
        node = nodes.pop()
        if node in seen:
            continue
        seen.add(node)
        for after, _ in node.next_functions:
            if after is None:
                continue
            if type(after).__name__ == "AccumulateGrad":
                if id(after.variable) not in mine:
                    return True
            else:
                nodes.append(after)
    return False


def _left(tree, own):
    """Results: cut off from the graph, where it leads to nothing but this function's own leaves."""

    def leave(x):
        if not isinstance(x, Tensor) or not x.requires_grad:
            return x
        return x if _reaches_others([x], own) else _cut(x)

    return tree_map(leave, tree)


def _picked(argnums, args):
    """The positions to differentiate by, and whether they were given as one number."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    if not all(isinstance(n, int) for n in numbers):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    numbers = tuple(n % len(args) for n in numbers)
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return numbers, not isinstance(argnums, tuple)


def _replaced(args, numbers):
    """The arguments with fresh tensors at these positions; the fresh ones as trees, and flat."""
    args = list(args)
    trees, flat = [], []
    for n in numbers:
        leaves, spec = tree_flatten(args[n])
        for x in leaves:
            if not isinstance(x, Tensor):
                raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        fresh = [_entered(x) for x in leaves]
        args[n] = tree_unflatten(fresh, spec)
        trees.append((len(fresh), spec))
        flat += fresh
    return args, trees, flat


def _regrouped(flat, trees):
    """Flat results as trees like the arguments."""
    out, at = [], 0
    for count, spec in trees:
        out.append(tree_unflatten(list(flat[at : at + count]), spec))
        at += count
    return out


def grad_and_value(func, argnums=0, has_aux: bool = False):
    """A function that gives the gradient of `func` by the arguments at `argnums`, and what `func` returned.

    `func` returns a tensor of one element without dims; with has_aux a tuple of it and something that is passed on.
    RuntimeError otherwise. Same as torch.func.grad_and_value.
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers, single = _picked(argnums, args)
        with enable_grad():
            given, trees, flat = _replaced(args, numbers)
            output = func(*given, **kwargs)
            aux = None
            if has_aux:
                if not (isinstance(output, tuple) and len(output) == 2):
                    raise RuntimeError(
                        "grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) if has_aux "
                        "is True"
                    )
                output, aux = output
            if not isinstance(output, Tensor):
                raise RuntimeError(
                    f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}"
                )
            if output.ndim != 0:
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                    f"{output.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            grads = _gradients([output], flat)
        grads = _left(_regrouped(grads, trees), flat)
        result = grads[0] if single else tuple(grads)
        output, aux = _left(output, flat), _left(aux, flat)
        return (result, (output, aux)) if has_aux else (result, output)

    return wrapper


def grad(func, argnums=0, has_aux: bool = False):
    """A function that gives the gradient of `func` by the arguments at `argnums`: `grad(torch.sin)(x)`.

    `func` returns a tensor of one element without dims; with has_aux a tuple of it and something that is passed on.
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        result, value = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return wrapper


def _only_tensors(output, call: str):
    """The tensors of a tree, and the tree. RuntimeError for what is no tensor."""
    leaves, spec = tree_flatten(output)
    for x in leaves:
        if not isinstance(x, Tensor):
            raise RuntimeError(f"{call}: expected f(*primals) to return only tensors, got unsupported type {type(x)}")
    return leaves, spec


def _split_aux(output, has_aux, name):
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(
            f"{name}(f, *primals): output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return output


def vjp(func, *primals, has_aux: bool = False):
    """`func(*primals)`, and a function that multiplies a vector, like the output, with the Jacobian: a tuple with
    one gradient for each argument. With has_aux also what `func` returned beside its output.
    """
    with enable_grad():
        given, trees, flat = _replaced(primals, range(len(primals)))
        output, aux = _split_aux(func(*given), has_aux, "vjp")
        leaves, spec = _only_tensors(output, "vjp(f, *primals)")

    def wrapper(cotangents, retain_graph=True, create_graph=None):
        vectors, other = tree_flatten(cotangents)
        if spec != other:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                "function. "
                f"cotangents: {other}, primal output: {spec}"
            )
        for i, (x, v) in enumerate(zip(leaves, vectors)):
            if x.shape != v.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {v.shape} and output[{i}] has a shape of "
                    f"{x.shape}."
                )
        with enable_grad():
            grads = _gradients(leaves, flat, vectors)
        result = _left(_regrouped(grads, trees), flat)
        return tuple(result)

    result = _left(output, flat)
    return (result, wrapper, _left(aux, flat)) if has_aux else (result, wrapper)


def jvp(func, primals, tangents, *, strict: bool = False, has_aux: bool = False):
    """`func(*primals)`, and the product of its Jacobian with `tangents`, by two backward passes.

    primals, tangents: tuples of the same tensors' shapes. With has_aux also what `func` returned beside its output.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    with enable_grad():
        given, _, flat = _replaced(primals, range(len(primals)))
        vectors, other = tree_flatten(tangents)
        _, structure = tree_flatten(primals)
        if other != structure:
            raise RuntimeError(
                "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. For "
                "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with structure "
                f"{structure} and tangents with structure {other}"
            )
        _check_tangents(flat, vectors)
        output, aux = _split_aux(func(*given), has_aux, "jvp")
        leaves, spec = _only_tensors(output, "jvp(f, primals, tangents)")
        if strict and not all(x.requires_grad for x in leaves):
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not "
                "allowed with strict=True."
            )
        products = [_forward(x, flat, vectors) for x in leaves]
    own = [*flat, *vectors]
    result = _left(output, flat), _left(tree_unflatten(products, spec), flat)
    del own
    return (*result, _left(aux, flat)) if has_aux else result


def _check_tangents(primals, tangents) -> None:
    for x, v in zip(primals, tangents):
        if x.shape != v.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {[*x.shape]} while the given forward gradient is of size "
                f"{[*v.shape]}."
            )


def _forward(output, inputs, vectors):
    """The product of the Jacobian of one output with vectors: the derivative of vjp, which is linear, by its vector."""
    if not output.requires_grad:
        return zeros_like(output)
    dummy = zeros_like(output).requires_grad_(True)
    grads = _autograd_grad([output], inputs, [dummy], create_graph=True, retain_graph=True, allow_unused=True)
    pairs = [(g, v) for g, v in zip(grads, vectors) if g is not None and g.requires_grad]
    if not pairs:
        return zeros_like(output)
    (found,) = _autograd_grad(
        [g for g, _ in pairs], [dummy], [v for _, v in pairs], create_graph=True, retain_graph=True, allow_unused=True
    )
    return zeros_like(output) if found is None else found


def linearize(func, *primals):
    """`func(*primals)`, and a function of tangents that gives the product of the Jacobian at `primals` with them."""
    with enable_grad():
        given, _, flat = _replaced(primals, range(len(primals)))
        output = func(*given)
        leaves, spec = tree_flatten(output)

    def linear(*tangents):
        vectors, _ = tree_flatten(tangents)
        for i, (x, v) in enumerate(zip(flat, vectors)):
            for what in ("shape", "dtype"):
                if getattr(x, what) != getattr(v, what):
                    raise RuntimeError(
                        f"tangent:{i} with {what} {getattr(v, what)} in flattened pytree doesn't match the {what} "
                        f"{getattr(x, what)} of the corresponding primal."
                    )
        with enable_grad():
            products = [_forward(x, flat, vectors) for x in leaves]
        return _left(tree_unflatten(products, spec), flat)

    return _left(output, flat), linear


def jacrev(func, argnums=0, *, has_aux: bool = False, chunk_size: int | None = None, _preallocate_and_copy=False):
    """A function that gives the Jacobian of `func` by the arguments at `argnums`, row by row, from backward.

    For an output and an argument a tensor of shape (*output.shape, *argument.shape), in trees like both.
    """

    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")
    return _jacobian(func, argnums, has_aux, "vjp(f, *primals)")


def _jacobian(func, argnums, has_aux: bool, call: str, draws=None):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers, single = _picked(argnums, args)
        with enable_grad():
            given, trees, flat = _replaced(args, numbers)
            with draws or contextlib.nullcontext():
                output, aux = _split_aux(func(*given, **kwargs), has_aux, "jacrev")
            leaves, spec = _only_tensors(output, call)
            per_output = []
            for out in leaves:
                rows = [_gradients([element], flat) for element in out.reshape(-1)]
                columns = [
                    stack([row[i] for row in rows]).reshape(*out.shape, *x.shape)
                    if rows
                    else zeros(*out.shape, *x.shape, dtype=x.dtype, device=x.device)
                    for i, x in enumerate(flat)
                ]
                grouped = _regrouped(columns, trees)
                per_output.append(grouped[0] if single else tuple(grouped))
        result = _left(tree_unflatten(per_output, spec), flat)
        return (result, _left(aux, flat)) if has_aux else result

    return wrapper


def jacfwd(func, argnums=0, has_aux: bool = False, *, randomness: str = "error"):
    """The Jacobian of `func` by the arguments at `argnums`: what `jacrev` gives, by the same passes."""
    _check_randomness(randomness)
    return _jacobian(func, argnums, has_aux, "jvp(f, primals, tangents)", _Draws() if randomness == "error" else None)


def hessian(func, argnums=0):
    """A function that gives the second derivatives of `func` by the arguments at `argnums`."""
    return jacfwd(jacrev(func, argnums), argnums)
