"""What optimizers share whose step is a row of the extension: one call for all parameters of a group."""

from typing import Any

from .._rustgrad import optim
from ..grad_mode import enable_grad
from .stepwise import Stepwise


class ByRow(Stepwise):
    """An optimizer that passes the options of each group to its row, which makes and keeps the state.

    With differentiable, the row is run as operations that are recorded for backward; parameters need not be leaves
    then.
    """

    _row: optim.Step

    def step(self, closure=None):
        """Change the parameters once. `closure` computes the loss and its gradients again; its value is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if self.defaults["differentiable"]:
            with enable_grad():
                for group in self.param_groups:
                    self._row.recorded(group["params"], self.state, *self._options(group))
            return loss
        row, state = self._row, self.state
        for group in self.param_groups:
            row(group["params"], state, *self._options(group))
        return loss

    def _options(self, group: dict[str, Any]) -> tuple:
        """The options of the row, in its order."""
        raise NotImplementedError
