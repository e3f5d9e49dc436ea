"""Pruning: parts of a parameter are set to zero by a mask, in training too.

A method is a hook before each call, which computes `NAME` as `NAME_orig` times `NAME_mask`. Several methods on one
parameter are gathered in a PruningContainer; each prunes what those before it have left.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from ..._rustgrad import float64
from ..._rustgrad.torch import cat, from_numpy, ones_like, rand, rand_like
from .._compose import vector_norm

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


class BasePruningMethod(ABC):
    """Base of the methods. A subclass defines `compute_mask` and says in PRUNING_TYPE what it looks at.

    PRUNING_TYPE: "unstructured" (single elements), "structured" (slices along `dim`) or "global" (all at once).
    """

    _tensor_name: str
    PRUNING_TYPE: str
    dim: int

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t, default_mask) -> Any:
        """The mask for importance scores `t`: `default_mask` with more zeros."""

    def apply_mask(self, module):
        """The pruned tensor of `module`."""
        if not hasattr(self, "_tensor_name"):
            raise AssertionError(f"Module {module} has to be pruned")
        mask, original = getattr(module, self._tensor_name + "_mask"), getattr(module, self._tensor_name + "_orig")
        return mask.to(original.dtype) * original

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prune `module.name` by this method, made from the other arguments; return the hook that is on now.

        importance_scores: of the parameter's shape, to judge by in place of its values. What fails leaves the module as
        it was.
        """
        before = _hook_of(module, name)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        hook = method
        if before is not None:
            hook = PruningContainer()
            hook._tensor_name = name
            for one in before[1] if isinstance(before[1], PruningContainer) else [before[1]]:
                hook.add_pruning_method(one)
            hook.add_pruning_method(method)
        original = getattr(module, name)
        if importance_scores is None:
            importance_scores = original
        elif importance_scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got "
                f"{importance_scores.shape} vs {original.shape}"
            )
        default_mask = ones_like(original.detach()) if before is None else getattr(module, name + "_mask").clone()
        mask = hook.compute_mask(importance_scores.detach(), default_mask)
        if before is None:
            delattr(module, name)
            module.register_parameter(name + "_orig", original)
        else:
            del module._forward_pre_hooks[before[0]]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, hook.apply_mask(module))
        module.register_forward_pre_hook(hook)
        return hook

    def prune(self, t, default_mask=None, importance_scores=None):
        """A pruned copy of the tensor `t`, judged by `importance_scores` if given; zeros of `default_mask` stay."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        default_mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=default_mask)

    def remove(self, module):
        """Make the pruned values the parameter `NAME` for good."""
        if not hasattr(self, "_tensor_name"):
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        name = self._tensor_name
        pruned, original = self.apply_mask(module), module._parameters[name + "_orig"]
        for gone in (name, name + "_orig", name + "_mask"):
            if hasattr(module, gone):
                delattr(module, gone)
        original.data = pruned.data
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """The methods of one parameter, in the order in which they came. It behaves as a list of them."""

    PRUNING_TYPE = "container"

    def __init__(self, *args) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        if not isinstance(args, Iterable):
            args = (args,)
        for method in args:
            if not hasattr(self, "_tensor_name") and hasattr(method, "_tensor_name"):
                self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method):
        """Add a method of the same parameter. Raises TypeError for other objects, ValueError for other parameters."""
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        mine, theirs = getattr(self, "_tensor_name", None), getattr(method, "_tensor_name", None)
        if method is not None and mine != theirs:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{mine}' to PruningContainer {self}. Found '{theirs}'"
            )
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t, default_mask):
        """The mask after the last method has seen what `default_mask` leaves."""
        method, mask = self._pruning_methods[-1], default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "global":
            return method.compute_mask(t, mask)
        if method.PRUNING_TYPE == "unstructured":
            kept = _places(mask.reshape(-1))
            part = method.compute_mask(_chosen(t.reshape(-1), 0, kept), _chosen(mask.reshape(-1), 0, kept))
            return _with_values(mask.reshape(-1), 0, kept, part).reshape(mask.shape)
        if method.PRUNING_TYPE == "structured":
            dim = method.dim % t.ndim
            kept = _places(mask.sum(tuple(i for i in range(t.ndim) if i != dim)))
            part = method.compute_mask(_chosen(t, dim, kept), _chosen(mask, dim, kept))
            return _with_values(mask, dim, kept, part)
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")


class Identity(BasePruningMethod):
    """Prunes nothing: the parameter gets a mask of ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes elements at random. amount: a fraction (float) or a number (int) of them."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount) -> None:
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def compute_mask(self, t, default_mask):
        count = _compute_nparams_toprune(self.amount, t.numel())
        _validate_pruning_amount(count, t.numel())
        if count == 0:
            return default_mask.clone()
        return _without(default_mask, _extremes(rand_like(t).reshape(-1), count, largest=True))


class L1Unstructured(BasePruningMethod):
    """Prunes the elements of the smallest size. amount: a fraction (float) or a number (int) of them."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount) -> None:
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def compute_mask(self, t, default_mask):
        count = _compute_nparams_toprune(self.amount, t.numel())
        _validate_pruning_amount(count, t.numel())
        if count == 0:
            return default_mask.clone()
        return _without(default_mask, _extremes(t.abs().reshape(-1), count, largest=False))


class RandomStructured(BasePruningMethod):
    """Prunes slices along `dim` at random. amount: a fraction (float) or a number (int) of them."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1) -> None:
        _validate_pruning_amount_init(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t, default_mask):
        count = _slices_to_prune(t, self.amount, self.dim)
        if count == 0:
            return default_mask
        drawn = rand(t.shape[self.dim])
        return _keeping(t, self.dim, _extremes(drawn, len(drawn) - count, largest=True), default_mask)


