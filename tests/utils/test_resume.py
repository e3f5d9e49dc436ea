"""Epochs that go on in another loader where they were left."""

import pickle
from functools import partial
from itertools import chain

import pytest

import rustgrad as torch
from rustgrad.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset, get_worker_info


class Draws(Dataset):
    """Example i is i and a number drawn at random."""

    def __init__(self, size=23):
        self.size = size

    def __getitem__(self, i):
        return i, torch.rand(1).item()

    def __len__(self):
        return self.size


class Stream(IterableDataset):
    """Examples as above, fewer for each worker than for the one before."""

    def __iter__(self):
        info = get_worker_info()
        for i in range(11 - (0 if info is None else 3 * info.id)):
            yield i, torch.rand(1).item()


def values(batches):
    return [[x.tolist() if isinstance(x, torch.Tensor) else x for x in batch] for batch in batches]


def resumed(make, stop):
    """Two epochs in one go, and with a break and a new loader after `stop` batches."""
    torch.manual_seed(3)
    loader, whole = make(), []
    for _ in range(2):
        for batch in loader:
            whole.append(batch)
            torch.rand(1)
    torch.manual_seed(3)
    loader, parts = make(), []
    while len(parts) < stop:
        for batch in loader:
            parts.append(batch)
            torch.rand(1)
            if len(parts) == stop:
                break
    saved = pickle.dumps((loader.state_dict(), torch.get_rng_state()))
    torch.seed()
    state, stream = pickle.loads(saved)
    loader = make()
    torch.set_rng_state(stream)
    loader.load_state_dict(state)
    while len(parts) < len(whole):
        for batch in loader:
            parts.append(batch)
            torch.rand(1)
    assert values(parts) == values(whole)


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("stop", [1, 5, 6, 8])
def test_epochs_go_on_where_they_were_left(workers, stop):
    def own():
        return torch.Generator().manual_seed(8)

    def sampler():
        return RandomSampler(Draws(), replacement=True, generator=own())

    for persistent in {False, workers > 0}:
        loader = partial(DataLoader, num_workers=workers, persistent_workers=persistent)
        resumed(partial(loader, Draws(), 4, shuffle=True), stop)
        resumed(lambda: loader(Draws(), 4, shuffle=True, generator=own()), stop)  # noqa: B023
        resumed(lambda: loader(TensorDataset(torch.arange(11)), 2, shuffle=True, generator=own()), stop)  # noqa: B023
        resumed(lambda: loader(Draws(), None, sampler=sampler()), stop)  # noqa: B023
        resumed(partial(loader, Stream(), 2), stop)


def test_an_epoch_goes_on_with_other_workers():
    def go(first, then, **options):
        torch.manual_seed(1)
        loader = DataLoader(range(20), 3, shuffle=True, num_workers=first, **options)
        it = iter(loader)
        begun = [next(it).tolist() for _ in range(3)]
        state = loader.state_dict()
        loader = DataLoader(range(20), 3, shuffle=True, num_workers=then)
        loader.load_state_dict(state)
        return begun + [batch.tolist() for batch in loader]

    assert go(0, 0) == go(2, 0) == go(0, 3) == go(2, 3)
    for then in (0, 2):
        assert sorted(chain(*go(4, then, in_order=False))) == list(range(20))


def test_states_that_do_not_fit():
    loader = DataLoader(range(4), 2)
    state = loader.state_dict()
    assert state["epoch"] is None
    with pytest.raises(ValueError, match="saved with batch_size=2, but the loader has batch_size=3"):
        DataLoader(range(4), 3).load_state_dict(state)
    with pytest.raises(ValueError, match="was not made by"):
        loader.load_state_dict({})
    stream = DataLoader(Stream(), 2)
    next(iter(stream))
    with pytest.raises(ValueError, match="saved with num_workers=0"):
        DataLoader(Stream(), 2, num_workers=1).load_state_dict(stream.state_dict())
    own = torch.Generator().manual_seed(4)
    DataLoader(range(4), 2, generator=own).load_state_dict(
        DataLoader(range(4), 2, generator=torch.Generator().manual_seed(5)).state_dict()
    )
    assert own.initial_seed() == 5
