"""save and load in PyTorch's formats: what PyTorch has written is read, and what is written comes back."""

import collections
import copy
import io
import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from serialization.described import Described, same

import rustgrad as torch
from rustgrad import nn

FOLDER = Path(__file__).parent
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
FORMATS = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}
Point = collections.namedtuple("Point", ["x", "y"])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.register_buffer("count", torch.zeros(2))
        self.register_buffer("scratch", torch.ones(1), persistent=False)
        self.depth = 3

    def forward(self, x):
        return self.fc(x)


class Scaled(torch.Tensor):
    """A subclass with an attribute."""


class Slotted(torch.Tensor):
    __slots__ = ("extra",)


class Own(torch.Tensor):
    """A subclass that says itself what it holds."""

    def __getstate__(self):
        return ("mine", self.scale)

    def __setstate__(self, state):
        self.scale = state[1] + 1


class Stateful:
    def __init__(self, x):
        self.x = x

    def __setstate__(self, state):
        self.x = state["x"] + 1


def equal(a, b):
    return a.shape == b.shape and bool((a == b).all())


def saved(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file, **options)
    file.seek(0)
    return file


def again(obj, weights_only=None, map_location=None, **options):
    return torch.load(saved(obj, **options), map_location, weights_only=weights_only)


@pytest.fixture(params=FORMATS)
def form(request):
    return FORMATS[request.param]


@pytest.fixture(autouse=True)
def nothing_registered():
    yield
    torch.serialization.clear_safe_globals()


# --- files of PyTorch


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.pt")), ids=lambda p: p.name)
def test_files_of_pytorch_are_read(path):
    name = path.name.split(".")[0]
    got = Described(torch, True)(torch.load(path, weights_only=name != "module"))
    assert same(repr(got).replace("rustgrad.", "torch."), EXPECTED[name])


def test_a_module_of_pytorch_computes():
    net = torch.load(FOLDER / "module.zip.pt", weights_only=False)
    x = torch.tensor([[1.0, 2.0, 3.0]])
    assert equal(net[0](x), nn.functional.linear(x, net[0].weight, net[0].bias)) and net(x).shape == (1, 2)


# --- what comes back


def test_views_share_memory_and_keep_strides(form):
    x = torch.arange(12.0).reshape(3, 4)
    a, b, c = again([x, x[1:], x.t()], **form)
    assert (b.storage_offset(), c.stride(), a._base, b._base) == (4, (1, 4), None, None)
    a[1, 0] = 50
    assert b[0, 0] == 50 and c[0, 1] == 50
    before = b._version
    a.add_(1)
    assert b._version == before + 1  # one memory, one version


def test_a_small_view_makes_a_small_file(form):
    x = torch.zeros(1_000_000)
    file = saved(x[500:503], **form)
    assert len(file.getvalue()) < 1500
    assert torch.load(file).tolist() == [0, 0, 0]
    assert len(saved([x[10:12], x[900:902]]).getvalue()) < 6000


def test_an_expanded_tensor_stays_expanded():
    x = again(torch.tensor(2.0).expand(1 << 20))
    assert x.stride() == (0,) and x.sum() == 2 << 20


def test_parameters_gradients_and_attributes(form):
    p = nn.Parameter(torch.ones(2))
    p.tag = "kept"
    x = torch.ones(2, requires_grad=True)
    x.note = [1]
    q, y, z = again([p, x, x * 2], **form)
    assert type(q) is nn.Parameter and q.requires_grad and q.tag == "kept"
    assert y.requires_grad and y.note == [1] and z.is_leaf and z.requires_grad
    b = again(nn.Buffer(torch.ones(1), persistent=False))
    assert type(b) is nn.Buffer and b.persistent is False


