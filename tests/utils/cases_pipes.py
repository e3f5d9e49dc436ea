"""Pipes of `torch.utils.data.datapipes` as older programs use them, and what a loader makes of them."""

import pickle
import warnings

from support import Cases
from support import raised as raised_whole

CASES = Cases()
case = CASES.case


def raised(call):
    """The class and the first line of what is raised."""
    return raised_whole(call).splitlines()[0]


def _double(x):
    return 2 * x


def _odd(x):
    return x % 2


def _wrap(torch, what):
    from importlib import import_module

    return import_module(f"{torch.__name__}.utils.data.datapipes.iter").IterableWrapper(what)


def _of_map(torch, what):
    from importlib import import_module

    return import_module(f"{torch.__name__}.utils.data.datapipes.map").SequenceWrapper(what)


@case()
def chains(torch):
    numbers = _wrap(torch, range(12))
    doubled = numbers.map(_double)
    pairs = _wrap(torch, [(1, 2, 3), (4, 5, 6)])
    named = _wrap(torch, [{"a": 1, "b": 2}])
    return [
        (list(doubled), len(doubled), repr(doubled), str(numbers)),
        [list(b) for b in numbers.batch(5)],
        (
            list(numbers.batch(5, drop_last=True).unbatch()),
            len(numbers.batch(5)),
            len(numbers.batch(5, drop_last=True)),
        ),
        (list(_wrap(torch, [[[1, 2], [3]], [[4]]]).unbatch(unbatch_level=-1)), list(numbers.filter(_is_small))),
        (list(numbers.concat(doubled)), len(numbers.concat(doubled)), list(numbers.zip(_wrap(torch, "ab")))),
        (list(_wrap(torch, range(3)).mux(numbers)), len(_wrap(torch, range(3)).mux(numbers))),
        (
            list(pairs.map(_double, input_col=1)),
            list(pairs.map(max, input_col=[0, 2])),
            list(pairs.map(_double, 0, -1)),
        ),
        (list(named.map(_double, "a")), list(named.map(_double, "a", "c")), list(named.filter(_is_small, "b"))),
        [list(g) for g in numbers.groupby(_odd, group_size=2)],
        list(_wrap(torch, range(5)).groupby(_odd, keep_key=True)),
        list(numbers.batch(2).collate())[:2],
    ]


def _is_small(x):
    return x < 5


@case()
def branches(torch):
    a, b = _wrap(torch, range(6)).fork(2)
    even, odd = _wrap(torch, range(6)).demux(2, _odd)
    out = [list(zip(a, b)), list(even), list(odd), len(a), raised(lambda: len(even))]
    a, b = _wrap(torch, range(6)).fork(2, buffer_size=2)
    out.append(raised(lambda: list(a)))
    out.append(raised(lambda: list(_wrap(torch, range(6)).demux(2, _double)[0])))
    out.append(raised(lambda: list(_wrap(torch, range(9)).demux(2, _odd, buffer_size=2)[0])))
    a, b = _wrap(torch, range(4)).fork(2)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        out.append([list(a), list(a), list(b)])
    return [*out, [str(w.message) for w in warned]]


@case()
def one_iterator(torch):
    pipe = _wrap(torch, range(4)).map(_double)
    first = iter(pipe)
    next(first)
    second = iter(pipe)
    return [next(second), raised(lambda: next(first)), list(second), list(pipe)]


@case()
def errors(torch):
    numbers = _wrap(torch, range(4))
    stream = _wrap(torch, iter(range(4)))
    return [
        raised(call)
        for call in (
            lambda: numbers.nothing,
            lambda: numbers.map(3),
            lambda: numbers.map(_double, output_col=1),
            lambda: numbers.map(_double, input_col=[0, 1]),
            lambda: numbers.batch(0),
            lambda: numbers.shuffle(buffer_size=0),
            lambda: numbers.concat([1]),
            lambda: numbers.zip([1]),
            lambda: len(stream.map(_double)),
            lambda: list(numbers.unbatch()),
            lambda: list(numbers.unbatch(unbatch_level=-2)),
            lambda: list(numbers.filter(_double)),
            lambda: numbers.fork(0),
            lambda: numbers.groupby(_odd, group_size=0),
            lambda: torch.utils.data.functional_datapipe("map")(type(numbers)),
            lambda: numbers.open_files("w"),
            lambda: _of_map(torch, [1]).zip([1]),
            lambda: _of_map(torch, [1]).concat(),
            lambda: list(_of_map(torch, [1]).batch(2))[3],
        )
    ]


