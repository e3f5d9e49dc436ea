"""The default random generator: seeds, states, and a block whose draws leave it as it was.

There is one stream for all devices, so what is forked or set here holds for the GPU as well. A data loader's worker
threads have default generators of their own, and these functions, called there, mean those.
"""

from ._rustgrad import Generator, Tensor, default_generator

__all__ = [
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "thread_safe_generator",
]


def manual_seed(seed) -> Generator:
    """Seed the default generator, and return it. Negative seeds count from 2**64 down."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system, and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> "Tensor":
    """The default generator's state, as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state) -> None:
    """Put the default generator into a state that `get_rng_state` returned."""
    default_generator.set_state(new_state)


def thread_safe_generator() -> Generator | None:
    """In a data loader's worker thread its generator, elsewhere None: what transforms may pass as `generator=`.

    They need not: the default generator is the worker's own there.
    """
    from .utils.data import get_worker_info

    info = get_worker_info()
    return None if info is None or info.rng is None else info.rng.torch_generator


class fork_rng:
    """A `with` block, or a decorated function, whose draws leave the default generator, the only one, as it was.

    `devices` and `device_type` name generators of other devices in PyTorch; here they are accepted, and `enabled=False`
    forks nothing.
    """

    def __init__(self, devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None) -> None:
        self._enabled = enabled and device_type != "meta"
        self._states = []

    def __enter__(self):
        # A list, since a decorated function may call itself.
        self._states.append(get_rng_state() if self._enabled else None)

    def __exit__(self, *_):
        state = self._states.pop()
        if state is not None:
            set_rng_state(state)

    def __call__(self, fn):
        from functools import wraps

        @wraps(fn)
        def forked(*args, **kwargs):
            with self:
                return fn(*args, **kwargs)

        return forked