def test_one_object_twice_is_one_object(form):
    x, inner = torch.ones(1), [1]
    a, b, c, d = again([x, x, inner, inner], **form)
    assert a is b and c is d
    loop = []
    loop.append(loop)
    loop = again(loop, **form)
    assert loop[0] is loop


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol(form, protocol):
    x = torch.arange(3)
    obj = {
        "x": x,
        "numbers": [*range(300), 2.5, None, True, 2**70],
        "text": "\u00e9" * 300,
        "bytes": [b"ab", b"", b"a" * 300],
        "set": {1, (2, 3)},
        "z": 1j,
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "array": bytearray(b"ab"),
        "size": torch.Size([2]),
        "dtype": torch.bool,
        "device": torch.device("cuda", 1),
        "layout": torch.strided,
        "format": torch.channels_last,
        "ordered": collections.OrderedDict(b=1, a=2),
        "counter": collections.Counter("aab"),
    }
    got = again(obj, pickle_protocol=protocol, **form)
    assert equal(got.pop("x"), obj.pop("x"))
    assert got == obj and type(got["ordered"]) is collections.OrderedDict
    assert got["dtype"] is torch.bool and type(got["size"]) is torch.Size


def test_state_dicts_keep_their_metadata(form):
    state = again(nn.LayerNorm(2).state_dict(), **form)
    assert type(state) is collections.OrderedDict and state._metadata[""] == {"version": 1}


def test_optimizers_go_on(form):
    nets = [nn.Linear(2, 1), nn.Linear(2, 1)]
    nets[1].load_state_dict(nets[0].state_dict())
    optimizers = [torch.optim.Adam(net.parameters()) for net in nets]

    def step(k):
        optimizers[k].zero_grad()
        nets[k](torch.ones(1, 2)).sum().backward()
        optimizers[k].step()

    step(0)
    nets[1].load_state_dict(again(nets[0].state_dict(), **form))
    optimizers[1].load_state_dict(again(optimizers[0].state_dict(), **form))
    step(0), step(1)
    assert equal(nets[0].weight, nets[1].weight)
    whole = again(optimizers[0], weights_only=False, **form)
    assert type(whole) is torch.optim.Adam and repr(whole) == repr(optimizers[0])


def test_whole_modules_by_consent(form):
    net = Net()
    net.fc.register_forward_hook(_double)
    file = saved(net, **form)
    with pytest.raises(pickle.UnpicklingError, match=r"Unsupported global: GLOBAL .*Net was not an allowed"):
        torch.load(file, weights_only=False)
    torch.serialization.add_safe_globals([Net, _double])
    file.seek(0)
    got = torch.load(file, weights_only=False)
    x = torch.ones(1, 3)
    assert equal(got(x), net(x)) and got.depth == 3 and repr(got) == repr(net)
    assert list(got.state_dict()) == ["count", "fc.weight", "fc.bias"] and "scratch" in dict(got.named_buffers())


def _double(module, args, output):
    return output * 2


def test_plain_classes_without_registration():
    from argparse import Namespace

    obj = [
        Namespace(lr=0.1),
        collections.defaultdict(list, a=[1]),
        slice(1, 2),
        range(3),
        Path("a/b"),
        frozenset([1]),
        torch.max(torch.ones(2, 2), 0),
        np.float64(0.5),
        np.arange(6).reshape(2, 3).T,
        np.array(["a", "bc"]),
        nn.functional.relu,
    ]
    got = again(obj, weights_only=False)
    assert got[:6] == obj[:6] and got[6].indices.tolist() == [0, 0] and type(got[6]) is type(obj[6])
    assert got[7] == 0.5 and got[7].dtype == np.float64 and got[8].flags.f_contiguous and (got[8] == obj[8]).all()
    assert got[9].tolist() == ["a", "bc"] and got[10] is nn.functional.relu
    assert again([np.arange(3), np.float32(1)], weights_only=False, pickle_protocol=5)[0].tolist() == [0, 1, 2]
    g = torch.Generator().manual_seed(5)
    assert equal(torch.rand(2, generator=again(g, weights_only=False)), torch.rand(2, generator=g))


# --- registered classes


def test_registered_classes():
    with pytest.raises(pickle.UnpicklingError, match=r"add_safe_globals\(\[.*Point\]\)"):
        again(Point(1, 2))
    with torch.serialization.safe_globals([Point, Stateful, (dict, "old.place.Thing")]):
        assert again(Point(torch.ones(1), 2)).y == 2
        assert again(Stateful(3)).x == 4
        assert torch.serialization.get_safe_globals() == [Point, Stateful, (dict, "old.place.Thing")]
    assert torch.serialization.get_safe_globals() == []
    torch.serialization.add_safe_globals([Scaled])
    x = torch.ones(2).as_subclass(Scaled)
    x.scale = 3
    got = again(x)
    assert type(got) is Scaled and got.scale == 3
    with pytest.raises(TypeError):
        torch.serialization.add_safe_globals([3])


