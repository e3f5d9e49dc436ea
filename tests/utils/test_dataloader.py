"""What is particular to this DataLoader: batches as one gather, workers that are threads."""

import gc
import pickle
import threading
import weakref

import pytest
from support import raised

import rustgrad as torch
from rustgrad.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    default_collate,
    get_worker_info,
    random_split,
)
from rustgrad.utils.data._utils import collate, crew
from rustgrad.utils.data._utils.fetch import gather_of
from rustgrad.utils.data.sampler import RandomSampler, SequentialSampler, rows_of_batches


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


def test_batched_fetching_is_used_where_a_dataset_has_it():
    class Squares(Dataset):
        def __getitems__(self, indices):
            return [i * i for i in indices]

        def __len__(self):
            return 5

    for workers in (0, 2):
        assert [b.tolist() for b in DataLoader(Squares(), batch_size=3, num_workers=workers)] == [[0, 1, 4], [9, 16]]


def test_rows_of_tensors_are_gathered():
    pairs = TensorDataset(torch.arange(10.0).reshape(5, 2), torch.arange(5))
    part = Subset(pairs, [4, 2, 0])
    for data in (pairs, part, StackDataset(pairs, pairs), StackDataset(a=part, b=Subset(part, range(2, -1, -1)))):
        gather = gather_of(data, default_collate)
        for rows in ([1, 0], [2], slice(1, 3), torch.tensor([2, 0])):
            wanted = range(len(data))[rows] if isinstance(rows, slice) else rows
            assert repr(gather(rows)) == repr(default_collate([data[int(i)] for i in wanted]))
        assert gather([-1]) is gather([7]) is gather([]) is gather([True]) is None


def test_what_might_not_be_rows_of_tensors_is_not_gathered(monkeypatch):
    class Own(TensorDataset):
        def __getitem__(self, i):
            return i

    class Other(torch.Tensor):
        pass

    pairs = TensorDataset(torch.arange(3))
    assert gather_of(pairs, list) is None
    for data in (range(3), Own(torch.arange(3)), TensorDataset(torch.arange(3).as_subclass(Other))):
        assert gather_of(data, default_collate) is None
        assert gather_of(Subset(data, [0]), default_collate) is None
        assert gather_of(StackDataset(pairs, data), default_collate) is None
    assert gather_of(pairs, default_collate) is not None
    monkeypatch.setitem(collate.default_collate_fn_map, torch.Tensor, lambda batch, *, collate_fn_map=None: len(batch))
    assert gather_of(pairs, default_collate) is None
    assert list(DataLoader(pairs, batch_size=2)) == [[2], [1]]
    assert [b.tolist() for b in DataLoader(Own(torch.arange(3)), batch_size=2)] == [[0, 1], [2]]


def test_batches_are_memory_of_their_own():
    data = TensorDataset(torch.arange(4))
    for options in ({}, {"shuffle": True}, {"batch_sampler": [[0, 1]]}):
        for (batch,) in DataLoader(data, **{"batch_size": 1, **options}):
            batch.zero_()
    assert data.tensors[0].tolist() == [0, 1, 2, 3]


def test_rows_are_taken_only_where_samplers_are_plain():
    class Own(SequentialSampler):
        pass

    data = TensorDataset(torch.arange(4))
    for loader, plain in [
        (DataLoader(data), True),
        (DataLoader(data, shuffle=True), True),
        (DataLoader(data, sampler=Own(data)), False),
        (DataLoader(data, sampler=SequentialSampler(range(2))), False),
        (DataLoader(data, batch_sampler=[[1]]), False),
    ]:
        assert (rows_of_batches(loader.batch_sampler, 4) is not None) == plain


def test_splits_of_nothing_warn():
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        parts = random_split(range(1), [0.5, 0.5])
    assert [len(part) for part in parts] == [1, 0]


def test_subsets_change_both_ways_to_an_example():
    class Half(Subset):
        def __getitem__(self, i):
            return 0

    with pytest.raises(NotImplementedError, match="Half overrides __getitem__ but not __getitems__"):
        Half([1], [0])


def test_generic_classes():
    class Pairs(Dataset[tuple[int, int]]):
        pass

    assert issubclass(Pairs, Dataset)
    loader: DataLoader[int] = DataLoader(range(1))
    assert len(loader) == 1
    with pytest.raises(TypeError, match="abstract"):
        IterableDataset()


