"""Functions of functions: `grad`, `vjp`, `jvp`, `jacrev`, `jacfwd`, `hessian` and `vmap`, which nest.

Derivatives come from backward, also those of `jvp`, by two passes. `vmap` calls the function once for each entry of the
batch and stacks the results: the same values as PyTorch's, at the price of a loop. A function that asks for values of
its arguments works under this `vmap`, where PyTorch refuses it.
"""

import functools
from typing import Any

from ._rustgrad import Tensor, _forward_mode, _set_tangent, _tangent
from ._rustgrad.torch import is_grad_enabled, stack, zeros, zeros_like
from .autograd import _shared
from .autograd import grad as _autograd_grad
from .grad_mode import enable_grad
from .utils._pytree import tree_flatten, tree_map, tree_unflatten

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
    if not numbers or not all(isinstance(n, int) for n in numbers):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {argnums!r}")
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    numbers = tuple(n % len(args) for n in numbers)
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique. Got: {argnums}")
    return numbers, not isinstance(argnums, tuple)


def _replaced(args, numbers):
    """The arguments with fresh tensors at these positions; the fresh ones as trees, and flat."""
    args = list(args)
    trees, flat = [], []
    for n in numbers:
        leaves, spec = tree_flatten(args[n])
        for x in leaves:
            if not isinstance(x, Tensor):
                raise ValueError(f"Expected all inputs to be tensors, got {type(x)}")
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
                    f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got type {type(output)}"
                )
            if output.ndim != 0:
                raise RuntimeError(
                    "Expected f(*args) to return a scalar tensor, got tensor with "
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
        leaves, spec = tree_flatten(output)

    def wrapper(cotangents, retain_graph=True, create_graph=None):
        vectors, other = tree_flatten(cotangents)
        if spec != other:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                "function. "
                f"cotangents: {other}, primal output: {spec}"
            )
        for x, v in zip(leaves, vectors):
            if x.shape != v.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output has a shape of {v.shape} and output has a shape of {x.shape}."
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
        vectors, _ = tree_flatten(tangents)
        if len(vectors) != len(flat):
            raise RuntimeError(
                "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure."
            )
        output, aux = _split_aux(func(*given), has_aux, "jvp")
        leaves, spec = tree_flatten(output)
        products = [_forward(x, flat, vectors) for x in leaves]
    own = [*flat, *vectors]
    result = _left(output, flat), _left(tree_unflatten(products, spec), flat)
    del own
    return (*result, _left(aux, flat)) if has_aux else result


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
        with enable_grad():
            products = [_forward(x, flat, vectors) for x in leaves]
        return _left(tree_unflatten(products, spec), flat)

    return _left(output, flat), linear