def test_subclasses_with_slots_and_states():
    torch.serialization.add_safe_globals([Slotted, Own])
    x = torch.ones(2).as_subclass(Slotted)
    x.extra, x.note = [3], "kept"
    for got in (again(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), copy.copy(x)):
        assert type(got) is Slotted and got.extra == [3] and got.note == "kept" and got.tolist() == [1, 1]
    y = torch.ones(2).as_subclass(Own)
    y.scale = 1
    for got in (again(y), pickle.loads(pickle.dumps(y))):
        assert type(got) is Own and got.scale == 2


def test_unsafe_names_are_listed():
    file = saved([Point(1, 2), nn.Linear(1, 1), torch.ones(1)])
    names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    assert names == [f"{Point.__module__}.Point", "torch.nn.modules.linear.Linear"]


def test_the_error_tells_the_way():
    with pytest.raises(pickle.UnpicklingError, match=r"(?s)^Weights only load failed.*weights_only=False"):
        again(nn.Linear(1, 1))
    with pytest.raises(pickle.UnpicklingError, match=r"(?s)rustgrad makes registered classes only, and runs nothing"):
        again(Stateful(1), weights_only=False)


# --- where it goes


def test_map_location():
    x = [torch.ones(2), torch.zeros(1, dtype=torch.float64)]
    seen = []

    def keep(storage, location):
        seen.append((type(storage).__name__, location, storage.nbytes()))
        return storage

    for place in (
        None,
        "cpu",
        torch.device("cpu"),
        {"cpu": "cpu"},
        {"cuda:0": "cpu"},
        keep,
        lambda storage, location: None,
    ):
        assert equal(again(x, map_location=place)[0], x[0])
    assert seen == [("UntypedStorage", "cpu", 8), ("UntypedStorage", "cpu", 8)]
    with pytest.raises(RuntimeError, match=r"don't know how to restore data location of .*tagged with nowhere"):
        again(x, map_location="nowhere")
    with pytest.raises(TypeError, match="must return a storage or None"):
        again(x, map_location=lambda storage, location: 3)


@pytest.mark.gpu
def test_gpu_tensors_open_without_a_gpu(form):
    x = torch.arange(6.0).reshape(2, 3).to("gpu")
    a, b = again([x, x[1:]], map_location="cpu", **form)
    assert a.device.type == "cpu" and b.tolist() == [[3, 4, 5]] and a.untyped_storage() is b.untyped_storage()
    a, b = again([x, x.t()], **form)
    assert a.is_gpu and a.cpu().tolist() == x.cpu().tolist()
    a.zero_()
    assert b.cpu().tolist() == [[0, 0]] * 3
    assert again(torch.ones(2), map_location="gpu", **form).is_gpu
    assert again(torch.ones(2), map_location=lambda storage, location: storage.cuda(), **form).is_gpu


def test_packages_add_locations():
    from rustgrad.serialization import locations

    before = list(locations._packages)
    try:
        torch.serialization.register_package(1, lambda s: "attic", lambda s, place: s if place == "attic" else None)
        assert torch.serialization.location_tag(torch.ones(1).untyped_storage()) == "attic"
        assert again(torch.ones(1)).tolist() == [1]
    finally:
        locations._packages[:] = before


