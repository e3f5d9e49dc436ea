"""Selective checkpoints: which results a checkpoint keeps instead of computing them again."""

import enum
from collections import defaultdict, deque
from collections.abc import Callable

from .. import _rustgrad

__all__ = ["CheckpointPolicy", "SelectiveCheckpointContext", "create_selective_checkpoint_contexts"]


class CheckpointPolicy(enum.Enum):
    """What a policy function says of a call of an op: that its result is kept, or computed again."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_RECOMPUTES = (CheckpointPolicy.MUST_RECOMPUTE, CheckpointPolicy.PREFER_RECOMPUTE)
_OFFLOADS = (CheckpointPolicy.MUST_CPU_OFFLOAD, CheckpointPolicy.PREFER_CPU_OFFLOAD)


class SelectiveCheckpointContext:
    """The first argument of a policy function."""

    def __init__(self, *, is_recompute: bool, op_output=None) -> None:
        self.is_recompute = is_recompute
        self.op_output = op_output


# The ops that the door runs under other names than PyTorch's native ones.
_NATIVE = {
    "softmax": "_softmax",
    "log_softmax": "_log_softmax",
    "layer_norm": "native_layer_norm",
    "group_norm": "native_group_norm",
    "batch_norm": "native_batch_norm",
    "dropout": "native_dropout",
    "scaled_dot_product_attention": "_scaled_dot_product_flash_attention_for_cpu",
    "square": "pow",
    "cube": "pow",
}
_PRODUCTS = {(1, 1): "dot", (2, 1): "mv", (2, 2): "mm"}


def _native_name(name: str, inputs) -> str:
    if name.startswith("conv") and name.partition("_")[0] in ("conv1d", "conv2d", "conv3d"):
        return "convolution"
    if name == "linear":
        return "addmm" if len(inputs) > 2 else "mm"
    if name == "matmul":
        return _PRODUCTS.get((inputs[0].ndim, inputs[1].ndim), "bmm")
    return _NATIVE.get(name, name)


def _op_of(name: str, inputs):
    """The op of `torch.ops.aten` that PyTorch runs here; None where it has none of that name."""
    if not inputs:
        return None
    from ..ops import aten

    return getattr(aten, _native_name(name, inputs), None)


class _Kept:
    """What one checkpoint keeps: for each op the results of its calls in turn, None for those that are not kept."""

    def __init__(self, policy, mutable: bool) -> None:
        self.policy = policy
        self.mutable = mutable
        self.results: defaultdict[str, deque] = defaultdict(deque)

    def after(self, name: str, inputs, results: list) -> None:
        op = _op_of(name, inputs)
        if op is None:
            return
        said = self.policy(SelectiveCheckpointContext(is_recompute=False), op, *inputs)
        if isinstance(said, bool):
            said = CheckpointPolicy.MUST_SAVE if said else CheckpointPolicy.PREFER_RECOMPUTE
        if not isinstance(said, CheckpointPolicy) or said in _RECOMPUTES:
            self.results[name].append(None)
        elif said in _OFFLOADS:
            self.results[name].append([(x.cpu(), None, x.device) for x in results])
        else:
            self.results[name].append([(x, x._version, x.device) for x in results])

    def before(self, name: str, inputs) -> list | None:
        if _op_of(name, inputs) is None:
            return None
        if not self.results[name]:
            raise RuntimeError(f"{name} encountered during backward, but not found in storage")
        if (kept := self.results[name].popleft()) is None:
            return None
        if any(version not in (None, x._version) for x, version, _ in kept) and not self.mutable:
            raise RuntimeError("Tensor cached during selective activation checkpoint has been mutated")
        return [x.to(device) for x, _, device in kept]


class _Keeping:
    """The context of the first time."""

    def __init__(self, kept: _Kept) -> None:
        self.kept = kept

    def __enter__(self) -> None:
        _rustgrad._replay(None, self.kept.after)

    def __exit__(self, *_) -> None:
        _rustgrad._replay(None, None)


class _Giving:
    """The context of computing again, once."""

    def __init__(self, kept: _Kept) -> None:
        self.kept = kept
        self.used = False

    def __enter__(self) -> None:
        if self.used:
            raise RuntimeError(
                "Trying to backward an extra time. You are only allowed to backward once on any region computed under "
                "selective activation checkpoint."
            )
        self.used = True
        _rustgrad._replay(self.kept.before, None)

    def __exit__(self, *_) -> None:
        _rustgrad._replay(None, None)


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation: bool = False):
    """The two contexts of a `checkpoint` that keeps the results of some ops: for its `context_fn`.

    policy_fn_or_list: a list of ops (`torch.ops.aten.mm.default`) whose results are kept, or a function
    `policy(ctx, op, *args)` that gives a `CheckpointPolicy`, called for each op that makes a tensor, under the name of
    the native op that it is in PyTorch: `addmm` or `mm` for a linear layer, `convolution`.
    ValueError for what is no op in a list, TypeError for neither; in backward RuntimeError for a second backward, and
    for a kept result that was written over, unless allow_cache_entry_mutation.
    """
    policy: Callable
    if isinstance(policy_fn_or_list, list):
        names = set()
        for op in policy_fn_or_list:
            if not callable(op) or not hasattr(op, "__name__"):
                raise ValueError(f"Expected op in `op_list` to be an OpOverload but got: {op} of type {type(op)}. ")
            names.add(_family(op.__name__))

        def listed(ctx, op, *args, **kwargs):
            kept = _family(op.__name__) in names
            return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE

        policy = listed
    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    kept = _Kept(policy, allow_cache_entry_mutation)
    return _Keeping(kept), _Giving(kept)


def _family(name: str) -> str:
    """Attention has one kernel here: all of PyTorch's mean it."""
    return "attention" if name.startswith("_scaled_dot_product") else name