def jacrev(func, argnums=0, *, has_aux: bool = False, chunk_size: int | None = None, _preallocate_and_copy=False):
    """A function that gives the Jacobian of `func` by the arguments at `argnums`, row by row, from backward.

    For an output and an argument a tensor of shape (*output.shape, *argument.shape), in trees like both.
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers, single = _picked(argnums, args)
        with enable_grad():
            given, trees, flat = _replaced(args, numbers)
            output, aux = _split_aux(func(*given, **kwargs), has_aux, "jacrev")
            leaves, spec = tree_flatten(output)
            for x in leaves:
                if not isinstance(x, Tensor):
                    raise RuntimeError(
                        f"jacrev: Expected f(*args) to return only tensors, got unsupported type {type(x)}"
                    )
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
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func, argnums=0):
    """A function that gives the second derivatives of `func` by the arguments at `argnums`."""
    return jacfwd(jacrev(func, argnums), argnums)


# ---- vmap


def _axes(in_dims: Any, args):
    """For each leaf of the arguments the dim to loop over, or None. ValueError where they do not fit."""
    if not isinstance(in_dims, (int, tuple, list)) and in_dims is not None:
        raise ValueError(
            f"vmap(func, in_dims={in_dims}, ...): expected `in_dims` to be int or a tuple, got {type(in_dims)}."
        )
    flat, spec = tree_flatten(args)
    if isinstance(in_dims, int):
        dims = [in_dims if isinstance(x, Tensor) else None for x in flat]
    else:
        dims, given = [], list(in_dims or ())
        if len(given) != len(args):
            raise ValueError(
                f"vmap(func, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of "
                "`inputs`. "
                f"in_dims has {len(given)} entries but there are {len(args)} inputs."
            )
        for dim, arg in zip(given, args):
            dims += _spread(dim, arg)
    for x, dim in zip(flat, dims):
        if dim is None:
            continue
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor "
                "arguments, please use None as the respective in_dim"
            )
        if not -x.ndim <= dim < x.ndim:
            raise ValueError(
                f"vmap: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {x.ndim} so "
                "expected "
                f"in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
            )
    return flat, spec, dims


def _spread(dim, arg):
    """The dims of one argument: one for all its leaves, or a tree of them."""
    leaves, _ = tree_flatten(arg)
    if dim is None or isinstance(dim, int):
        return [dim if isinstance(x, Tensor) or dim is not None else None for x in leaves]
    if isinstance(dim, dict) and isinstance(arg, dict):
        return [d for key in arg for d in _spread(dim[key], arg[key])]
    if isinstance(dim, (list, tuple)) and isinstance(arg, (list, tuple)) and len(dim) == len(arg):
        return [d for a, b in zip(dim, arg) for d in _spread(a, b)]
    raise ValueError("vmap: in_dims is not compatible with the structure of inputs")


def vmap(func, in_dims=0, out_dims=0, randomness: str = "error", *, chunk_size: int | None = None):
    """A function that calls `func` once for each entry along dim `in_dims` of its arguments, and stacks the results
    along `out_dims`.

    in_dims: one dim, or one for each argument (None: the argument is the same for all), in trees like the arguments.
    randomness: "same" draws the same numbers for each entry, "different" others; "error" draws as "different" does.
    ValueError where dims or sizes do not fit. Same values as torch.vmap, by a loop.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        if not args:
            raise ValueError(
                "vmap(func)(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
                "function with no inputs. The latter is unsupported."
            )
        flat, spec, dims = _axes(in_dims, args)
        sizes = {x.shape[d] for x, d in zip(flat, dims) if d is not None}
        if len(sizes) != 1:
            if not sizes:
                raise ValueError(
                    f"vmap: in_dims={in_dims} says to map over no dim of any input; at least one must be mapped over"
                )
            found = [x.shape[d] for x, d in zip(flat, dims) if d is not None]
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                f"{found} for the mapped dimension"
            )
        (size,) = sizes
        if size == 0:
            raise RuntimeError("vmap: rustgrad calls the function once for each entry, and there is none")
        results = []
        state = _random_state() if randomness == "same" else None
        for i in range(size):
            if state is not None:
                _set_random_state(state)
            entry = [x if d is None else x.select(d, i) for x, d in zip(flat, dims)]
            more = i + 1 < size
            _shared.graphs += more
            try:
                results.append(func(*tree_unflatten(entry, spec), **kwargs))
            finally:
                _shared.graphs -= more
        return _stacked(results, out_dims)

    return wrapper


def _random_state():
    from .random import get_rng_state

    return get_rng_state()


def _set_random_state(state):
    from .random import set_rng_state

    set_rng_state(state)


def _stacked(results, out_dims):
    leaves, spec = tree_flatten(results[0])
    columns = list(zip(*(tree_flatten(result)[0] for result in results)))
    single = isinstance(results[0], Tensor)
    if isinstance(out_dims, int) or out_dims is None:
        dims = [out_dims] * len(leaves)
    else:
        dims = list(out_dims) if not single else [out_dims[0]]
        if len(dims) != len(leaves):
            raise ValueError(
                f"vmap: out_dims is not compatible with the structure of `outputs`. out_dims has {len(dims)} entries "
                "but "
                f"there are {len(leaves)} outputs."
            )
    out = []
    for column, dim in zip(columns, dims):
        if not all(isinstance(x, Tensor) for x in column):
            raise ValueError(
                f"vmap: func must only return Tensors, got type {type(column[0])}. Did you mean to set out_dims= to "
                "None "
                "for output?"
            )
        if dim is None:
            out.append(column[0])
            continue
        rank = column[0].ndim + 1
        out.append(stack(list(column), dim if dim >= 0 else dim + rank))
    return tree_unflatten(out, spec)