def test_mapped_files_are_read_when_used(tmp_path):
    path = tmp_path / "x.pt"
    x = torch.arange(1000.0)
    torch.save({"x": x, "y": x[:3]}, path)
    loaded = torch.load(path, mmap=True)
    assert equal(loaded["x"], x)
    loaded["x"][0] = 7  # in this process only
    assert loaded["y"][0] == 7 and torch.load(path)["x"][0] == 0
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        torch.load(saved(x), mmap=True)
    torch.save(x, path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        torch.load(path, mmap=True)


def test_mapped_files_may_be_shared(tmp_path):
    import mmap

    path = tmp_path / "x.pt"
    torch.save(torch.zeros(3), path)
    with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        torch.load(path, mmap=True)[1] = 5
    torch.serialization.set_crc32_options(False)  # the checksum is that of the old data
    try:
        assert torch.load(path).tolist() == [0, 5, 0]
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE


def test_options(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        file = saved(torch.ones(2))
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.load(file).tolist() == [1, 1]
    with torch.serialization.skip_data():
        file = saved(torch.ones(2))
    assert torch.load(file).tolist() == [0, 0]
    swapped = saved(torch.arange(3), _disable_byteorder_record=True)
    torch.serialization.set_default_load_endianness(torch.serialization.LoadEndianness.BIG)
    try:
        assert torch.load(swapped).tolist() == [0, 1 << 56, 2 << 56]
    finally:
        torch.serialization.set_default_load_endianness(None)


# --- files and file objects


class Reading:
    """A file that has what load needs, and nothing else."""

    def __init__(self, data):
        self._file = io.BytesIO(data)
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell


class Writing:
    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        self.data += data[:7]  # as a raw file may
        return min(len(data), 7)


def test_file_objects(form, tmp_path):
    x = torch.arange(100.0)
    out = Writing()
    torch.save([x, "text"], out, **form)
    assert equal(torch.load(Reading(bytes(out.data)))[0], x)
    path = tmp_path / "two.pt"
    with open(path, "wb") as file:
        pickle.dump(41, file)
        torch.save(x, file, **form)
    with open(path, "rb") as file:
        assert pickle.load(file) == 41 and equal(torch.load(file), x)


def test_legacy_files_follow_each_other():
    file = io.BytesIO()
    for k in range(3):
        torch.save(torch.full((2,), k), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert [torch.load(file).tolist() for _ in range(3)] == [[0, 0], [1, 1], [2, 2]]


def test_files_of_python_2():
    """Its texts are bytes, which `encoding` turns into texts, or leaves."""
    data = saved(["\u017c", torch.arange(2.0)], _use_new_zipfile_serialization=False).getvalue()
    texts = ["protocol_version", "little_endian", "type_sizes", "short", "int", "long", "storage", "cpu", "0", "\u017c"]
    for text in texts:
        old = text.encode()
        data = data.replace(b"X" + len(old).to_bytes(4, "little") + old, b"U" + bytes([len(old)]) + old)
    for encoding, wanted in (("utf-8", "\u017c"), ("bytes", b"\xc5\xbc"), ("latin1", "\xc5\xbc")):
        got = torch.load(io.BytesIO(data), encoding=encoding)
        assert got[0] == wanted and got[1].tolist() == [0, 1]
    with pytest.raises(UnicodeDecodeError):
        torch.load(io.BytesIO(data), encoding="ascii")


def test_storages_are_saved_too(form):
    x = torch.arange(3.0)
    typed = torch.TypedStorage(wrap_storage=x.untyped_storage(), dtype=torch.float32)
    got, s, again_s = again([x, typed, typed], **form)
    assert (
        type(s) is torch.TypedStorage
        and s.tolist() == [0, 1, 2]
        and s.untyped() is got.untyped_storage()
        and s is again_s
    )
    assert again(torch.ones(1).untyped_storage(), **form).tolist() == [0, 0, 128, 63]
    empty = torch.empty(0)
    other = torch.TypedStorage(wrap_storage=empty.untyped_storage(), dtype=torch.int64)
    assert len(again([empty, other], **form)[1]) == 0
    bytes_ = torch.TypedStorage(wrap_storage=x.untyped_storage(), dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="Cannot save multiple tensors or storages that view the same data"):
        again([x, bytes_], **form)


def test_equal_objects_make_equal_files():
    make = lambda: {"a": torch.arange(3), "b": [torch.ones(2, 2).t()]}  # noqa: E731
    assert saved(make()).getvalue() == saved(make()).getvalue()


def test_records_begin_at_multiples_of_64():
    import zipfile

    data = saved([torch.ones(1), torch.ones(5)]).getvalue()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            name = len(entry.filename)
            extra = int.from_bytes(data[entry.header_offset + 28 : entry.header_offset + 30], "little")
            assert (entry.header_offset + 30 + name + extra) % 64 == 0


def test_what_cannot_be_saved():
    with pytest.raises(pickle.PicklingError, match=r"Can't pickle .*lambda"):
        saved(lambda: 1)
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
        torch.save(1, None)
    with pytest.raises(AttributeError, match=r"You can only torch.load from a file that is seekable"):
        torch.load(3)
    with pytest.raises(TypeError, match=r"opened? .*'rb'|open it with mode 'rb'"):
        torch.load(io.StringIO("text"))
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        torch.load(saved(1), foo=1)
    with pytest.raises(RuntimeError, match="pickle_module"):
        torch.save(1, io.BytesIO(), pickle_module=json)
    with pytest.raises(EOFError):
        torch.load(io.BytesIO())


# --- files that are replaced


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.pt"
    torch.save(torch.ones(2), path)
    before = path.read_bytes()
    with pytest.raises(pickle.PicklingError):
        torch.save([torch.ones(2), lambda: 1], path)
    with pytest.raises(RuntimeError, match=r"Parent directory .*below does not exist"):
        torch.save(1, tmp_path / "below" / "x.pt")
    with pytest.raises(RuntimeError, match="Is a directory"):
        torch.save(1, tmp_path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["x.pt"]


def test_links_and_modes_stay(tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(b"")
    path.chmod(0o640)
    (tmp_path / "link.pt").symlink_to("x.pt")
    torch.save(1, tmp_path / "link.pt")
    assert torch.load(path) == 1 and (tmp_path / "link.pt").is_symlink() and path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
def test_what_killed_writers_left_is_removed(tmp_path, name):
    code = """
        import os, sys
        import rustgrad as torch
        from rustgrad.serialization import files
        files.os.fsync = lambda file: os._exit(9)  # killed when all is written
        torch.save({"x": torch.ones(3)}, sys.argv[1])
    """
    path = tmp_path / name
    torch.save({"x": torch.zeros(3)}, path)
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code), path], timeout=60)
    assert killed.returncode == 9 and len(os.listdir(tmp_path)) == 2
    assert torch.load(path)["x"].tolist() == [0, 0, 0]
    (tmp_path / f".{name}.123.tmp").write_bytes(b"of an older version")
    (tmp_path / ".other.pt.123.tmp").write_bytes(b"of another file")
    torch.save({"x": torch.ones(3)}, path)
    assert torch.load(path)["x"].tolist() == [1, 1, 1]
    assert sorted(os.listdir(tmp_path)) == [".other.pt.123.tmp", name]


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses to remove open files instead")
def test_a_writer_at_work_keeps_its_file(tmp_path):
    from rustgrad.serialization.files import replacing

    path = tmp_path / "x.pt"
    with replacing(path) as (file, _):
        file.write(b"first")
        torch.save(1, path)
        assert len(os.listdir(tmp_path)) == 2
    assert path.read_bytes() == b"first" and os.listdir(tmp_path) == ["x.pt"]


# --- weights of torch.hub


def test_weights_from_a_folder(tmp_path, monkeypatch):
    from hashlib import sha256

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    data = saved({"w": torch.ones(2)}).getvalue()
    name = f"net-{sha256(data).hexdigest()[:8]}.pth"
    (folder / name).write_bytes(data)
    url = f"https://example.org/models/{name}"
    assert torch.hub.load_state_dict_from_url(url, check_hash=True)["w"].tolist() == [1, 1]
    path = tmp_path / "a b.pth"
    path.write_bytes(data)
    assert torch.hub.load_state_dict_from_url(path.as_uri())["w"].tolist() == [1, 1]
    (folder / "net-00000000.pth").write_bytes(data)
    with pytest.raises(RuntimeError, match='invalid hash value \\(expected "00000000"'):
        torch.hub.load_state_dict_from_url("https://example.org/net-00000000.pth", check_hash=True)
    with pytest.raises(RuntimeError, match="fetches nothing from a network\nhint: fetch https"):
        torch.hub.load_state_dict_from_url("https://example.org/other.pth")
