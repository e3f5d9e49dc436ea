"""How queues, pipes and the arguments of processes send tensors and storages."""

from multiprocessing.reduction import ForkingPickler

from .._rustgrad import Tensor, UntypedStorage
from .._storages import reduced as reduce_storage

__all__ = ["ForkingPickler", "init_reductions", "reduce_storage", "reduce_tensor"]


def reduce_tensor(tensor):
    """What makes the tensor anew in another process, over the same memory if that is shared, and the arguments.

    RuntimeError for a result that requires a gradient: its history would be lost on the way.
    """
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor "
            "before serializing (e.g., putting it on the queue)."
        )
    return tensor.__reduce_ex__(2)


def init_reductions() -> None:
    """Teach the pickler of `multiprocessing`."""
    from ..nn.parameter import Parameter

    ForkingPickler.register(UntypedStorage, reduce_storage)
    ForkingPickler.register(Tensor, reduce_tensor)
    ForkingPickler.register(Parameter, reduce_tensor)
