"""The random numbers of the GPU: they come from the default generator, one stream for all devices."""

from .. import random as _random
from ._device import need

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]


def manual_seed(seed: int) -> None:
    """Nothing: the GPU draws from the default generator, which `torch.manual_seed` has seeded."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Nothing, as `manual_seed`."""
    int(seed)


def seed() -> None:
    """Nothing, as `manual_seed`."""


def seed_all() -> None:
    """Nothing, as `manual_seed`."""


def initial_seed() -> int:
    """The seed of the default generator. Raises AssertionError where there is no device."""
    need()
    return _random.initial_seed()


def get_rng_state(device="cuda"):
    """The state of the default generator. Raises AssertionError where there is no device."""
    need()
    return _random.get_rng_state()


def get_rng_state_all() -> list:
    """No states: the devices have none of their own."""
    return []


def set_rng_state(new_state, device="cuda") -> None:
    """Set the state of the default generator. Raises AssertionError where there is no device."""
    need()
    _random.set_rng_state(new_state)


def set_rng_state_all(new_states) -> None:
    """Set the state of each device; the list that `get_rng_state_all` gives is empty."""
    for state in new_states:
        set_rng_state(state)
