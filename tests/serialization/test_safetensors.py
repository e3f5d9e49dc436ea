"""save and load: what comes back, what is refused, and what happens to a file that stood there."""

import io
import json
import struct

import pytest

import rustgrad as torch
from rustgrad import nn
from rustgrad.serialization import safetensors


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def test_state_dicts_come_back(path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    torch.save(model.state_dict(), path)
    loaded = torch.load(path)
    assert sorted(loaded) == sorted(model.state_dict())
    other = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    assert repr(other.load_state_dict(loaded)) == "<All keys matched successfully>"
    assert all((a == b).all() for a, b in zip(model.parameters(), other.parameters()))


INTS = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]


@pytest.mark.parametrize("name", ["bool", *INTS, "float16", "bfloat16", "float32", "float64"])
def test_every_dtype_and_shape(path, name):
    dtype = getattr(torch, name)
    values = {
        "matrix": torch.tensor([[0, 1, 1], [1, 0, 3]]).to(dtype),
        "scalar": torch.tensor(1).to(dtype),
        "empty": torch.empty(0, 3, dtype=dtype),
    }
    values["transposed"] = values["matrix"].t()
    torch.save(values, path)
    loaded = torch.load(str(path), map_location="cpu", weights_only=True)
    for key, value in values.items():
        assert (loaded[key].dtype, loaded[key].shape) == (dtype, value.shape)
        assert loaded[key].tolist() == value.tolist()


def test_the_name_of_the_file_chooses_the_format(tmp_path, path):
    torch.save({"w": torch.ones(1)}, path)
    torch.save({"w": torch.ones(1)}, tmp_path / "w.pt")
    assert path.read_bytes()[8:9] == b"{" and (tmp_path / "w.pt").read_bytes()[:2] == b"PK"
    assert torch.load(tmp_path / "w.pt")["w"] == torch.load(path)["w"] == 1


def test_what_is_no_dict_of_tensors(path):
    with pytest.raises(TypeError, match="expected a dict from names to tensors"):
        torch.save([torch.ones(1)], path)
    with pytest.raises(TypeError, match="'epoch' holds int\nhint: save tensors only"):
        torch.save({"w": torch.ones(1), "epoch": 3}, path)
    assert not path.exists()


def test_a_failed_save_leaves_the_old_file(path):
    torch.save({"w": torch.ones(2)}, path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        torch.save({"w": 3}, path)
    with pytest.raises((OSError, RuntimeError)):
        torch.save({"w": torch.ones(2)}, path / "below" / "a" / "file")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_missing_file():
    with pytest.raises(FileNotFoundError):
        torch.load("there/is/no/such.safetensors")


def _file(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


GOOD = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}

HOSTILE = {
    "short": b"\x01\x02",
    "only a length": struct.pack("<Q", 10),
    "a huge header": struct.pack("<Q", 2**63) + b"{}",
    "no json": _file(b"{nonsense"),
    "no object": _file([1, 2]),
    "data cut off": _file(GOOD, b"\0" * 4),
    "data left over": _file(GOOD, b"\0" * 12),
    "offsets turned": _file({"w": {**GOOD["w"], "data_offsets": [8, 0]}}, b"\0" * 8),
    "offsets outside": _file({"w": {**GOOD["w"], "data_offsets": [0, 2**62]}}, b"\0" * 8),
    "size too small": _file({"w": {**GOOD["w"], "shape": [3]}}, b"\0" * 8),
    "shape overflows": _file({"w": {**GOOD["w"], "shape": [2**40, 2**40]}}, b"\0" * 8),
    "negative shape": _file({"w": {**GOOD["w"], "shape": [-2]}}, b"\0" * 8),
    "unknown dtype": _file({"w": {**GOOD["w"], "dtype": "X99"}}, b"\0" * 8),
    "overlap": _file({**GOOD, "v": GOOD["w"]}, b"\0" * 8),
    "a name twice": _file(b'{"w":%s,"w":%s}' % ((json.dumps(GOOD["w"]).encode(),) * 2), b"\0" * 8),
    "metadata twice": _file(b'{"__metadata__":{"a":"b","a":"c"}}'),
    "a thousand dims": _file({"w": {**GOOD["w"], "shape": [1] * 999 + [2]}}, b"\0" * 8),
    "deep": _file(b"[" * 100_000),
    "a gap": _file({"w": {**GOOD["w"], "data_offsets": [4, 12]}}, b"\0" * 12),
    "a size as text": _file({"w": {**GOOD["w"], "shape": ["2"]}}, b"\0" * 8),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_give_errors(path, name):
    path.write_bytes(HOSTILE[name])
    with pytest.raises(RuntimeError, match="load"):
        torch.load(path)
    with pytest.raises(RuntimeError, match="load"):
        safetensors.load(HOSTILE[name])


def test_functions_of_the_safetensors_package(path):
    values = {
        "a": torch.arange(6.0).reshape(2, 3),
        "b": torch.arange(3),
        "c": torch.ones(2, 2).bfloat16().t(),
        "d": torch.empty(0, 2),
    }
    safetensors.save_file(values, path, {"made by": "a test"})
    for loaded in (
        safetensors.load_file(path),
        safetensors.load(safetensors.save(values)),
        torch.load(io.BytesIO(path.read_bytes())),
    ):
        assert set(loaded) == set(values)
        assert all(
            (loaded[k] == v).all() and loaded[k].dtype == v.dtype and loaded[k].shape == v.shape
            for k, v in values.items()
        )
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.keys() == ["a", "b", "c", "d"] and file.metadata() == {"made by": "a test"}
        assert file.get_tensor("b").tolist() == [0, 1, 2]
        part = file.get_slice("a")
        assert part.get_shape() == [2, 3] and part.get_dtype() == "F32"
        assert (
            part[1:].tolist() == [[3, 4, 5]]
            and part[:, 1:].tolist() == [[1, 2], [4, 5]]
            and part[0].tolist() == [0, 1, 2]
        )
        with pytest.raises(KeyError, match="does not contain tensor z"):
            file.get_tensor("z")
