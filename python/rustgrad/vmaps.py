"""`vmap`: a function over the entries of a batch.

It calls the function once for each entry and stacks the results: the same values as PyTorch's, at the price of a loop.
A function that asks for values of its arguments works under this `vmap`, where PyTorch refuses it.
"""

import functools
from typing import Any, NamedTuple

from ._rustgrad import Tensor
from ._rustgrad.torch import equal, stack, zeros_like
from .autograd import _shared
from .autograd.function import Function
from .random import get_rng_state, set_rng_state
from .utils._pytree import tree_flatten, tree_unflatten

__all__ = ["vmap"]


def _name_of(func) -> str:
    if hasattr(func, "__name__"):
        return func.__name__
    if isinstance(func, functools.partial):
        return f"functools.partial({_name_of(func.func)}, ...)"
    return repr(func)


def _check_randomness(randomness: str) -> None:
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")


class _Draws:
    """A `with` block in which no random numbers may be drawn: RuntimeError at its end."""

    def __enter__(self) -> None:
        self.state = get_rng_state()

    def __exit__(self, kind, *_) -> None:
        if kind is None and not equal(self.state, get_rng_state()):
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )


def _spread(dims: Any, tree) -> list[Any] | None:
    """One dim for each leaf of a tree: the same for all, or those of a tree like it or like its upper part. None where
    they do not fit."""
    leaves, _ = tree_flatten(tree)
    if dims is None or not isinstance(dims, (tuple, list, dict)):
        return [dims] * len(leaves)
    if isinstance(dims, dict):
        if not isinstance(tree, dict) or set(dims) != set(tree):
            return None
        pairs = [(dims[key], tree[key]) for key in tree]
    elif type(dims) is type(tree) and len(dims) == len(tree):
        pairs = list(zip(dims, tree))
    else:
        return None
    found: list = []
    for dim, part in pairs:
        below = _spread(dim, part)
        if below is None:
            return None
        found += below
    return found


