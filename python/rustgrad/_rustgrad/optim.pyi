"""Steps of optimizers, one call into Rust each. Written by hand: these are no ops of the registry."""

from . import Tensor

class Step:
    """The step of the optimizer of this name: sgd, adam, nadam, radam, adamax, adagrad, adadelta or rmsprop."""

    def __init__(self, name: str) -> None: ...
    def __call__(
        self, params: list[Tensor], state: dict[Tensor, dict[str, Tensor]], *args: float | Tensor | bool
    ) -> None:
        """Change the parameters and their state once. `args` are the options: numbers, then truth values."""

    def recorded(
        self, params: list[Tensor], state: dict[Tensor, dict[str, Tensor]], *args: float | Tensor | bool
    ) -> None:
        """As a call, of ops that are recorded for backward."""
