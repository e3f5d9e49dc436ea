"""What PyTorch makes of Python's and NumPy's objects beside tensors and as arguments."""

import functools
import operator
import warnings

import numpy as np
from support import Cases, raised

CASES = Cases()
case = CASES.case

BINARY = [*"add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split()]
INPLACE = [*"iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift".split()]
COMPARE = [*"eq ne lt le gt ge contains".split()]


def _told(value, torch):
    """Kind, dtype, shape and elements of a result, in one line."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).split('.')[1]} {tuple(value.shape)} {value.tolist()}"
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape} {[_told(v, torch) for v in value.ravel().tolist()]}"
    return f"{type(value).__name__} {value!r}"


def _tried(torch, fn, *args):
    # NumPy's deprecation of PyTorch's old `__array_wrap__` is no warning of ours.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _told(fn(*args), torch)
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:24]}".split("\n")[0]


def _tensors(torch):
    return [
        torch.tensor([1.5, 2.0]),
        torch.tensor([1, 2]),
        torch.tensor([True, False]),
        torch.tensor([1.0, 2.0], requires_grad=True),
        torch.tensor(2.0, dtype=torch.float16),
    ]


def _pairs(torch, names, others):
    """Each operator between each tensor and each of the others, in both orders."""
    results = {}
    for name in names:
        fn, found = getattr(operator, name), []
        for k in range(len(_tensors(torch))):
            for other in others:
                found.append(_tried(torch, fn, _tensors(torch)[k], other()))
                found.append(_tried(torch, fn, other(), _tensors(torch)[k]))
        results[name] = found
    return results


@case()
def operators_beside_numpy_arrays(torch):
    dtypes = (np.float64, np.int64, np.float32)
    arrays = [*(lambda dtype=dtype: np.array([1.5, 3.0]).astype(dtype) for dtype in dtypes), lambda: np.ones(3)]
    return _pairs(torch, BINARY + INPLACE + COMPARE, arrays)


@case()
def operators_beside_numpy_scalars(torch):
    """The bitwise operators in place: PyTorch asks first whether the result's dtype fits, which is another rule."""
    scalars = [np.float64(2), np.float32(1.5), np.float16(2), np.int64(2), np.int8(1), np.uint16(2), np.bool_(True)]
    return _pairs(torch, BINARY + INPLACE[:7] + COMPARE, [lambda scalar=scalar: scalar for scalar in scalars])


@case()
def operators_beside_zero_d_arrays(torch):
    scalars = [np.float64(2), np.int64(2), np.float32(2)]
    return _pairs(torch, BINARY + COMPARE, [lambda scalar=scalar: np.array(scalar) for scalar in scalars])


def _matrix():
    """NumPy's old class of matrices, which is a subclass of its arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.matrix([[1.5, 2.0]])


@case()
def comparisons_with_arrays_of_other_kinds(torch):
    t = torch.tensor([1.5, 2.0])
    reversed_, text = np.array([1.0, 2.0])[::-1], np.array(["a", "b"])
    bools, objects = np.array([True, False]), np.array([1, None], dtype=object)
    others = [reversed_, text, objects, bools, np.array([]), np.array([1, 2], np.int8), _matrix()]
    return [[_tried(torch, operator.eq, t, o), _tried(torch, operator.eq, o, t)] for o in others]


@case()
def ufuncs(torch):
    t, a = torch.tensor([1.5, float("nan")]), np.array([1.0, 2.0])
    masks = torch.tensor([True, False]), np.array([True, True])
    calls = [
        (np.add, t, a),
        (np.sin, a * 1.0),
        (np.isnan, t),
        (np.maximum, t, a),
        (np.logical_and, *masks),
        (operator.and_, *masks),
        (operator.add, torch.ones(1, 2), _matrix()),
        (operator.add, _matrix(), torch.ones(1, 2)),
    ]
    return [_tried(torch, *call) for call in calls]


@case()
def integers_of_numpy_where_a_dtype_is_asked_for(torch):
    results = []
    for dtype in (np.int8, np.int16, np.uint16, np.uint32, np.uint64):
        array = np.array([[1, 2], [3, 100]], dtype)
        results += [
            _told(torch.tensor(array, dtype=torch.float32), torch),
            _told(torch.tensor(array.T, dtype=torch.int64), torch),
            _told(torch.as_tensor(array, dtype=torch.float64), torch),
            _told(torch.asarray(array, dtype=torch.bool), torch),
            _told(torch.ones(1).new_tensor(array), torch),
            _told(torch.Tensor(array), torch),
            _told(torch.tensor([array, array], dtype=torch.float16), torch),
            _told(torch.tensor(array[1, 1], dtype=torch.float32), torch),
        ]
    return results


@case()
def numpy_scalars_as_arguments(torch):
    x = torch.ones(2)
    return [
        _told(value, torch)
        for value in (
            torch.full((2,), np.bool_(True)),
            torch.full((2,), np.float32(2)),
            torch.add(x, x, alpha=np.float64(2)),
            torch.tensor([np.bool_(True), np.bool_(False)]),
            torch.arange(3)[np.array(1)],
            torch.arange(3)[np.int8(2)],
        )
    ]


@case()
def names_of_types_in_messages(torch):
    x = torch.ones(2)
    texts = [raised(x.add, np.ones(2)), raised(x.add, x, alpha=np.ones(2)), raised(x.transpose, 0, np.ones(2))]
    return [*texts, raised(x.__contains__, np.ones(2)), raised(x.__contains__, np.bool_(True))]


@case()
def asarray_without_a_copy(torch):
    """`copy=False` shares memory or raises: another dtype, NumPy's scalars and lists are refused."""
    array, x = np.array([1.0, 2.0], np.float32), torch.ones(2)
    given = [
        (array, {"dtype": torch.float64}),
        (array, {"dtype": torch.float32}),
        (array[::-1], {}),
        (np.float32(3), {}),
        (x, {"dtype": torch.int8}),
        ([1, 2], {}),
    ]
    results = [_tried(torch, functools.partial(torch.asarray, copy=False, **kw), a) for a, kw in given]
    shared = torch.asarray(array, dtype=torch.float32, copy=False)
    array[0] = 7
    copied = torch.asarray(array, copy=True)
    array[0] = 8
    return [*results, shared, copied, torch.asarray(x, copy=False) is x, torch.asarray(x, dtype=torch.float64)]


@case()
def factors_in_front_of_tensors(torch):
    """The order of PyTorch before 1.5, which it still takes with a warning: `p.add_(-lr, grad)`."""
    import warnings

    x, a, v = torch.arange(4.0).view(2, 2), torch.full((2, 2), 2.0), torch.tensor([1.0, 2.0])
    stack = a[None]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = [
            *(fn(x, 3, a) for fn in (torch.add, torch.sub, torch.Tensor.add, torch.Tensor.sub)),
            *(fn(x.clone(), -0.5, a) for fn in (torch.Tensor.add_, torch.Tensor.sub_)),
            *(fn(x, 3, a, a) for fn in (torch.addcmul, torch.addcdiv, torch.Tensor.addcmul, torch.Tensor.addcdiv)),
            *(fn(x.clone(), 3.5, a, a) for fn in (torch.Tensor.addcmul_, torch.Tensor.addcdiv_)),
            *(torch.addmm(2, x, 3, a, a), torch.addmm(2, x, a, a), x.addmm(2, 3, a, a), x.addmm(2, a, a)),
            *(torch.addmv(2, v, 3, a, v), torch.addr(2, x, 3, v, v), v.clone().addmv_(2, 3, a, v)),
            *(torch.addbmm(2, x, 3, stack, stack), torch.baddbmm(2, x[None], 3, stack, stack)),
            torch.add(x, np.float64(0.5), a, out=torch.empty(2, 2)),
        ]
    w = torch.ones(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w.add(3, w * v).sum().backward()
        refused = [type(_error(fn, *args)).__name__ for fn, args in ((x.add, (3, "4")), (x.addmm, (1, 2, 3, a, a)))]
    return [*found, w.grad, len(seen) > 0 and {one.category for one in seen} == {UserWarning}, refused]


def _error(fn, *args):
    try:
        return fn(*args)
    except Exception as error:
        return error


@case()
def asarray_over_memory(torch):
    """What shows its memory is shared, and read as the dtype that is asked for."""
    import array

    memory = bytearray(b"\x01\x02\x03\x04")
    shared = torch.asarray(memory, dtype=torch.uint8)
    views = [torch.asarray(memory, dtype=torch.int16), torch.asarray(memoryview(memory)[1:3], dtype=torch.uint8)]
    alias = torch.asarray(memory, dtype=torch.uint8, copy=False)
    copied = torch.asarray(memory, dtype=torch.uint8, copy=True)
    memory[1] = 9
    return [shared, *views, alias, copied, torch.asarray(array.array("f", [1.0, 2.0])), torch.as_tensor(memory)]


@case()
def storages_by_parts_and_from_files(torch):
    import os
    import tempfile

    storage = torch.arange(6, dtype=torch.uint8).untyped_storage()
    part = storage[2:4]
    torch.asarray(part, dtype=torch.uint8).fill_(7)
    found = [storage.tolist(), part.tolist(), storage[-2:].tolist(), storage[4:100].nbytes(), storage[3:1].nbytes()]
    found += [storage.untyped() is storage, raised(lambda: storage[::2])]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bytes")
        with open(path, "wb") as file:
            file.write(bytes(range(8)))
        private = torch.UntypedStorage.from_file(path, False, 6)
        torch.asarray(private, dtype=torch.uint8)[0] = 5
        with open(path, "rb") as file:
            found += [private.tolist(), list(file.read())]
        shared = torch.UntypedStorage.from_file(path, shared=True, nbytes=9)
        torch.asarray(shared, dtype=torch.uint8)[1] = 5
        found += [shared.tolist(), torch.UntypedStorage.from_file(path).nbytes()]
        found.append(raised(torch.UntypedStorage.from_file, path, False, 60).replace(path, "PATH"))
        absent = os.path.join(folder, "absent")
        found.append(raised(torch.UntypedStorage.from_file, absent, False, 6).replace(absent, "PATH"))
        del private, shared
    return found
