"""What data sets, samplers and loaders give on PyTorch: the same examples in the same order from the same seeds."""

import warnings
from collections import OrderedDict, UserDict, UserList, namedtuple
from types import MappingProxyType

import numpy as np
from support import Cases, raised

CASES = Cases()
case = CASES.case


def _loaded(torch, *args, **kwargs):
    return list(torch.utils.data.DataLoader(*args, **kwargs))


@case()
def shuffles(torch):
    torch.manual_seed(3)
    epochs = [_loaded(torch, range(10), batch_size=4, shuffle=True) for _ in range(3)]
    own = torch.Generator().manual_seed(5)
    epochs += [_loaded(torch, range(7), batch_size=3, shuffle=True, drop_last=True, generator=own) for _ in range(2)]
    return [*epochs, _loaded(torch, range(5)), torch.rand(2), torch.rand(2, generator=own)]


@case()
def samplers(torch):
    data = torch.utils.data
    torch.manual_seed(4)
    own = torch.Generator().manual_seed(6)
    return [
        list(data.RandomSampler(range(6))),
        list(data.RandomSampler(range(5), num_samples=12)),
        list(data.RandomSampler(range(5), replacement=True, num_samples=40)),
        list(data.RandomSampler(range(6), generator=own)),
        list(data.RandomSampler(range(6), generator=own)),
        list(data.SubsetRandomSampler([3, 1, 4, 1, 5])),
        list(data.SubsetRandomSampler([3, 1, 4], generator=own)),
        list(data.SequentialSampler("abc")),
        list(data.BatchSampler(data.SequentialSampler(range(7)), 3, False)),
        list(data.BatchSampler(range(7), 3, True)),
        [len(data.BatchSampler(range(7), 3, last)) for last in (False, True)],
        len(data.RandomSampler(range(5), num_samples=12)),
        torch.rand(2),
    ]


@case()
def splits(torch):
    data = torch.utils.data
    torch.manual_seed(5)
    own = torch.Generator().manual_seed(7)
    parts = [
        *data.random_split(range(10), [3, 7]),
        *data.random_split(range(10), [0.3, 0.3, 0.4], generator=own),
        *data.random_split(range(11), [0.5, 0.5]),
    ]
    return [
        [list(part.indices) for part in parts],
        [parts[0][1], len(parts[1]), parts[0].__getitems__([2, 0])],
        raised(data.random_split, range(4), [1, 2]),
        raised(data.random_split, range(4), [1.5, -0.5]),
    ]


@case()
def datasets(torch):
    data = torch.utils.data
    x, y = torch.arange(6).reshape(3, 2), torch.tensor([7, 8, 9])
    pairs = data.TensorDataset(x, y)
    both = pairs + data.TensorDataset(x * 10, y * 10)

    class Stream(data.IterableDataset):
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return iter(range(self.n))

        def __len__(self):
            return self.n

    chained = Stream(3) + Stream(2)
    return [
        [len(pairs), *pairs[1], *pairs[-1]],
        [len(both), *both[4], *both[-6], raised(both.__getitem__, -7)],
        list(data.Subset(both, [5, 0])[0]),
        [list(chained), len(chained)],
        data.StackDataset(pairs, "abc")[2][1],
        data.StackDataset(a="abc", b=[1, 2, 3])[1],
        _loaded(torch, Stream(5), batch_size=2),
        _loaded(torch, Stream(5), batch_size=2, drop_last=True),
        _loaded(torch, Stream(3), batch_size=None),
        [len(data.DataLoader(Stream(5), batch_size=2)), len(data.DataLoader(pairs, batch_size=2, drop_last=True))],
        raised(data.TensorDataset, x, y[:2]),
        raised(data.ConcatDataset, []),
        raised(data.Dataset().__getitem__, 0),
    ]


@case()
def collating(torch):
    data = torch.utils.data
    Point = namedtuple("Point", "x y")
    points = data.default_collate([Point(1, 2.5), Point(3, 4.5)])
    arrays = data.default_collate([np.arange(3, dtype=np.float32), np.ones(3, np.float32)])
    numbers = data.default_collate([np.float64(1.5), np.float64(2.5)])
    nested = data.default_collate([{"a": [1, 2.0], "b": "x"}, {"a": [3, 4.0], "b": "y"}])
    return [
        data.default_collate([torch.tensor([1, 2]), torch.tensor([3, 4])]),
        [points, type(points).__name__, str(points.x.dtype), str(points.y.dtype)],
        [arrays, str(arrays.dtype), numbers, str(numbers.dtype)],
        nested,
        data.default_collate([(1, "a"), (2, "b")]),
        data.default_collate([True, False]),
        data.default_convert([np.arange(2), {"k": np.ones(1)}, 3, (np.zeros(1), "s")]),
        raised(data.default_collate, [[1, 2], [3]]),
        raised(data.default_collate, [object, object]),
    ]