class LnStructured(BasePruningMethod):
    """Prunes the slices along `dim` with the smallest norm of order `n`. amount: a fraction or a number of them."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, n, dim=-1) -> None:
        _validate_pruning_amount_init(amount)
        self.amount = amount
        self.n = n
        self.dim = dim

    def compute_mask(self, t, default_mask):
        count = _slices_to_prune(t, self.amount, self.dim)
        norms = _compute_norm(t, self.n, self.dim)
        if count == 0:
            return default_mask
        return _keeping(t, self.dim, _extremes(norms, t.shape[self.dim] - count, largest=True), default_mask)

    @classmethod
    def apply(cls, module, name, amount, n, dim, importance_scores=None):
        """Prune slices of `module.name`; return the hook."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask) -> None:
        self.mask = mask

    def compute_mask(self, t, default_mask):
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


# --- functions


def identity(module, name):
    """Give the parameter `name` a mask of ones. Returns `module`, as all functions here do."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """Prune elements of the parameter `name` at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """Prune the elements of the parameter `name` that are smallest in size, or in their scores."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """Prune slices of the parameter `name` along `dim` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """Prune the slices of the parameter `name` along `dim` that have the smallest norm of order `n`."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prune elements of several parameters together, by an unstructured method over all of them at once.

    parameters: pairs (module, name). importance_scores: a dict from such pairs to scores. kwargs: of the method.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs, given = list(parameters), importance_scores or {}
    tensors = [getattr(module, name).detach() for module, name in pairs]
    scores = cat([given.get(pair, t).detach().reshape(-1) for pair, t in zip(pairs, tensors)])
    masks = [getattr(module, name + "_mask", None) for module, name in pairs]
    default = cat([(ones_like(t) if m is None else m).reshape(-1) for m, t in zip(masks, tensors)])
    container, method = PruningContainer(), pruning_method(**kwargs)
    container._tensor_name = method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    mask, start = container.compute_mask(scores, default), 0
    for (module, name), t in zip(pairs, tensors):
        custom_from_mask(module, name, mask=mask[start : start + t.numel()].view_as(t))
        start += t.numel()


def custom_from_mask(module, name, mask):
    """Prune the parameter `name` by a mask of its shape."""
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module, name):
    """Make the pruned values the parameter `name` for good. Raises ValueError where it is not pruned."""
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    found[1].remove(module)
    del module._forward_pre_hooks[found[0]]
    return module


def is_pruned(module) -> bool:
    """Whether `module` or one below it is pruned."""
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())


# --- helpers


def _hook_of(module, name):
    """The (key, hook) that prunes the parameter `name`, or None."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None


def _validate_pruning_amount_init(amount):
    if not isinstance(amount, Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if (isinstance(amount, Integral) and amount < 0) or (
        not isinstance(amount, Integral) and not 0.0 <= float(amount) <= 1.0
    ):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _validate_pruning_amount(amount, tensor_size):
    if isinstance(amount, Integral) and amount > tensor_size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={tensor_size}")


def _compute_nparams_toprune(amount, tensor_size):
    return amount if isinstance(amount, Integral) else round(amount * tensor_size)


def _slices_to_prune(t, amount, dim) -> Any:
    if t.ndim <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{t.shape} with {t.ndim} dims"
        )
    if dim >= t.ndim:
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")
    count = _compute_nparams_toprune(amount, t.shape[dim])
    _validate_pruning_amount(count, t.shape[dim])
    return count


def _compute_norm(t, n, dim):
    """The norm of order `n` of each slice along `dim`."""
    if isinstance(n, str) and n != "fro":
        raise NotImplementedError(f"ln_structured: n={n!r} is not built yet; expected a number or 'fro'")
    return vector_norm(t, 2 if n == "fro" else n, tuple(i for i in range(t.ndim) if i != dim % t.ndim))


def _array(t):
    t = t.detach().cpu()
    return (t if t.dtype == float64 else t.float()).numpy()


def _extremes(values, count, largest):
    """The places of the `count` largest or smallest of a tensor of one dim; NaN is the largest."""
    order = _array(values).argsort(kind="stable")
    return order[len(order) - count :] if largest else order[:count]


def _places(values):
    """Where a tensor of one dim is not 0."""
    return _array(values).nonzero()[0]


def _chosen(t, dim, places):
    return t.index_select(dim, from_numpy(places).to(t.device))


def _with_values(mask, dim, places, values):
    """`mask` with `values` at the places of `dim`."""
    full = _array(mask).copy()
    full[(slice(None),) * dim + (places,)] = _array(values)
    return from_numpy(full).to(device=mask.device, dtype=mask.dtype)


def _without(mask, places):
    """`mask`, flat, with zeros at the places."""
    full = _array(mask).reshape(-1).copy()
    full[places] = 0
    return from_numpy(full).to(device=mask.device, dtype=mask.dtype).reshape(mask.shape)


def _keeping(t, dim, places, default_mask):
    """`default_mask` where the slice along `dim` is one of `places`, else 0."""
    full = _array(default_mask) * 0
    full[(slice(None),) * (dim % t.ndim) + (places,)] = 1
    return from_numpy(full).to(device=t.device, dtype=default_mask.dtype) * default_mask
