"""The Python array API standard through `x.__array_namespace__()`: where its words differ from PyTorch's."""

import inspect
import subprocess
import sys

import pytest

import rustgrad as torch

xp = torch.ones(1).__array_namespace__()


def t(data, dtype=None):
    return torch.tensor(data, dtype=dtype)


def test_the_namespace_is_one_module_of_a_version():
    assert xp is torch.array_api
    assert xp is t([1, 2]).__array_namespace__(api_version="2023.12")
    assert xp.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match=r"array API '2099\.12' is not supported"):
        torch.ones(1).__array_namespace__(api_version="2099.12")


def test_it_is_loaded_when_asked_for():
    code = "import sys, rustgrad; assert 'rustgrad.array_api' not in sys.modules; rustgrad.array_api.abs"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_function_has_a_name_a_text_and_arguments():
    for module in (xp, xp.linalg, xp.fft):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                assert value.__name__ == name
                assert value.__doc__
                assert inspect.signature(value)


def test_functions_for_any_library_and_their_gradients():
    def standardized(x):
        xp = x.__array_namespace__()
        return (x - xp.mean(x, axis=0)) / xp.std(x, axis=0, correction=1)

    x = torch.randn(5, 3, requires_grad=True)
    out = standardized(x)
    assert torch.allclose(out, (x - x.mean(0)) / x.std(0))
    xp.sum(xp.square(xp.atan2(out, 2.0))).backward()
    assert x.grad is not None
    assert xp.asarray(x, dtype=xp.float64).requires_grad


def test_promotion_does_not_ask_for_dims():
    narrow, wide = t([1.0], xp.float32), t(1.0, xp.float64)
    assert (narrow + wide).dtype == torch.float32
    assert xp.add(narrow, wide).dtype == xp.float64
    assert xp.result_type(xp.uint8, t([1], xp.int8)) == xp.int16
    assert xp.result_type(xp.int8, 1, 2.0) == xp.float32
    assert xp.result_type(xp.uint16, xp.int16) == xp.int32
    assert xp.result_type(xp.uint16, xp.uint64) == xp.uint64
    assert xp.result_type(xp.float64, 1j) == xp.complex128
    assert xp.concat([t([1], xp.int8), t([1], xp.int32)]).dtype == xp.int32
    assert xp.where(t([True, False]), 1, t([2.5, 2.5], xp.float64)).tolist() == [1.0, 2.5]
    with pytest.raises(ValueError, match="numbers alone have no dtype"):
        xp.result_type(1, 2.0)


def test_dtypes():
    assert xp.isdtype(xp.int8, "integral")
    assert xp.isdtype(xp.complex64, (xp.int8, "complex floating"))
    assert not xp.isdtype(xp.bool, "numeric")
    assert xp.can_cast(xp.int8, xp.int32)
    assert not xp.can_cast(xp.float64, xp.float32)
    assert not xp.can_cast(xp.uint64, xp.int64)
    assert xp.finfo(t([1j])).dtype == xp.float32
    assert xp.iinfo(xp.uint8)._asdict() == {"bits": 8, "max": 255, "min": 0, "dtype": xp.uint8}
    x = t([1.5])
    assert xp.astype(x, xp.float32, copy=False) is x
    assert xp.astype(x, xp.int64).tolist() == [1]
    with pytest.raises(TypeError, match="would drop imaginary parts"):
        xp.astype(t([1j]), xp.float32)
    with pytest.raises(ValueError, match="unknown kind 'floating'"):
        xp.isdtype(xp.int8, "floating")


def test_creation():
    assert xp.arange(5, 0).tolist() == []
    assert xp.arange(0, 0.0).dtype == xp.float32
    assert xp.eye(2, 3, k=1).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert xp.eye(2, k=2**70).tolist() == [[0, 0], [0, 0]]
    assert xp.linspace(0, 1, 4, endpoint=False).tolist() == [0, 0.25, 0.5, 0.75]
    assert [a.shape for a in xp.meshgrid(t([1, 2]), t([1, 2, 3]))] == [(3, 2), (3, 2)]
    assert xp.zeros(3).shape == xp.zeros_like(t([1, 2, 3])).shape == (3,)
    x = t([1.0])
    assert xp.asarray(x) is x
    assert xp.asarray(x, copy=True) is not x
    with pytest.raises(ValueError, match="copy=False forbids"):
        xp.asarray([1.0], copy=False)


def test_special_values_are_the_standards():
    inf = xp.inf
    assert xp.floor_divide(t([inf, -1.0, 7.0]), t([2.0, inf, 2.0])).tolist() == [inf, 0, 3]
    assert xp.signbit(xp.floor_divide(t([-1.0]), inf)).item()
    assert xp.signbit(xp.remainder(t([0.0, -0.0]), t([-1.0, 1.0]))).tolist() == [True, False]
    assert xp.isnan(xp.sign(t([xp.nan]))).item()
    assert xp.round(t([2.5 - 0.4j])).tolist() == [2 - 0j]
    assert xp.imag(t([1.0])).tolist() == [0]
    assert xp.clip(t([1, 5, 9], xp.int8), 2, t(6)).tolist() == [2, 5, 6]


