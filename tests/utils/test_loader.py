"""What is particular to this DataLoader."""

import pytest

import rustgrad as torch
from rustgrad.utils.data import DataLoader, Dataset, TensorDataset, get_worker_info, random_split


def test_workers_are_accepted_with_a_warning():
    with pytest.warns(UserWarning, match="num_workers=2: there are no workers"):
        loader = DataLoader(range(4), batch_size=2, num_workers=2, persistent_workers=True)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3]]
    assert get_worker_info() is None


def test_options_of_other_devices_change_nothing():
    loader = DataLoader(range(2), pin_memory=True, timeout=3)
    assert [batch.tolist() for batch in loader] == [[0], [1]]


def test_batched_fetching_is_used_where_a_dataset_has_it():
    class Squares(Dataset):
        def __getitems__(self, indices):
            return [i * i for i in indices]

        def __len__(self):
            return 5

    assert [b.tolist() for b in DataLoader(Squares(), batch_size=3)] == [[0, 1, 4], [9, 16]]


def test_splits_of_nothing_warn():
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        parts = random_split(range(1), [0.5, 0.5])
    assert [len(part) for part in parts] == [1, 0]


def test_generic_classes():
    class Pairs(Dataset[tuple[int, int]]):
        pass

    assert issubclass(Pairs, Dataset)
    loader: DataLoader[int] = DataLoader(range(1))
    assert len(loader) == 1


def test_an_epoch_gives_every_row_once():
    data = TensorDataset(torch.arange(100))
    seen = [i for (batch,) in DataLoader(data, batch_size=7, shuffle=True) for i in batch.tolist()]
    assert sorted(seen) == list(range(100))
    assert seen != sorted(seen)
