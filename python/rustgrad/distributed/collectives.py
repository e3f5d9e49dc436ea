"""Collectives of one process: sums over one, copies from oneself. With `async_op` they return work that is done."""

import enum
import pickle

from .._rustgrad import Tensor
from .world import _of

__all__ = [
    "P2POp",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "batch_isend_irecv",
    "broadcast",
    "broadcast_object_list",
    "gather",
    "gather_object",
    "irecv",
    "isend",
    "monitored_barrier",
    "recv",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
]


class ReduceOp(enum.IntEnum):
    """How the tensors of all processes become one."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    def __repr__(self):
        return f"<RedOpType.{self.name}: {self.value}>"


# PyTorch's members are of a class of their own inside of this one; here they are of one and the same.
ReduceOp.RedOpType = ReduceOp  # pyright: ignore[reportAttributeAccessIssue]


class Work:
    """A collective that is done."""

    def __init__(self, result=()):
        self._result = list(result)

    def is_completed(self) -> bool:
        """True."""
        return True

    def is_success(self) -> bool:
        """True."""
        return True

    def wait(self, timeout=None) -> bool:
        """Nothing to wait for: True."""
        return True

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def result(self) -> list:
        """The tensors that were written."""
        return self._result

    def get_future(self):
        """A Future of the tensors that were written."""
        from ..futures import Future

        future = Future()
        future.set_result(self._result)
        return future


def _begin(op: str, group, *tensors) -> bool:
    """Whether this process takes part. Raises ValueError without a world, TypeError for what is no tensor."""
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(
                "Invalid function argument. Expected parameter `tensor` of type torch.Tensor\n"
                f"             but got {type(tensor)} instead. ({op})"
            )
    return _of(group) is not None


def _done(async_op: bool, *written):
    return Work(written) if async_op else None


def _root(op: str, rank: int | None, group_rank: int | None = None) -> None:
    """Raise RuntimeError for a root other than this process."""
    given = group_rank if rank is None else rank
    if given not in (None, 0):
        raise RuntimeError(f"{op}: invalid root rank: {given}\nhint: there is one process, rank 0")


def _one(op: str, tensors) -> Tensor:
    """The only tensor of a list with one for each process. Raises RuntimeError for another number."""
    if len(tensors) != 1:
        raise RuntimeError(f"{op}: invalid tensor list at index 0 (expected length 1, got {len(tensors)})")
    return tensors[0]


def _write(out: Tensor, value: Tensor) -> None:
    from ..grad_mode import no_grad

    with no_grad():
        out.copy_(value)


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """The tensor of one process stays as it is, whatever the reduction."""
    _begin("all_reduce", group, tensor)
    return _done(async_op, tensor)


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """`all_reduce` of several tensors."""
    _begin("all_reduce_coalesced", group, *tensors)
    return _done(async_op, *tensors)


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op: bool = False, group_dst=None):
    """The tensor stays as it is. RuntimeError for a `dst` other than 0."""
    _begin("reduce", group, tensor)
    _root("reduce", dst, group_dst)
    return _done(async_op, tensor)


def broadcast(tensor, src=None, group=None, async_op: bool = False, group_src=None):
    """The tensor stays as it is. RuntimeError for a `src` other than 0."""
    _begin("broadcast", group, tensor)
    _root("broadcast", src, group_src)
    return _done(async_op, tensor)


def all_gather(tensor_list, tensor, group=None, async_op: bool = False):
    """Copy the tensor into the list's only one."""
    if _begin("all_gather", group, tensor):
        _write(_one("all_gather", tensor_list), tensor)
    return _done(async_op, *tensor_list)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op: bool = False):
    """Copy the input into the output, which has as many elements."""
    if _begin("all_gather_into_tensor", group, output_tensor, input_tensor):
        _write(output_tensor, input_tensor.reshape(output_tensor.shape))
    return _done(async_op, output_tensor)


def gather(tensor, gather_list=None, dst=None, group=None, async_op: bool = False, group_dst=None):
    """Copy the tensor into the list's only one."""
    if _begin("gather", group, tensor):
        _root("gather", dst, group_dst)
        if not gather_list:
            raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
        _write(_one("gather", gather_list), tensor)
    return _done(async_op, tensor)


