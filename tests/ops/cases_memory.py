"""Memory that tensors share with files, storages and other libraries, and memory that nothing was written to."""

import math
import os
import tempfile

import numpy as np
from support import Cases, warned
from support import raised as raised_with_hint

CASES = Cases()
case = CASES.case


def raised(fn, *args, **kwargs):
    """The class and message of what a call raises, without what rustgrad adds as a hint."""
    return raised_with_hint(fn, *args, **kwargs).split("\nhint: ")[0]


def quietly(fn, *args, **kwargs):
    """What a call gives; PyTorch warns that storages with a dtype are deprecated."""
    return warned(fn, *args, **kwargs)[1]


@case()
def a_file_as_a_tensor(torch):
    path = os.path.join(tempfile.mkdtemp(), "numbers")
    with open(path, "wb") as file:
        file.write(bytes(range(24)))
    found = [torch.from_file(path, size=4, dtype=torch.uint8).tolist(), torch.from_file(path)]
    torch.from_file(path, shared=True, size=2, dtype=torch.int32).fill_(7)
    torch.from_file(path, shared=False, size=2, dtype=torch.int32).fill_(9)
    torch.from_file(path, shared=True, size=4, dtype=torch.int64)[3] = 5
    with open(path, "rb") as file:
        found.append(list(file.read())[1:])  # PyTorch writes a 0 there where it lengthens the file
    found.append(torch.from_file(path, size=1, requires_grad=True).requires_grad)
    found.append(raised(torch.from_file, path, size=100).replace(path, "PATH"))
    found.append(quietly(lambda: torch.LongStorage.from_file(path, False, 4).tolist()[1:]))
    return found


@case()
def capsules_of_dtypes_without_an_array(torch):
    found = []
    for dtype in (torch.bfloat16, torch.float32, torch.uint16, torch.bool):
        x = torch.tensor([1, 0, 1, 1]).to(dtype)
        y = torch.from_dlpack(x[::2].__dlpack__())
        found += [str(y.dtype).rpartition(".")[2], y.float(), y.stride(), y.data_ptr() == x.data_ptr()]
        found += [torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(x)).float()]
        found += [torch.asarray(x.__dlpack__()).float(), torch.asarray(x.__dlpack__(), dtype=torch.float64)]
    x = torch.ones(1)
    capsule = x.__dlpack__()
    torch.from_dlpack(capsule)
    found += [raised(torch.from_dlpack, capsule), raised(x.__dlpack__, stream=object()), raised(x.__dlpack__, stream=1)]
    return found


@case()
def storages_of_a_dtype(torch):
    def made():
        s = torch.tensor([1.0, 2.0, 3.0]).storage()
        found = [s[1], s[-1], raised(lambda: s[3]), raised(lambda: s["a"]), raised(lambda: s[:2])]
        s[0] = 5
        names = "double half int long short char byte bool bfloat16 complex_float complex_double"
        found += [[str(c.dtype).rpartition(".")[2], c.tolist()] for c in (getattr(s, n)() for n in names.split())]
        found += [s.is_shared(), s.is_pinned(), s.is_sparse, s.float().tolist()]
        found.append(torch.TypedStorage([1, 2], dtype=torch.int32).tolist())
        found += [torch.TypedStorage(3, dtype=torch.half).nbytes(), torch.TypedStorage(2, device="meta").device.type]
        memory = s.untyped()
        found.append(torch.TypedStorage(wrap_storage=memory, dtype=torch.double).size())
        for given in ({"wrap_storage": memory}, {"wrap_storage": s, "dtype": torch.float}):
            found.append(raised(torch.TypedStorage, **given).split(".")[0].partition(" of")[0])
        data = bytearray([0, 1, 1, 0])
        for order in ("big", "little"):
            found.append(torch.ShortStorage.from_buffer(data, order).tolist())
        return [*found, torch.ByteStorage.from_buffer(data).tolist()]

    return quietly(made)


