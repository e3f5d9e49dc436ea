"""What data sets, samplers and loaders give on PyTorch: the same examples in the same order from the same seeds."""

from collections import namedtuple

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