def scatter(tensor, scatter_list=None, src=None, group=None, async_op: bool = False, group_src=None):
    """Copy the list's only tensor into `tensor`."""
    if _begin("scatter", group, tensor):
        _root("scatter", src, group_src)
        if not scatter_list:
            raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
        _write(tensor, _one("scatter", scatter_list))
    return _done(async_op, tensor)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """Copy the list's only tensor into `output`."""
    if _begin("reduce_scatter", group, output):
        _write(output, _one("reduce_scatter", input_list))
    return _done(async_op, output)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """Copy the input into the output, which has as many elements."""
    if _begin("reduce_scatter_tensor", group, output, input):
        _write(output, input.reshape(output.shape))
    return _done(async_op, output)


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op: bool = False):
    """Copy the only input into the only output."""
    if _begin("all_to_all", group):
        _write(_one("all_to_all", output_tensor_list), _one("all_to_all", input_tensor_list))
    return _done(async_op, *output_tensor_list)


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op: bool = False
):
    """Copy the input into the output."""
    if _begin("all_to_all_single", group, output, input):
        _write(output, input)
    return _done(async_op, output)


def barrier(group=None, async_op: bool = False, device_ids=None, timeout=None):
    """Wait for all processes: this one is here."""
    _begin("barrier", group)
    return _done(async_op)


def monitored_barrier(group=None, timeout=None, wait_all_ranks: bool = False) -> None:
    """`barrier`."""
    _begin("monitored_barrier", group)


def _copy(obj):
    return pickle.loads(pickle.dumps(obj))


def all_gather_object(object_list, obj, group=None) -> None:
    """Put a copy of `obj` into the list's only place."""
    if _begin("all_gather_object", group):
        object_list[0] = _copy(obj)


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None) -> None:
    """Put a copy of `obj` into the list's only place."""
    if _begin("gather_object", group):
        _root("gather_object", dst, group_dst)
        if not object_gather_list:
            raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
        object_gather_list[0] = _copy(obj)


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None) -> None:
    """The objects stay as they are. RuntimeError for a `src` other than 0."""
    _begin("broadcast_object_list", group)
    _root("broadcast_object_list", src, group_src)


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None
) -> None:
    """Put a copy of the only input into the output's first place."""
    if _begin("scatter_object_list", group):
        _root("scatter_object_list", src, group_src)
        scatter_object_output_list[0] = _copy(_one("scatter_object_list", scatter_object_input_list))


def _no_peer(what: str, rank, group) -> None:
    _of(group)
    if rank in (None, 0):
        raise ValueError(f"Invalid {what} rank: {what} rank should not be the same as the rank of the current process.")
    raise ValueError(f"Invalid {what} rank {rank}: there is one process, rank 0")


def send(tensor, dst=None, group=None, tag: int = 0, group_dst=None) -> None:
    """ValueError: there is no other process."""
    _no_peer("destination", dst if group_dst is None else group_dst, group)


def recv(tensor, src=None, group=None, tag: int = 0, group_src=None) -> int:
    """ValueError: there is no other process."""
    return _no_peer("source", src if group_src is None else group_src, group) or 0


def isend(tensor, dst=None, group=None, tag: int = 0, group_dst=None):
    """ValueError: there is no other process."""
    _no_peer("destination", dst if group_dst is None else group_dst, group)


def irecv(tensor, src=None, group=None, tag: int = 0, group_src=None):
    """ValueError: there is no other process."""
    _no_peer("source", src if group_src is None else group_src, group)


class P2POp:
    """A send or receive for `batch_isend_irecv`."""

    def __init__(self, op, tensor, peer=None, group=None, tag: int = 0, group_peer=None):
        if op not in (isend, irecv):
            raise RuntimeError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        self.op, self.tensor, self.peer, self.group, self.tag = op, tensor, peer, group, tag


def batch_isend_irecv(p2p_op_list) -> list:
    """ValueError for any operation: there is no other process."""
    for one in p2p_op_list:
        one.op(one.tensor, one.peer, one.group, one.tag)
    return []