@case()
def tensors_of_storages(torch):
    def made():
        x = torch.tensor([1.0, 2.0])
        typed, memory = x.storage(), x.untyped_storage()
        found = [torch.tensor(typed), torch.tensor(memory, dtype=torch.float32), torch.tensor(memory)]
        found += [torch.as_tensor(typed).data_ptr() == x.data_ptr(), x.new(memory), torch.FloatTensor(typed)]
        found += [raised(torch.tensor, typed, dtype=torch.double), raised(x.double().set_, typed)]
        found.append(raised(torch.FloatTensor, x, device="cpu"))
        memory[0:4] = 0
        memory[7] = 65
        return [*found, x, memory.tolist(), torch.UntypedStorage(2).fill_(7).tolist(), str(memory).count("\n")]

    return quietly(made)


@case()
def memory_that_nothing_was_written_to(torch):
    found = []
    names = "float32 float16 bfloat16 complex64 int64 int32 uint8 bool uint16"
    torch.use_deterministic_algorithms(True)
    try:
        for dtype in (getattr(torch, name) for name in names.split()):
            found.append(torch.empty(2, dtype=dtype).tolist())
        x = torch.ones(1)
        found += [torch.empty_like(x), x.new_empty(2), torch.empty_strided((2, 2), (1, 2)), x.clone().resize_(3)]
        found += [
            torch.empty_permuted((1, 2), (1, 0)),
            torch.Tensor(2),
            torch.utils.deterministic.fill_uninitialized_memory,
        ]
        torch.utils.deterministic.fill_uninitialized_memory = False
        torch.full((4,), 3.0)
        found.append(not math.isnan(torch.ones(2)[0].item()))
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = True
        torch.use_deterministic_algorithms(False)
    return found


@case()
def storages_without_a_dtype(torch):
    from_bytes = torch.UntypedStorage
    swapped = from_bytes([1, 2, 3, 4])
    found = [from_bytes([1, 300, -1]).tolist(), swapped.byteswap(torch.int16), swapped.tolist(), swapped == swapped]
    found += [from_bytes(4).copy_(from_bytes([1, 2, 3, 4])).tolist(), raised(from_bytes(4).copy_, from_bytes(3))]
    s = torch.arange(6.0).untyped_storage()
    found += [s.resizable(), s.is_shared(), s.is_pinned(), s.is_sparse, s.filename, s.get_device(), s.new().size()]
    found += [[c.tolist(), c.type().partition(".")[2]] for c in (from_bytes([0, 2]).float(), from_bytes([0, 2]).bool())]
    found += [from_bytes.from_buffer(b"ab\0c", dtype=torch.int16, byte_order="little").tolist()]
    x = torch.arange(4.0)
    view = x[1:]
    found += [x.untyped_storage().resize_(40).nbytes(), view.untyped_storage().nbytes(), x.tolist(), view.tolist()]
    found += [
        x.untyped_storage().resize_(8).nbytes(),
        x[:2],
    ]
    lent = torch.from_numpy(np.ones(3)).untyped_storage()
    found += [lent.resizable(), raised(lent.resize_, 3)]
    typed = torch.arange(4.0).storage()
    found += [
        typed.resize_(6),
        typed.size(),
        typed.resize_(2),
        typed.tolist(),
        typed.filename,
    ]
    return [*found, raised(typed.copy_, torch.arange(3.0).storage()), typed.get_device(), typed.is_hpu]


@case()
def memory_of_all_processes(torch):
    x = torch.arange(6.0)
    view = x[2:]
    x.share_memory_()
    x[3] = 9
    layer = torch.nn.Linear(2, 2).share_memory()
    return [
        (x.is_shared(), view.is_shared(), view, (x + 1).is_shared(), x.storage().is_shared(), x.clone().is_shared()),
        (
            [p.is_shared() for p in layer.parameters()],
            layer.weight.requires_grad,
            torch.zeros(0).share_memory_().is_shared(),
        ),
        (x.untyped_storage().filename, torch.zeros(1).is_shared()),
        x.storage().share_memory_().is_shared(),
    ]