@case()
def loaders(torch):
    data = torch.utils.data
    x = torch.arange(10.0).reshape(5, 2)
    pairs = data.TensorDataset(x, torch.arange(5))
    return [
        _loaded(torch, pairs, batch_size=2),
        _loaded(torch, pairs, batch_size=None)[3],
        _loaded(torch, pairs, batch_sampler=[[4, 0], [1]]),
        _loaded(torch, pairs, sampler=[3, 1], collate_fn=lambda rows: [len(row) for row in rows]),
        _loaded(torch, data.Subset(pairs, [1, 3, 4]), batch_size=2),
    ]


@case()
def loader_messages(torch):
    data = torch.utils.data

    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter([])

        def __repr__(self):
            return "Stream()"

    Loader = data.DataLoader
    return [
        raised(Loader, [1], batch_size=0),
        raised(Loader, [1], batch_size=1.5),
        raised(Loader, [1], num_workers=-1),
        raised(Loader, [1], timeout=-1),
        raised(Loader, [1], prefetch_factor=2),
        raised(Loader, [1], persistent_workers=True),
        raised(Loader, [1], shuffle=True, sampler=[0]),
        raised(Loader, [1], batch_sampler=[[0]], batch_size=2),
        raised(Loader, [1], batch_size=None, drop_last=True),
        raised(Loader, [], shuffle=True),
        raised(Loader, Stream(), shuffle=True),
        raised(Loader, Stream(), sampler=[0]),
        raised(Loader, Stream(), batch_sampler=[[0]]),
        raised(data.RandomSampler, [1], replacement=1),
        raised(data.RandomSampler, [1], num_samples=0),
        raised(data.WeightedRandomSampler, [1.0], 0),
        raised(data.WeightedRandomSampler, [[1.0]], 1),
        raised(data.BatchSampler, [1], 2, 1),
    ]


def first_line(fn, *args, **kwargs):
    return raised(fn, *args, **kwargs).partition("\n")[0]


@case()
def fixed_attributes(torch):
    loader = torch.utils.data.DataLoader([1, 2], batch_size=2)
    names = ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
    loader.num_workers = 0
    loader.collate_fn = sum
    return [[first_line(setattr, loader, name, 3) for name in names], list(loader)]


@case()
def contexts(torch):
    Loader = torch.utils.data.DataLoader
    return [
        raised(Loader, [1], multiprocessing_context="fork"),
        raised(Loader, [1], num_workers=1, multiprocessing_context=3),
        raised(Loader, [1], num_workers=1, multiprocessing_context="thread").partition(" in [")[0],
        raised(Loader, [1], num_workers=1, prefetch_factor=-1),
        raised(iter, Loader([1], timeout=3)),
    ]


@case()
def shares(torch):
    def of(size, *args, epoch=0, **kwargs):
        sampler = torch.utils.data.DistributedSampler(range(size), *args, **kwargs)
        sampler.set_epoch(epoch)
        return [list(sampler), len(sampler), sampler.total_size]

    return [
        [of(11, 3, rank, shuffle=False) for rank in range(3)],
        [of(11, 3, rank, shuffle=False, drop_last=True) for rank in range(3)],
        [of(12, 4, 3, epoch=epoch, seed=7) for epoch in range(2)],
        of(2, 7, 6),
        of(2, 3, 0, drop_last=True),
        raised(of, 4, 2, 2),
        raised(of, 4, 2, -1),
    ]


@case()
def stacked(torch):
    data = torch.utils.data
    calls = []

    class Batched(data.Dataset):
        def __init__(self, extra=0):
            self.extra = extra

        def __getitem__(self, i):
            return i * 10

        def __getitems__(self, indices):
            calls.append(list(indices))
            return [i * 10 for i in indices] + [0] * self.extra

        def __len__(self):
            return 4

    pair = data.StackDataset(Batched(), [5, 6, 7, 8])
    named = data.StackDataset(a=Batched(), b=data.TensorDataset(torch.arange(4)))
    return [
        pair[1],
        pair.__getitems__([2, 0]),
        _loaded(torch, pair, batch_size=3),
        named[3],
        _loaded(torch, named, batch_size=3),
        _loaded(torch, data.StackDataset(data.TensorDataset(torch.arange(4)), named), batch_size=4),
        calls,
        raised(data.StackDataset(Batched(1), "abcd").__getitems__, [0]),
        raised(data.StackDataset(a=Batched(2)).__getitems__, [0]),
        raised(data.StackDataset, "ab", a="cd"),
        raised(data.StackDataset),
        raised(data.StackDataset, "ab", "c"),
        raised(data.StackDataset, a="ab", b="c"),
    ]


