"""Files of other programs: NumPy's and GGUF."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest

import rustgrad as torch
from rustgrad.serialization.gguf import load_gguf

FOLDER = Path(__file__).parent


def written(write, *args, **kwargs):
    file = io.BytesIO()
    write(file, *args, **kwargs)
    file.seek(0)
    return file


def test_arrays():
    a = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    for array in (a, a.T, a.astype(">f8"), a.astype(bool), a.astype(np.float16), np.float64(3), a[:0]):
        got = torch.load(written(np.save, array))
        assert got.tolist() == np.asarray(array).tolist() and tuple(got.shape) == np.shape(array)
    assert torch.load(written(np.save, a), map_location=lambda storage, location: storage).dtype is torch.float32


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_archives_of_arrays(write, tmp_path):
    values = {"a": np.arange(6).reshape(2, 3), "b/c": np.ones(2, np.float32)}
    write(tmp_path / "x.npz", **values)
    for f in (tmp_path / "x.npz", io.BytesIO((tmp_path / "x.npz").read_bytes())):
        got = torch.load(f)
        assert (
            list(got) == ["a", "b/c"]
            and got["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
            and got["b/c"].dtype is torch.float32
        )


def test_bad_arrays(tmp_path):
    with pytest.raises(RuntimeError, match="it holds Python objects"):
        torch.load(written(np.save, np.array([None]), allow_pickle=True))
    with pytest.raises(NotImplementedError, match="which rustgrad does not have"):
        torch.load(written(np.save, np.array(["text"])))
    data = written(np.save, np.arange(6.0)).getvalue()
    for bad in (
        data[:-1],
        data + b"x",
        data[:40],
        data.replace(b"(6,)", b"(9,)"),
        data.replace(b"(6,), ", b"(2**60,)"),
    ):
        with pytest.raises(RuntimeError, match=r"is not a valid .npy file"):
            torch.load(io.BytesIO(bad))
    archive = written(np.savez, a=np.arange(600)).getvalue()
    with pytest.raises(RuntimeError, match=r"damaged|not a valid"):
        torch.load(io.BytesIO(archive.replace(bytes([5, 0, 0, 0, 0, 0, 0, 0]), bytes([6, 0, 0, 0, 0, 0, 0, 0]))))


def test_an_archive_that_grows_is_refused(monkeypatch):
    from rustgrad.serialization import arrays

    monkeypatch.setattr(arrays, "_SMALL", 1 << 16)
    file = written(np.savez_compressed, a=np.zeros(100_000))
    with pytest.raises(RuntimeError, match="more than 100 times what the file does"):
        torch.load(file)


def test_gguf_files():
    got, wanted = torch.load(FOLDER / "small.gguf"), np.load(FOLDER / "small.npz")
    assert list(got) == ["f32", "f16", "q8_0", "q4_0", "bf16", "q4_k"]
    for name, tensor in got.items():
        assert np.array_equal(tensor.float().numpy(), wanted[name]), name
    assert (got["f16"].dtype, got["bf16"].dtype, got["q4_k"].dtype) == (torch.float16, torch.bfloat16, torch.float32)
    _, notes = load_gguf(FOLDER / "small.gguf")
    assert notes == {"general.architecture": "test", "test.layers": 3, "test.names": ["x", "yy"], "test.eps": 0.5}


def gguf(infos, data=bytes(256), notes=b"", count=None, version=3):
    head = b"GGUF" + struct.pack("<IQQ", version, len(infos) if count is None else count, 1 if notes else 0) + notes
    for name, dims, kind, offset in infos:
        head += struct.pack("<Q", len(name)) + name + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)
    return head + b"\0" * (-len(head) % 32) + data


KEY = struct.pack("<Q", 1) + b"k"
BAD_GGUF = {
    "beyond the end": (gguf([(b"a", (100,), 0, 0)]), "reaches beyond the end"),
    "an offset beyond the end": (gguf([(b"a", (1,), 0, 1 << 62)]), "reaches beyond the end"),
    "a huge shape": (gguf([(b"a", (1 << 60, 1 << 60), 0, 0)]), "reaches beyond the end"),
    "overlap": (gguf([(b"a", (8,), 0, 0), (b"b", (8,), 0, 16)]), "overlaps another"),
    "twice": (gguf([(b"a", (8,), 0, 0), (b"a", (8,), 0, 32)]), "occurs twice"),
    "a broken row": (gguf([(b"a", (31,), 8, 0)]), "no multiple of 32"),
    "many tensors": (gguf([], count=1 << 60), "cut short"),
    "many dims": (gguf([(b"a", (1,) * 9, 0, 0)]), "9 dims"),
    "a long text": (gguf([], notes=KEY + struct.pack("<IQ", 8, 1 << 60)), "cut short"),
    "a long list": (gguf([], notes=KEY + struct.pack("<IIQ", 9, 10, 1 << 60)), "cut short"),
    "a long list of texts": (gguf([], notes=KEY + struct.pack("<IIQ", 9, 8, 1 << 60)), "larger than the file"),
    "nested lists": (gguf([], notes=KEY + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50), "unknown kind 9"),
    "an unknown value": (gguf([], notes=KEY + struct.pack("<I", 77)), "unknown kind 77"),
    "no alignment": (
        gguf([], notes=struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<II", 4, 0)),
        "alignment is 0",
    ),
    "version 1": (gguf([], version=1), "version is 1"),
}


@pytest.mark.parametrize("name", BAD_GGUF)
def test_bad_gguf_files(name):
    data, message = BAD_GGUF[name]
    with pytest.raises(RuntimeError, match=message):
        torch.load(io.BytesIO(data))


def test_kinds_of_gguf_that_are_not_read():
    with pytest.raises(NotImplementedError, match=r"'a' is of GGUF's kind Q6_K, which is not read\nhint: F32"):
        torch.load(io.BytesIO(gguf([(b"a", (256,), 14, 0)])))
