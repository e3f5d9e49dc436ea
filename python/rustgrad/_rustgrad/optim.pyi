"""One call into Rust per optimizer step. Written by hand: these are no ops of the registry."""

from . import Tensor

def sgd_step(
    params: list[Tensor],
    state: dict[Tensor, dict[str, Tensor]],
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None: ...
def adam_step(
    params: list[Tensor],
    state: dict[Tensor, dict[str, Tensor]],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    amsgrad: bool,
    maximize: bool,
    decoupled: bool,
) -> None: ...
