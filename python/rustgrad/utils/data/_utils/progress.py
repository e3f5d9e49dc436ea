"""How far an epoch has come: what `DataLoader.state_dict` saves, and what a resumed epoch begins with."""

from typing import Any

from ...._rustgrad import Generator, default_generator

__all__ = ["Progress"]

VERSION = 1


def generators_of(loader) -> dict[str, Generator]:
    """The loader's own generators by the place where they were found: the default one is the program's, not here."""
    batches = loader.batch_sampler
    places = {
        "loader": loader,
        "sampler": loader.sampler,
        "batch_sampler": batches,
        "batch_sampler.sampler": getattr(batches, "sampler", None),
    }
    found: dict[str, Generator] = {}
    for name, place in places.items():
        generator = getattr(place, "generator", None)
        known = any(generator is other for other in found.values())
        if isinstance(generator, Generator) and generator is not default_generator and not known:
            found[name] = generator
    return found


class Progress:
    """One epoch. Made before the epoch's first draw, and kept up to date by its iterator."""

    def __init__(self, loader) -> None:
        # A generator's copy takes a microsecond, its state as a tensor more: that is made when it is asked for.
        self._default = default_generator.clone_state()
        self._own = {name: generator.clone_state() for name, generator in generators_of(loader).items()}
        # Batches given, all from the first on, and those given out of order behind them.
        self.batches = 0
        self.ahead: set[int] = set()
        # For each worker how many batches it gave and its generator after the last of them; whose turn it is.
        self.workers: list[tuple[int, Generator | None]] = []
        self.turn = 0
        # What the workers' seeds are counted from, and whether it was drawn when this epoch began: workers that live on
        # keep theirs.
        self.base_seed = 0
        self.base_seed_drawn = True
        # Whether indices were drawn before the first batch was given.
        self.sampler_begun = False
        self.finished = False

    def given(self, batch: int) -> None:
        """Batch number `batch` was given."""
        self.ahead.add(batch)
        while self.batches in self.ahead:
            self.ahead.remove(self.batches)
            self.batches += 1

    def state_dict(self) -> dict[str, Any]:
        """Numbers, lists and uint8 tensors."""
        return {
            "batches": self.batches,
            "ahead": sorted(self.ahead),
            "turn": self.turn,
            "base_seed": self.base_seed,
            "base_seed_drawn": self.base_seed_drawn,
            "sampler_begun": self.sampler_begun,
            "workers": [
                {"batches": count, "generator": None if generator is None else generator.get_state()}
                for count, generator in self.workers
            ],
            "default_generator": self._default.get_state(),
            "generators": {name: generator.get_state() for name, generator in self._own.items()},
        }


def state_of(loader) -> dict[str, Any]:
    """The loader's state: of its epoch, if one was begun and not finished, and of its own generators."""
    progress: Progress | None = loader._progress
    state = {
        "version": VERSION,
        "batch_size": loader.batch_size,
        "num_workers": loader.num_workers,
        "epoch": None,
        "generators": {name: generator.get_state() for name, generator in generators_of(loader).items()},
    }
    if progress is not None and not progress.finished:
        state["epoch"] = progress.state_dict()
    return state


def check(loader, state: dict[str, Any]) -> None:
    """ValueError for a state that this loader cannot go on from."""
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise ValueError("the state was not made by this version's DataLoader.state_dict")
    if state["batch_size"] != loader.batch_size:
        raise ValueError(
            f"the state was saved with batch_size={state['batch_size']}, but the loader has "
            f"batch_size={loader.batch_size}"
        )
    iterable = loader._iterable and state["epoch"] is not None
    if iterable and state["num_workers"] != loader.num_workers:
        raise ValueError(
            f"the state was saved with num_workers={state['num_workers']}, but the loader has num_workers="
            f"{loader.num_workers}: each worker of an IterableDataset goes on in its own copy"
        )


def restore(loader, states: dict[str, Any]) -> None:
    """Put the loader's own generators into their states."""
    for name, generator in generators_of(loader).items():
        if name in states:
            generator.set_state(states[name])
