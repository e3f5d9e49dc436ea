"""The two ops of a GradScaler: gradients divided and looked through for inf, and the factor's next value."""

from .._rustgrad import Tensor
from ..grad_mode import no_grad

__all__: list[str] = []


def _amp_foreach_non_finite_check_and_unscale_(self, found_inf: Tensor, inv_scale: Tensor) -> None:
    """Multiply each tensor of a list by `inv_scale` in place; `found_inf` becomes 1 where one holds inf or NaN.

    found_inf, inv_scale: one float32 each. RuntimeError for anything else.
    """
    if inv_scale.numel() != 1:
        raise RuntimeError("inv_scale must be a 1-element tensor.")
    if found_inf.numel() != 1:
        raise RuntimeError("found_inf must be a 1-element tensor.")
    inverse = inv_scale.item()
    with no_grad():
        for grad in self:
            # A sum of products with zero is NaN where an element is not finite, and one pass.
            if not (grad * 0).sum().item() == 0:
                found_inf.fill_(1.0)
            if inverse != 1:
                grad.mul_(inv_scale.reshape(()))


def _amp_update_scale_(
    self: Tensor,
    growth_tracker: Tensor,
    found_inf: Tensor,
    scale_growth_factor: float,
    scale_backoff_factor: float,
    growth_interval: int,
) -> Tensor:
    """Shrink the factor `self` where inf was found, grow it after `growth_interval` steps without; returns it."""
    if found_inf.item():
        self.mul_(scale_backoff_factor)
        growth_tracker.fill_(0)
        return self
    successful = int(growth_tracker.item()) + 1
    if successful != growth_interval:
        growth_tracker.fill_(successful)
        return self
    grown = self * scale_growth_factor
    if grown.isfinite().item():  # else it stays, as large as it can be
        self.copy_(grown)
    growth_tracker.fill_(0)
    return self