def test_reductions():
    x = t([[1, 2, 3], [4, 5, 6]], xp.int8)
    assert xp.sum(x).dtype == xp.int64
    assert xp.sum(x, axis=()).tolist() == x.tolist()
    assert xp.prod(x, axis=(0, 1), keepdims=True).tolist() == [[720]]
    assert xp.max(x, axis=1).tolist() == [3, 6]
    assert xp.var(t([1.0, 2.0, 3.0]), correction=1).item() == 1
    assert xp.cumulative_sum(t([1, 2]), include_initial=True).tolist() == [0, 1, 3]
    assert xp.cumulative_prod(x, axis=1, include_initial=True).tolist() == [[1, 1, 2, 6], [1, 4, 20, 120]]
    assert xp.all(x, axis=(0, 1)).item() is True
    assert xp.count_nonzero(x, axis=0, keepdims=True).tolist() == [[2, 2, 2]]
    assert xp.diff(t([1, 4, 9]), prepend=t([0])).tolist() == [1, 3, 5]
    with pytest.raises(ValueError, match="axis must be given for an array of 2 dims"):
        xp.cumulative_sum(x)


def test_order_and_what_is_distinct():
    assert xp.argsort(t([1, 2, 1]), descending=True).tolist() == [1, 0, 2]
    values, indices, inverse, counts = xp.unique_all(t([[3.0, 1.0], [3.0, xp.nan], [xp.nan, 1.0]]))
    assert values[:2].tolist() == [1, 3]
    assert xp.isnan(values[2:]).tolist() == [True, True]
    assert (indices.tolist(), counts.tolist()) == ([1, 0, 3, 4], [2, 2, 1, 1])
    assert inverse.tolist() == [[1, 0], [1, 2], [3, 0]]
    assert xp.unique_counts(t([1j, 1.0, 1j])).values.tolist() == [1j, 1]
    assert xp.unique_values(t([], xp.int8)).shape == (0,)
    assert xp.searchsorted(t([1, 3]), t([2.0, 3.0]), side="right").tolist() == [1, 2]
    assert xp.argmax(t([[1, 7], [3, 2]]), keepdims=True).tolist() == [[1]]


def test_shapes():
    x = t([[1, 2, 3]])
    assert xp.permute_dims(x, (1, 0)).shape == (3, 1)
    assert xp.squeeze(x, axis=0).shape == (3,)
    assert xp.repeat(x, t([1, 0, 2], xp.int8), axis=1).tolist() == [[1, 3, 3]]
    assert xp.roll(x, 1).tolist() == [[3, 1, 2]]
    assert [a.tolist() for a in xp.unstack(x, axis=1)] == [[1], [2], [3]]
    assert xp.take(x, t([-1, 0]), axis=1).tolist() == [[3, 1]]
    assert xp.take_along_axis(x, t([[-1, 0]])).tolist() == [[3, 1]]
    assert xp.concat([x, t([4])], axis=None).tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="dim 1 has size 3, not 1"):
        xp.squeeze(x, 1)


def test_linalg_and_fft():
    a, b = t([[2.0, 0.0], [0.0, 4.0]]), t([[2.0, 4.0], [4.0, 8.0]])
    assert xp.linalg.solve(xp.stack([a, a]), b).tolist() == [[[1, 2], [1, 2]]] * 2  # matrices, not a batch of vectors
    assert xp.linalg.solve(a, t([2.0, 4.0])).tolist() == [1, 1]
    assert xp.vecdot(t([1j, 2]), t([1j, 1])).item() == 3
    assert xp.tensordot(a, b, axes=((1,), (0,))).tolist() == xp.matmul(a, b).tolist()
    assert xp.linalg.trace(a, offset=1).item() == 0
    assert torch.equal(xp.linalg.qr(a).Q @ xp.linalg.qr(a).R, a)
    assert xp.linalg.vector_norm(t([[3.0, 4.0]]), keepdims=True).tolist() == [[5]]
    assert xp.linalg.cross(t([[1, 0, 0]]), t([0, 1, 0])).tolist() == [[0, 0, 1]]
    assert torch.equal(xp.fft.rfft(a, axis=0), torch.fft.rfft(a, dim=0))
    assert xp.fft.fftfreq(4, d=0.5).tolist() == [0, 0.5, -1, -0.5]


def test_devices_and_what_is_offered():
    x = t([1.0])
    assert x.to_device(x.device) is x
    with pytest.raises(ValueError, match="stream must be None"):
        x.to_device("cpu", stream=1)
    info = xp.__array_namespace_info__()
    assert info.default_device() == x.device == info.devices()[0]
    assert info.default_dtypes()["real floating"] == xp.float32
    assert info.capabilities()["boolean indexing"]
    assert list(info.dtypes(kind="complex floating")) == ["complex64", "complex128"]
    assert "float64" not in info.dtypes(device="gpu")