@case()
def by_index(torch):
    letters = _of_map(torch, "abcde")
    both = letters.concat(letters)
    torch.manual_seed(2)
    return [
        (both[7], len(both), letters.zip(letters)[1], list(letters.batch(2)), len(letters.batch(2, drop_last=True))),
        (letters.map(str.upper)[2], list(letters.shuffle()), list(letters.shuffle(indices=[0, 3]).set_seed(1))),
        list(torch.utils.data.DataLoader(letters, batch_size=2)),
    ]


@case()
def loaded(torch):
    """Workers share what a `sharding_filter` gives, in the order that PyTorch's have."""
    out = []
    for workers in (0, 1, 2, 4):
        torch.manual_seed(3)
        pipe = _wrap(torch, range(20)).shuffle().sharding_filter().map(_double)
        loader = torch.utils.data.DataLoader(pipe, 4, shuffle=True, num_workers=workers)
        out.append([[batch.tolist() for batch in loader] for _ in range(2)])
        out.append(torch.rand(1))
    torch.manual_seed(3)
    pipe = _wrap(torch, range(9)).shuffle(buffer_size=4).sharding_filter()
    loader = torch.utils.data.DataLoader(pipe, 2, num_workers=2, persistent_workers=True)
    out.append([[batch.tolist() for batch in loader] for _ in range(3)])
    loader = torch.utils.data.DataLoader(pipe, 2, shuffle=False)
    return [*out, [batch.tolist() for batch in loader], torch.rand(1)]


@case()
def pickled(torch):
    pipe = _wrap(torch, range(8)).shuffle(buffer_size=3).batch(2)
    pipe.datapipe.set_seed(5)
    again = pickle.loads(pickle.dumps(pipe))
    again.datapipe.set_seed(5)
    return [list(pipe), list(again)]


@case()
def graphs(torch):
    from importlib import import_module

    graph = import_module(f"{torch.__name__}.utils.data.graph")
    settings = import_module(f"{torch.__name__}.utils.data.graph_settings")
    source = _wrap(torch, range(5))
    left, right = source.fork(2)
    pipe = left.map(_double).zip(right.shuffle())

    def names(found):
        return [(type(pipe).__name__, names(below)) for pipe, below in found.values()]

    return [
        names(graph.traverse_dps(pipe)),
        [type(p).__name__ for p in settings.get_all_graph_pipes(graph.traverse_dps(pipe))],
        raised(lambda: graph.traverse_dps(3)),
    ]


@case()
def own_classes(torch):
    data = torch.utils.data

    @data.functional_datapipe("plus_k")
    class Plus(data.IterDataPipe):
        """Adds."""

        def __init__(self, source, k):
            self.source, self.k, self.resets = source, k, 0

        def __iter__(self):
            for x in self.source:
                yield x + self.k

        def reset(self):
            self.resets += 1

    class Steps(data.IterDataPipe):
        def __init__(self):
            self.at = 0

        def __iter__(self):
            self.at = 0
            return self

        def __next__(self):
            self.at += 1
            if self.at > 3:
                raise StopIteration
            return self.at

    plus = _wrap(torch, range(3)).plus_k
    pipe, steps = plus(10), Steps()
    first = iter(steps)
    return [
        (list(pipe), list(pipe), pipe.resets, pipe._number_of_samples_yielded, plus.__doc__),
        (next(first), list(steps), steps._number_of_samples_yielded),
        "map" in dir(pipe),
    ]
