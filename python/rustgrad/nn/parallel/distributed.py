"""DistributedDataParallel: a module whose gradients all processes of a world share. The world has one process."""

from contextlib import contextmanager

from ...distributed.world import _of
from ..modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Calls `module`; gradients are those of this process, the only one.

    Raises ValueError before `init_process_group`, RuntimeError where no parameter of the module takes a gradient.
    """

    def __init__(
        self,
        module,
        device_ids=None,
        output_device=None,
        dim=0,
        broadcast_buffers=None,
        init_sync=True,
        process_group=None,
        bucket_cap_mb=None,
        find_unused_parameters=False,
        check_reduction=False,
        gradient_as_bucket_view=False,
        static_graph=False,
        delay_all_reduce_named_params=None,
        param_to_hook_all_reduce=None,
        mixed_precision=None,
        device_mesh=None,
        skip_all_reduce_unused_params=False,
        **options,
    ) -> None:
        super().__init__()
        found = _of(process_group)
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
                "gradient."
            )
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError("device_ids can only be None or contain a single element.")
        self.__dict__.update(
            process_group=found,
            device_ids=list(device_ids) if device_ids else None,
            output_device=output_device,
            dim=dim,
            broadcast_buffers=True if broadcast_buffers is None else broadcast_buffers,
            find_unused_parameters=find_unused_parameters,
            static_graph=static_graph,
            require_backward_grad_sync=True,
        )
        self.module = module

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self):
        """A block in which gradients are not shared, as they never are."""
        before = self.require_backward_grad_sync
        self.__dict__["require_backward_grad_sync"] = False
        try:
            yield
        finally:
            self.__dict__["require_backward_grad_sync"] = before

    @contextmanager
    def join(self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False):
        """A block in which processes may have fewer inputs than others: there are no others."""
        yield

    def register_comm_hook(self, state, hook) -> None:
        """How gradients would be shared. TypeError where `hook` cannot be called; it never is, in a world of one."""
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