@case()
def odd_indices(torch):
    data = torch.utils.data
    pairs = data.TensorDataset(torch.arange(6.0), torch.arange(12).reshape(6, 2))
    part = data.Subset(pairs, [5, 4, 3, 2])
    return [
        _loaded(torch, pairs, batch_sampler=[[-1, 2], [0, 1]]),
        _loaded(torch, pairs, batch_sampler=[np.array([2, 4]), (5, -6)]),
        _loaded(torch, part, batch_size=3),
        _loaded(torch, part, batch_sampler=[[-1, 0], (1, 2), range(2)]),
        _loaded(torch, data.Subset(part, (3, 1)), batch_size=2),
        _loaded(torch, data.Subset(pairs, np.array([4, 0])), batch_size=2),
        _loaded(torch, pairs, batch_size=4, sampler=data.SequentialSampler(range(3))),
        _loaded(torch, pairs, batch_size=4, sampler=data.SequentialSampler(range(6)), drop_last=True),
        first_line(_loaded, torch, pairs, batch_sampler=[[6]]),
        raised(_loaded, torch, part, batch_sampler=[[4]]),
        raised(_loaded, torch, pairs, batch_sampler=[[]]),
    ]


@case()
def streams_of_a_shared_generator(torch):
    """How far a generator has come after each batch: draws are made when PyTorch makes them."""
    data = torch.utils.data
    pairs = data.TensorDataset(torch.arange(8))
    seen = []
    for batch_size, drop_last, workers in [(3, False, 0), (3, True, 0), (4, False, 0), (4, True, 0), (3, False, 2)]:
        own = torch.Generator().manual_seed(2)
        torch.manual_seed(3)
        loader = data.DataLoader(
            pairs, batch_size, shuffle=True, drop_last=drop_last, generator=own, num_workers=workers
        )
        for (batch,) in loader:
            seen.append([batch, own.get_state()[8:24].tolist()])
        seen.append([torch.rand(1), torch.rand(1, generator=own)])
    return seen


@case()
def collate_maps(torch):
    from importlib import import_module

    collating = import_module(f"{torch.__name__}.utils.data._utils.collate")

    class Word:
        def __init__(self, text):
            self.text = text

    def join(batch, *, collate_fn_map=None):
        return "+".join(word.text for word in batch)

    words = [Word("a"), Word("b")]
    tensors = {torch.Tensor: lambda batch, *, collate_fn_map=None: len(batch), (Word, bytes): join}
    collating.default_collate_fn_map[Word] = join
    try:
        extended = collating.default_collate([{"w": word} for word in words])
    finally:
        del collating.default_collate_fn_map[Word]
    return [
        collating.collate(words, collate_fn_map={Word: join}),
        collating.collate([(torch.ones(1), word) for word in words], collate_fn_map=tensors),
        extended,
        raised(collating.default_collate, [None]),
        raised(collating.collate, [1, 2]),
    ]


@case()
def collate_containers(torch):
    data = torch.utils.data

    def of(examples):
        batch = data.default_collate(examples)
        return [type(batch).__name__, batch]

    class Pair(tuple):
        pass

    views = [MappingProxyType({"a": 1}), MappingProxyType({"a": 2})]
    return [
        of([OrderedDict(a=1, b=2.0), OrderedDict(a=3, b=4.0)]),
        [type(b).__name__ for b in (data.default_collate(views), data.default_collate([UserDict(a=1)]))],
        [type(data.default_collate([UserList([1, 2]), UserList([3, 4])])).__name__],
        of([Pair([1, 2]), Pair([3, 4])]),
        of([range(2), range(3, 5)]),
        of([b"a", b"b"]),
        of([[], []]),
        raised(data.default_collate, [np.array("x")]),
        of([np.int32(1), np.int32(2)])[1].dtype.itemsize,
        [str(of([np.ones(2, np.float32), np.arange(2)])[1].dtype), of([np.array(1.5), np.array(2)])],
        of([np.arange(6).reshape(2, 3).T, np.arange(6)[::2].repeat(2).reshape(3, 2)]),
        raised(data.default_collate, [np.ones(2), np.ones(3)]),
        of([np.bool_(True), np.bool_(False)]),
        [type(c).__name__ for c in (data.default_convert(views[0]), data.default_convert(range(2)))],
        data.default_convert(np.float32(1.5)),
        raised(data.default_collate, [torch.ones(2), torch.ones(3)]),
        raised(data.default_collate, [{"a": 1}, {"b": 1}]),
    ]


