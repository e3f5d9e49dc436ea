"""finfo and iinfo against PyTorch's numbers."""

import pickle

import pytest

import rustgrad as torch

FLOATS = {
    "float16": (16, 0.0009765625, 65504.0, 6.103515625e-05, 0.001),
    "bfloat16": (16, 0.0078125, 3.3895313892515355e38, 1.1754943508222875e-38, 0.01),
    "float32": (32, 1.1920928955078125e-07, 3.4028234663852886e38, 1.1754943508222875e-38, 1e-06),
    "float64": (64, 2.220446049250313e-16, 1.7976931348623157e308, 2.2250738585072014e-308, 1e-15),
}


@pytest.mark.parametrize("name", FLOATS)
def test_floats(name):
    f = torch.finfo(getattr(torch, name))
    assert (f.bits, f.eps, f.max, f.smallest_normal, f.resolution) == FLOATS[name]
    assert (f.min, f.tiny, f.dtype) == (-f.max, f.smallest_normal, name)
    assert f == torch.finfo(getattr(torch, name))
    if name != "bfloat16":
        assert f == torch.finfo(getattr(torch, name).to_complex())


# What PyTorch says of floats of eight bits, which no tensor here has: eps, max, min, smallest_normal.
BYTES = {
    "float8_e4m3fn": (0.125, 448.0, -448.0, 0.015625),
    "float8_e4m3fnuz": (0.125, 240.0, -240.0, 0.0078125),
    "float8_e5m2": (0.25, 57344.0, -57344.0, 6.103515625e-05),
    "float8_e5m2fnuz": (0.125, 57344.0, -57344.0, 3.0517578125e-05),
    "float8_e8m0fnu": (1.0, 1.7014118346046923e38, 5.877471754111438e-39, 5.877471754111438e-39),
}


@pytest.mark.parametrize("name", BYTES)
def test_floats_of_eight_bits_are_names(name):
    dtype = getattr(torch, name)
    f = torch.finfo(dtype)
    assert (f.eps, f.max, f.min, f.smallest_normal) == BYTES[name] and (f.bits, f.resolution) == (8, 1.0)
    assert isinstance(dtype, torch.dtype) and repr(dtype) == f"rustgrad.{name}" and dtype != torch.uint8
    assert (dtype.itemsize, dtype.is_floating_point, dtype.is_complex) == (1, True, False)
    assert dtype.is_signed == (name != "float8_e8m0fnu") and pickle.loads(pickle.dumps(dtype)) is dtype
    for call in (
        lambda: torch.ones(2, dtype=dtype),
        lambda: torch.ones(2).to(dtype),
        lambda: torch.tensor([1.0], dtype=dtype),
    ):
        with pytest.raises(NotImplementedError, match=f"rustgrad has no tensors of dtype rustgrad.{name}"):
            call()


def test_reprs():
    assert repr(torch.finfo()) == (
        "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, "
        "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)"
    )
    assert repr(torch.finfo(torch.half)).startswith("finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562,")
    assert repr(torch.iinfo(torch.int64)) == "iinfo(min=-9.22337e+18, max=9.22337e+18, dtype=int64)"


def test_integers():
    found = [torch.iinfo(dtype) for dtype in (torch.uint8, torch.int8, torch.uint32, torch.int64)]
    assert [(i.bits, i.min, i.max, i.dtype) for i in found] == [
        (8, 0, 255, "uint8"),
        (8, -128, 127, "int8"),
        (32, 0, 2**32 - 1, "uint32"),
        (64, -(2**63), 2**63 - 1, "int64"),
    ]


def test_refusals():
    for call, what in (
        (lambda: torch.finfo(torch.int64), "requires a floating point input type"),
        (lambda: torch.finfo(3), r"argument 'type' \(position 1\) must be rustgrad.dtype, not int"),
        (lambda: torch.iinfo(torch.float32), "requires an integer input type"),
        (lambda: torch.iinfo(torch.bool), "rustgrad.bool is not supported by rustgrad.iinfo"),
    ):
        with pytest.raises(TypeError, match=what):
            call()