def test_an_epoch_gives_every_row_once():
    data = TensorDataset(torch.arange(100))
    for workers in (0, 3):
        seen = [i for (b,) in DataLoader(data, batch_size=7, shuffle=True, num_workers=workers) for i in b.tolist()]
        assert sorted(seen) == list(range(100))
        assert seen != sorted(seen)


def test_threads_see_what_the_caller_sees():
    class Modes(Dataset):
        def __getitem__(self, i):
            return torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads(), get_worker_info()

        def __len__(self):
            return 2

    assert get_worker_info() is None
    data = Modes()
    with torch.no_grad():
        torch.set_default_dtype(torch.float64)
        try:
            rows = list(DataLoader(data, batch_size=None, num_workers=2, collate_fn=lambda row: row))
        finally:
            torch.set_default_dtype(torch.float32)
    for i, (grad, dtype, threads, info) in enumerate(rows):
        assert (grad, dtype, threads) == (False, torch.float64, 1)
        assert (info.id, info.num_workers, info.worker_method) == (i, 2, "thread")
        assert info.dataset is not data
        assert repr(info).startswith(f"WorkerInfo(id={i}, num_workers=2, seed={info.seed}, dataset=<")
        with pytest.raises(AttributeError, match="cannot assign to field 'id'"):
            info.id = 3
        assert info.rng.torch_generator.initial_seed() == info.seed
        assert info.rng.random_generator.random() == __import__("random").Random(info.seed).random()
        assert 0 <= info.rng.numpy_generator.random() < 1
    assert torch.is_grad_enabled()
    assert get_worker_info() is None


def test_workers_have_streams_of_their_own():
    class Streams(Dataset):
        def __init__(self, again=True):
            import random

            import numpy as np

            self.torch, self.python = torch.Generator().manual_seed(1), random.Random(1)
            self.numpy = np.random.default_rng(1)
            self.inner = Streams(again=False) if again else None

        def __getitem__(self, i):
            own = [torch.rand(1, generator=self.torch).item(), self.python.random(), self.numpy.random()]
            return own if self.inner is None else own + self.inner[i]

        def __len__(self):
            return 2

    data = Streams()
    first, second = DataLoader(data, num_workers=2, batch_size=None)
    assert first == second == data[0]


def test_datasets_that_close_things_are_shared():
    class Closes(Dataset):
        def __getitem__(self, i):
            return get_worker_info().dataset is self is data

        def __len__(self):
            return 1

        def __del__(self):
            pass

    data = Closes()
    assert list(DataLoader(data, batch_size=None, num_workers=1)) == [True]


def test_seeding_in_a_worker_is_the_workers_own():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    loader = DataLoader(Draws(2), num_workers=2, worker_init_fn=lambda i: torch.manual_seed(5), batch_size=None)
    (_, a), (_, b) = loader
    assert a == b
    torch.set_rng_state(state)
    torch.empty((), dtype=torch.int64).random_()
    expected = torch.get_rng_state()
    torch.set_rng_state(state)
    list(loader)
    assert torch.get_rng_state().tolist() == expected.tolist()


class Numbered(Dataset):
    """Learns in its worker which one it is, by a method of its own."""

    worker = None

    def begin(self, worker_id):
        self.worker = worker_id

    def __len__(self):
        return 6

    def __getitem__(self, i):
        return self.worker, i

    def joined(self, examples):
        return self.worker, examples


def test_methods_of_the_dataset_are_those_of_the_workers_copy():
    data = Numbered()
    loader = DataLoader(data, 2, num_workers=3, worker_init_fn=data.begin)
    assert [(a.tolist(), b.tolist()) for a, b in loader] == [([i, i], [2 * i, 2 * i + 1]) for i in range(3)]
    loader = DataLoader(data, 3, num_workers=2, worker_init_fn=data.begin, collate_fn=data.joined)
    assert [worker for worker, _ in loader] == [0, 1]
    assert data.worker is None