def _axes(func, in_dims: Any, args):
    """The leaves of the arguments, their tree, and for each the dim to loop over, or None. ValueError where they do not
    fit."""
    call = f"vmap({_name_of(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to "
            "vmap over a function with no inputs. The latter is unsupported."
        )
    flat, spec = tree_flatten(args)
    dims = _spread(in_dims, args)
    if dims is None:
        raise ValueError(
            f"{call}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    for x, dim in zip(flat, dims):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise ValueError(
                f"{call}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{call}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.ndim <= dim < x.ndim:
            raise ValueError(
                f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {x.ndim} so "
                f"expected in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
            )
    return flat, spec, dims


def _size(flat, dims) -> int:
    sizes = [x.shape[d] for x, d in zip(flat, dims) if d is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]


def vmap(func, in_dims=0, out_dims=0, randomness: str = "error", *, chunk_size: int | None = None):
    """A function that calls `func` once for each entry along dim `in_dims` of its arguments, and stacks the results
    along `out_dims`.

    in_dims: one dim, or one for each argument (None: the argument is the same for all), in trees like the arguments.
    out_dims: likewise for the results; None for what is the same for all entries. randomness: "same" draws the same
    numbers for each entry, "different" others, "error" raises RuntimeError where numbers are drawn. ValueError where
    dims or sizes do not fit. Without entries the function is called once, on zeros, for the shapes of its results. Same
    values as torch.vmap, by a loop; the `apply` of an `autograd.Function` that has a `vmap` of its own is left to that.
    """
    _check_randomness(randomness)
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        _check_out_dims(func, out_dims)
        flat, spec, dims = _axes(func, in_dims, args)
        size = _size(flat, dims)
        if (rule := _own_rule(func)) is not None:
            given = tree_unflatten(dims, spec)
            made = rule(_VmapInfo(size, randomness), tuple(given), *args, **kwargs)
            return _moved(func, rule, made, out_dims, size)

        def call(i: int):
            entry = [x if d is None else x.select(d, i) if size else zeros_like(x).sum(d) for x, d in zip(flat, dims)]
            return func(*tree_unflatten(entry, spec), **kwargs)

        results = []
        state = get_rng_state() if randomness == "same" else None
        for i in range(max(size, 1)):
            if state is not None:
                set_rng_state(state)
            more = i + 1 < size
            _shared.graphs += more
            try:
                if randomness == "error" and i == 0:
                    with _Draws():
                        results.append(call(i))
                else:
                    results.append(call(i))
            finally:
                _shared.graphs -= more
        return _stacked(func, results, out_dims, size)

    return wrapper


class _VmapInfo(NamedTuple):
    """What the `vmap` of an `autograd.Function` is told of the call."""

    batch_size: int
    randomness: str


def _own_rule(func):
    """The `vmap` that the program wrote, where `func` is the `apply` of an `autograd.Function`."""
    owner: Any = getattr(func, "__self__", None)
    custom = isinstance(owner, type) and issubclass(owner, Function)
    if not custom or func != owner.apply or owner.vmap is Function.vmap:
        return None
    return owner.vmap


def _moved(func, rule, made, out_dims, size: int):
    """The results of a `vmap` of the program's own, with the dim of the batch where it was asked for."""
    if not isinstance(made, tuple) or len(made) != 2:
        raise RuntimeError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure "
            f"compatible with the output. Got a {type(made).__name__}."
        )
    output, own_dims = made
    leaves, spec = tree_flatten(output)
    own, wanted = _spread(own_dims, output), _spread(out_dims, output)
    if own is None:
        raise ValueError(
            f"{_name_of(rule)}: out_dims is not compatible with the structure of `outputs`. out_dims has structure "
            f"{tree_flatten(own_dims)[1]} but outputs has structure {spec}."
        )
    if wanted is None:
        raise ValueError(
            f"vmap({_name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the "
            f"structure of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure "
            f"{spec}."
        )
    placed = []
    for x, dim, place in zip(leaves, own, wanted):
        if dim is None:
            placed.append(x if place is None else x.expand(size, *x.shape).movedim(0, place))
        else:
            placed.append(x.movedim(dim, 0 if place is None else place))
    return tree_unflatten(placed, spec)


def _check_out_dims(func, out_dims) -> None:
    if out_dims is None or isinstance(out_dims, int):
        return
    if isinstance(out_dims, (tuple, list, dict)):
        leaves = tree_flatten(out_dims)[0]
        if all(dim is None or isinstance(dim, int) for dim in leaves):
            return
    raise ValueError(
        f"vmap({_name_of(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of "
        "ints representing where in the outputs the vmapped dimension should appear."
    )


def _stacked(func, results, out_dims, size: int):
    name, first = _name_of(func), results[0]
    leaves, spec = tree_flatten(first)
    columns = list(zip(*(tree_flatten(result)[0] for result in results)))
    if isinstance(first, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        dims: list[Any] | None = list(out_dims)
    else:
        dims = _spread(out_dims, first)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )
    out = []
    if not leaves and first is None:  # a tree without leaves for some, a value that is no tensor for PyTorch
        leaves, columns, dims = [first], [tuple(results)], [out_dims]
    for column, dim in zip(columns, dims):
        if dim is None:
            tensors = [x for x in column if isinstance(x, Tensor)]
            if len(tensors) > 1 and not all(x is tensors[0] or equal(x, tensors[0]) for x in tensors):
                raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
            out.append(column[0])
            continue
        if not all(isinstance(x, Tensor) for x in column):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(column[0])}. Did you mean to "
                "set out_dims= to None for output?"
            )
        rank = column[0].ndim + 1
        whole = stack(list(column), dim if dim >= 0 else dim + rank)
        out.append(whole if size else whole.narrow(dim, 0, 0))
    return tree_unflatten(out, spec)