@case()
def longer_than_it_said(torch):
    data = torch.utils.data

    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter(range(3))

        def __len__(self):
            return 2

        def __repr__(self):
            return "Stream()"

    loader = data.DataLoader(Stream(), batch_size=None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(loader)
        length = len(loader)
        after = list(loader)
    return [before, length, after, [str(warning.message) for warning in caught]]


@case()
def iterators(torch):
    data = torch.utils.data

    class Some(data.Dataset):
        def __getitem__(self, i):
            if i == 1:
                raise KeyError("one")
            return i

        def __len__(self):
            return 4

    it = iter(data.DataLoader(Some()))
    seen = [raised(next, it) if i == 1 else next(it) for i in range(4)]
    return [
        len(it),
        iter(it) is it,
        seen,
        [raised(next, it) for _ in range(2)],
        raised(it.__getstate__),
        type(it).__name__,
        type(iter(data.DataLoader(Some(), num_workers=1))).__name__,
    ]


class _Examples:
    """Where an example comes from: its index, a draw, and the worker's seed."""

    def __init__(self, torch, size=8):
        self.torch, self.size = torch, size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        info = self.torch.utils.data.get_worker_info()
        return i, self.torch.rand(1).item(), -1 if info is None else info.seed - info.id


@case()
def workers_draw(torch):
    """Order, draws and what is left of the program's own stream, for any number of workers."""
    data = torch.utils.data
    seen = []
    for workers in (0, 1, 3):
        torch.manual_seed(5)
        own = torch.Generator().manual_seed(6)
        seen.append([_loaded(torch, _Examples(torch), 3, shuffle=True, num_workers=workers), torch.rand(1)])
        loader = data.DataLoader(_Examples(torch), None, shuffle=True, num_workers=workers, generator=own)
        seen.append([list(loader), list(loader), torch.rand(1), torch.rand(1, generator=own)])
    loader = data.DataLoader(_Examples(torch), 3, shuffle=True, num_workers=2, persistent_workers=True)
    torch.manual_seed(7)
    for _ in range(2):
        seen.append([list(loader), torch.rand(1)])
    next(iter(loader))
    return [*seen, list(loader), torch.rand(1)]


@case()
def workers_stream(torch):
    """Streams of unequal length, set up by an init function that changes the worker's dataset and seed."""
    data = torch.utils.data

    class Stream(data.IterableDataset):
        def __init__(self):
            self.begin, self.end = 0, 7

        def __iter__(self):
            for i in range(self.begin, self.end):
                yield i, torch.rand(1).item()

    def init(worker):
        info = data.get_worker_info()
        assert (info.id, info.num_workers) == (worker, workers)
        info.dataset.end -= 2 * worker
        info.dataset.begin = worker
        torch.manual_seed(worker)

    torch.manual_seed(0)
    seen = []
    for workers in (1, 2, 3, 5):
        for batch_size, drop_last in ((None, False), (2, False), (2, True)):
            stream = Stream()
            options = {"batch_size": batch_size, "drop_last": drop_last, "num_workers": workers}
            loader = data.DataLoader(stream, **options, worker_init_fn=init, persistent_workers=True)
            seen.append([list(loader), list(loader), stream.end])
        seen.append(_loaded(torch, Stream(), 2, num_workers=workers, prefetch_factor=1))
    return seen


@case()
def workers_raise(torch):
    data = torch.utils.data

    cannot_be_made_from_a_message = UnicodeDecodeError("ascii", b"a", 0, 1, "no reason")
    errors = {1: ValueError("a"), 2: KeyError("b"), 4: cannot_be_made_from_a_message, 6: ZeroDivisionError()}

    class Some(data.Dataset):
        def __getitem__(self, i):
            if i in errors:
                raise errors[i]
            return i

        def __len__(self):
            return 8

    def tried(it):
        text = raised(lambda: [next(it)][0] < 0).splitlines()
        return text if len(text) == 1 else [*text[:2], text[-1]]

    def init(worker):
        if worker == 1:
            raise OSError("no such thing")

    it = iter(data.DataLoader(Some(), num_workers=2))
    broken = iter(data.DataLoader([1, 2, 3], num_workers=2, worker_init_fn=init))
    return [[tried(it) for _ in range(9)], tried(broken), tried(broken)[:1]]