def test_workers_end_with_their_iterator():
    before = threading.active_count()
    loader = DataLoader(Draws(), num_workers=4, persistent_workers=True)
    list(loader)
    assert threading.active_count() == before + 4
    del loader
    gc.collect()
    assert threading.active_count() == before
    for batch in DataLoader(Draws(), num_workers=4):
        assert batch[0].tolist() == [0]
        break
    assert threading.active_count() == before
    list(DataLoader(Stream(), num_workers=4))
    with pytest.raises(ValueError, match=r"Caught ValueError in DataLoader worker process 0.\nOriginal Traceback"):
        list(DataLoader([1, 2], num_workers=2, collate_fn=lambda batch: int("x")))
    gc.collect()
    assert threading.active_count() == before


def test_workers_keep_no_batch_alive():
    alive = weakref.WeakSet()

    class Item:
        pass

    def item(_):
        made = Item()
        alive.add(made)
        return made

    loader = DataLoader(range(50), num_workers=3, prefetch_factor=2, collate_fn=item)
    most = 0
    for made in loader:
        most = max(most, len(alive))
        assert made in alive
    assert most <= 3 * 2 + 3
    del made
    assert not alive


def test_a_batch_that_does_not_come():
    release = threading.Event()
    it = iter(DataLoader([1, 2], num_workers=1, timeout=0.01, collate_fn=lambda b: b if release.wait() else 0))
    with pytest.raises(RuntimeError, match=r"^DataLoader timed out after 0.01 seconds$"):
        next(it)
    release.set()
    batches = []
    while "DataLoader timed out" in raised(lambda: batches.append(next(it))):
        pass
    assert batches == [[1]]


def test_a_worker_that_leaves():
    def leave(_):
        raise SystemExit

    loader = DataLoader([1, 2], num_workers=2, persistent_workers=True, collate_fn=leave)
    for _ in range(2):
        it = iter(loader)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="exited unexpectedly"):
                next(it)


def test_a_message_by_keyword():
    class Keyword(Exception):
        message = "the class has one"

        def __init__(self, *, message):
            super().__init__(message)

    def fail(_):
        raise Keyword(message="why")

    with pytest.raises(Keyword, match="Caught Keyword in DataLoader worker process 0"):
        list(DataLoader([1], num_workers=1, collate_fn=fail))


def test_batches_as_they_come():
    first = threading.Event()

    def late(batch):
        if batch == [0]:
            first.wait()
        return batch[0]

    it = iter(DataLoader(range(6), num_workers=2, in_order=False, collate_fn=late))
    rest = [next(it) for _ in range(4)]
    first.set()
    assert rest[:3] == [1, 3, 5] or 0 not in rest
    assert sorted([*rest, *it]) == list(range(6))


def test_loaders_are_pickled():
    loader = DataLoader(range(4), 2, shuffle=True)
    list(loader)
    assert len(pickle.loads(pickle.dumps(loader))) == 2
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(iter(loader))


def test_too_many_workers():
    with pytest.warns(UserWarning, match="will create 9000 worker threads .* excessive worker creation might"):
        DataLoader([1], num_workers=9000)
    with pytest.warns(UserWarning, match="will create 9000 worker processes .* excessive worker creation might"):
        DataLoader([1], num_workers=9000, multiprocessing_context="spawn")


def test_pinned_memory_is_accepted():
    loader = DataLoader(range(2), pin_memory=True, pin_memory_device="cuda")
    assert [batch.tolist() for batch in loader] == [[0], [1]]


def test_nothing_is_left_behind():
    gc.collect()
    assert not list(crew._LIVE)


def test_a_sampler_without_an_end_draws_as_it_goes():
    sampler = RandomSampler(range(5), replacement=True, num_samples=10**15)
    assert 0 <= next(iter(sampler)) < 5
    loader = DataLoader(TensorDataset(torch.arange(5)), sampler=sampler, batch_size=2, num_workers=2)
    assert next(iter(loader))[0].shape == (2,)


def test_pinning_what_holds_no_tensor():
    from collections import OrderedDict, namedtuple

    from rustgrad.utils.data._utils.pin_memory import pin_memory

    pair = namedtuple("pair", "a b")
    batch = OrderedDict(a=[1, "x"], b=(2.0, pair(b"y", None)), c=range(2))
    pinned = pin_memory(batch)
    assert type(pinned) is OrderedDict and pinned == OrderedDict(a=[1, "x"], b=(2.0, pair(b"y", None)), c=[0, 1])
