"""Names of torch and Tensor that are written in Python: storages, DLPack, histograms of rows, and classes that take
over calls."""

import numpy as np
from support import Cases

CASES = Cases()
case = CASES.case


@case()
def storages(torch):
    x = torch.arange(6.0).reshape(2, 3)
    s = x.storage()
    y = torch.zeros(2).set_(s, 1, (2, 2), (3, 1))
    y[0, 0] = 9.0
    z = torch.zeros(2).set_(x)
    z.add_(1)
    return s.tolist(), len(s), s.nbytes(), x, y, torch.zeros(2).set_(), isinstance(s, torch.FloatStorage), s.type()


@case()
def storages_made(torch):
    s = torch.LongStorage([3, 1, 2])
    return (
        s.tolist(),
        s[1],
        s.size(),
        torch.is_storage(s),
        torch.is_storage(torch.ones(1)),
        torch.FloatStorage(2).size(),
    )


@case()
def set_refusals(torch):
    def attempt(f):
        try:
            f()
        except Exception as e:
            return type(e).__name__
        return "nothing"

    leaf = torch.ones(3, requires_grad=True)
    return attempt(lambda: leaf.set_(torch.ones(2))), attempt(lambda: torch.ones(3).set_(torch.ones(2).double()))


@case()
def resized(torch):
    x = torch.arange(6.0).reshape(2, 3)
    y = torch.arange(6.0).reshape(2, 3).t()
    z = torch.arange(4.0)
    z.resize_(2, 3)
    return (
        x.resize_(2, 2), y.resize_(4), z[0], z.shape, torch.ones(3).resize_as_(torch.ones(3, 1)), x.resize_(0).shape,
        torch.ones(1, 2, 3, 4).resize_(1, 2, 2, 2, memory_format=torch.channels_last).stride(),
    )  # fmt: skip


@case()
def made_strided(torch):
    x = torch.empty_strided((2, 3), (4, 1))
    y = torch.ones(1).new_empty_strided((2, 2), (0, 1), dtype=torch.int32)
    z = torch.empty_permuted((2, 3, 4), (2, 0, 1))
    return x.stride(), y.stride(), y.dtype, z.stride(), x.untyped_storage().nbytes(), torch.scalar_tensor(3).dtype


@case()
def python_functions(torch):
    x, y = torch.arange(4.0), torch.ones(4)
    x.apply_(lambda v: v * 2)
    x.map_(y, lambda a, b: a - b)
    x.map2_(y, y, lambda a, b, c: a + b * c)
    return (
        x,
        x.is_nonzero() if x.numel() == 1 else None,
        torch.is_nonzero(torch.tensor(2)),
        y.new(2, 3).shape,
        y.new([1, 2]),
    )


@case()
def diagonals(torch):
    tall = torch.zeros(7, 3)
    cube = torch.zeros(2, 2, 2)
    x = torch.ones(3, 3, requires_grad=True)
    (x * 2).fill_diagonal_(5.0).sum().backward()
    return tall.fill_diagonal_(1.0, wrap=True), cube.fill_diagonal_(2.0), torch.zeros(3, 5).fill_diagonal_(3), x.grad


@case()
def rows_in_boxes(torch):
    x = torch.tensor([[0.1, 0.2], [0.9, 0.7], [0.5, 0.5], [1.0, 1.0], [2.0, 0.0]])
    plain = torch.histogramdd(x, [2, 3], range=[0.0, 1.0, 0.0, 1.0])
    edges = [torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 1.0])]
    weighed = torch.histogramdd(x, edges, weight=torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]), density=True)
    return plain.hist, list(plain.bin_edges), weighed.hist, torch.histogramdd(x, 2).hist


@case()
def coordinates(torch):
    i = torch.tensor([[3, 11], [0, 5]])
    return (
        torch.unravel_index(i, (3, 4)),
        torch.unravel_index(torch.tensor(7), 9),
        torch.unravel_index(i, torch.Size([12])),
        torch.unravel_index(torch.tensor([5, 2], dtype=torch.int8), (2, 3))[0].dtype,
    )


@case()
def shared_by_dlpack(torch):
    x = torch.arange(6.0).reshape(2, 3)
    y = torch.from_dlpack(x)
    y[0, 0] = 7.0
    a = np.from_dlpack(x.t())
    b = torch.from_dlpack(np.arange(6).reshape(2, 3)[:, ::2])
    c = torch.from_dlpack(torch.utils.dlpack.to_dlpack(x)) if hasattr(torch.utils, "dlpack") else torch.from_dlpack(x)
    return x, a.tolist(), b, c, tuple(int(v) for v in x.__dlpack_device__())


@case()
def over_buffers(torch):
    data = bytearray(b"\x01\x00\x02\x00\x03\x00\x04\x00")
    x = torch.frombuffer(data, dtype=torch.int16)
    x[0] = 9
    return x, data[0], torch.frombuffer(data, dtype=torch.int32, count=1, offset=4)


@case()
def default_devices(torch):
    with torch.device("cpu") as d:
        x = torch.ones(2)
    torch.set_default_device("cpu")
    torch.set_default_device(None)
    return str(d), str(x.device), str(torch.get_default_device())


@case()
def subclasses_stay(torch):
    class Mine(torch.Tensor):
        pass

    x = torch.arange(3.0).as_subclass(Mine)
    values, places = torch.sort(x, descending=True)
    kinds = [x + 1, 1 + x, x.sum(), torch.stack([x, x]), x[1:], -x, x.split(2)[0], values, places]
    return [type(k).__name__ for k in kinds], x + 1


@case()
def calls_taken_over(torch):
    seen = []

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append((func.__name__, [t.__name__ for t in types]))
            return super().__torch_function__(func, types, args, kwargs)

    class Other:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__

    x = torch.ones(2).as_subclass(Logged)
    y = torch.mul(x, 2)
    z = torch.cat([x, x])
    w = torch.add(torch.ones(2), Other())
    return [name for name, _ in seen], y, z, w, type(z).__name__


@case()
def calls_of_a_block(torch):
    seen = []

    class Log(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    with Log():
        x = torch.ones(2)
        torch.exp(x)
    torch.exp(x)
    return seen


@case()
def unsafe_parts(torch):
    x = torch.arange(6.0)
    a, b = x.unsafe_chunk(2)
    a.mul_(2)
    return x, a, b, a._base is None, [p.shape for p in torch.unsafe_split(x, 4)], x.unsafe_split_with_sizes([1, 5])


@case()
def dense_only(torch):
    x = torch.ones(2, 3)

    def attempt(f):
        try:
            f()
        except Exception as e:
            return str(e).partition("\n")[0]
        return "nothing"

    return x.to_dense(), x.sparse_dim(), x.dense_dim(), attempt(x.coalesce), attempt(x.values)


@case()
def small_names(torch):
    x = torch.ones(2, 3)
    return (
        x.t().dim_order(), x.is_distributed(), x.is_xpu, x.hash_tensor().item(), torch.arange(5).hash_tensor().item(),
        torch.sym_int(-2.5), torch.sym_max(1, 2.0), torch.sym_not(False), torch.sym_sum([1, 2]), torch.get_device(x),
        torch.norm_except_dim(torch.arange(6.0).reshape(2, 3), 2, 0), torch.set_flush_denormal(False) is not None,
    )  # fmt: skip
