"""Event files: summaries as PyTorch writes them, the records around them, and the pictures in them."""

import json
import struct
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import pytest
from support import raised
from utils.summaries import summaries

import rustgrad as torch
from rustgrad.utils.tensorboard import FileWriter, RecordWriter, SummaryWriter, proto, summary
from rustgrad.utils.tensorboard.images import make_grid, png
from rustgrad.utils.tensorboard.record import TABLE, crc32c

GOLDEN = json.loads(Path(__file__).with_name("summaries.json").read_text())


@pytest.mark.parametrize("name", GOLDEN)
def test_as_pytorch(name):
    made = summaries(torch, summary)
    assert list(made) == list(GOLDEN)
    assert made[name].hex() == GOLDEN[name]


def parsed(data):
    """A message as a list of (number, value); bytes are left as they are."""
    fields, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            value = varint()
        elif key & 7 == 2:
            length = varint()
            value, at = data[at : at + length], at + length
        else:
            size, kind = (8, "<d") if key & 7 == 1 else (4, "<f")
            (value,) = struct.unpack_from(kind, data, at)
            at += size
        fields.append((key >> 3, value))
    return fields


def slow_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def test_checksums():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 and the catalogue of CRCs
    assert crc32c(bytes(32)) == 0x8A9136AA
    data = np.random.default_rng(1).integers(0, 256, 20000, np.uint8).tobytes()
    for size in (8191, 8192, 8193, 16384, 19999):
        assert crc32c(data[:size]) == slow_crc(data[:size])


def events(path):
    """The events of all files in a folder."""
    found = []
    for file in sorted(path.glob("events.out.tfevents.*"), key=lambda p: int(p.name.rpartition(".")[2])):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack_from("<Q", data)
            record, rest = data[12 : 12 + length], data[16 + length :]
            for part, crc in ((data[:8], data[8:12]), (record, data[12 + length : 16 + length])):
                plain = slow_crc(part)
                masked = ((plain >> 15 | plain << 17) + 0xA282EAD8) & 0xFFFFFFFF
                assert struct.unpack("<I", crc) == (masked,)
            found.append(dict(parsed(record)))
            data = rest
    return found


def value(event):
    """The only value of an event's summary."""
    ((_, content),) = parsed(event[5])
    return dict(parsed(content))


def test_files(tmp_path):
    with SummaryWriter(tmp_path / "run", purge_step=4, filename_suffix=".0") as writer:
        writer.add_scalar("loss", 0.5, 7, walltime=12.25)
        writer.add_scalar("loss", torch.tensor(0.25))
        assert writer.get_logdir() == tmp_path / "run"
    first, purge, start, one, two = events(tmp_path / "run")
    assert first[3] == purge[3] == b"brain.Event:2"
    assert (purge[2], start[2], parsed(start[7])) == (4, 4, [(1, 1)])
    assert (one[1], one[2], value(one)) == (12.25, 7, {1: b"loss", 2: 0.5})
    assert 2 not in two
    assert value(two) == {1: b"loss", 2: 0.25}
    writer.add_scalar("again", 1, 1)
    writer.close()
    writer.close()
    assert len(list((tmp_path / "run").iterdir())) == 2


def test_events_are_flushed(tmp_path):
    def seen():
        return len(events(tmp_path))

    writer = SummaryWriter(tmp_path, max_queue=3)
    assert seen() == 1
    for expected in (1, 1, 4, 4):
        writer.add_scalar("a", 1)
        assert seen() == expected
    writer.flush()
    assert seen() == 5
    writer.close()
    writer = FileWriter(tmp_path, flush_secs=0)
    writer.add_summary(summary.scalar("a", 1))
    assert seen() == 7
    writer.close()
    writer.flush()
    writer.reopen()
    writer.reopen()
    writer.close()
    assert seen() == 8


def test_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_x") as writer:
        folder = Path(writer.get_logdir())
    assert folder.parts[0] == "runs"
    assert folder.name.endswith("_x")
    assert len(events(folder)) == 1


def test_several_scalars_have_files_of_their_own(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.add_scalars("m/n", {"a": step, "b": 2.0}, step)
    for name in "ab":
        _, one, two = events(tmp_path / f"m_n_{name}")
        assert value(one)[1] == b"m/n"
        assert value(two)[2] == (1.0 if name == "a" else 2.0)


def pixels(data):
    """What a PNG with unfiltered lines holds."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body = 8, b""
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + content),)
        if kind == b"IHDR":
            width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", content)
        body += content if kind == b"IDAT" else b""
        at += 12 + length
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[colour]
    lines = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, 1 + width * channels)
    assert depth == 8
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png(channels):
    image = np.random.default_rng(2).integers(0, 256, (5, 7, channels), np.uint8)
    assert np.array_equal(pixels(png(image)), image)
    assert "1 to 4 channels" in raised(png, np.zeros((2, 2, 5), np.uint8))


def test_images(tmp_path):
    grey = torch.tensor([[0.0, 0.5, 1.0], [2.0, -1.0, 0.25]])
    bytes_ = (torch.arange(24) * 10).to(torch.uint8).reshape(2, 3, 4)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("chw", grey.unsqueeze(0), 1)
        writer.add_image("hw", grey.numpy(), 2, dataformats="HW")
        writer.add_image("wh", grey, 3, dataformats="WH")
        writer.add_image("rgba", bytes_, dataformats="HWC")
        writer.add_images("grid", torch.ones(9, 3, 2, 2) * torch.arange(9).reshape(9, 1, 1, 1) / 255)
        assert "use the same dimension shorthand twice" in raised(writer.add_image, "a", grey, dataformats="HH")
        assert "input format are different" in raised(writer.add_image, "a", grey)
    chw, hw, wh, rgba, grid = (dict(parsed(value(event)[4])) for event in events(tmp_path)[1:])
    wanted = np.array([[0, 127, 255], [255, 0, 63]], np.uint8)
    assert (chw[1], chw[2], chw[3]) == (2, 3, 3)
    for found, plane in ((chw, wanted), (hw, wanted), (wh, wanted.T)):
        assert np.array_equal(pixels(found[4]), np.stack([plane] * 3, 2))
    assert np.array_equal(pixels(rgba[4]), bytes_.numpy())
    whole = pixels(grid[4])
    assert whole.shape == (4, 16, 3)
    assert whole[0, ::2, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert whole[2, ::2, 0].tolist() == [8, 0, 0, 0, 0, 0, 0, 0]
    assert "should pass numpy array" in raised(make_grid, grey)


def test_a_figure(tmp_path, monkeypatch):
    """Through a stand-in for matplotlib's canvas: the tests do not need the package."""
    closed = []

    class FigureCanvasAgg:
        def __init__(self, figure):
            self.figure = figure

        def draw(self):
            pass

        def buffer_rgba(self):
            return np.full((2, 3, 4), self.figure, np.uint8)

    for name, content in (
        ("matplotlib", {}),
        ("matplotlib.backends", {}),
        ("matplotlib.backends.backend_agg", {"FigureCanvasAgg": FigureCanvasAgg}),
        ("matplotlib.pyplot", {"close": closed.append}),
    ):
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("f", 9, 1)
        writer.add_figure("f", [7, 8], 2, close=False)
    one, two = (pixels(dict(parsed(value(event)[4]))[4]) for event in events(tmp_path)[1:])
    assert (one.shape, one.min(), one.max(), closed) == ((2, 3, 3), 9, 9, [9])
    assert two[:, :, 0].tolist() == [[7, 7, 7, 8, 8, 8]] * 2


def test_hyperparameters(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": 0.1}, {"accuracy": 1}, run_name="run", global_step=3)
        assert raised(writer.add_hparams, [], {}) == "TypeError: hparam_dict and metric_dict should be dictionary."
        assert "value should be one of int, float, str, bool" in raised(writer.add_hparams, {"a": []}, {})
        assert "hparam_domain_discrete[b] should be a list" in raised(writer.add_hparams, {"a": 1}, {}, {"b": [1]})
    _, *parts, metric = events(tmp_path / "run")
    tags = [b"_hparams_/experiment", b"_hparams_/session_start_info", b"_hparams_/session_end_info"]
    assert [value(part)[1] for part in parts] == tags
    assert value(metric) == {1: b"accuracy", 2: 1.0}


def test_half_floats_are_their_bits():
    for name, bits in (("float16", [0x3C00, 0xC100]), ("bfloat16", [0x3F80, 0xC020])):
        made = summary.tensor_proto("t", torch.tensor([1.0, -2.5]).to(getattr(torch, name)))
        tensor = dict(parsed(dict(parsed(parsed(made)[0][1]))[8]))
        assert tensor[13] == proto.integers(13, bits)[2:]


def test_embeddings(tmp_path, capsys):
    points = torch.tensor([[1.0, 2.0], [3.0, 4.5]])
    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(points, metadata=["a", "b"], label_img=torch.ones(2, 3, 2, 3) * 0.5)
        columns = {"metadata": [["a", 1], ["b", 2]], "metadata_header": ["n", "k"]}
        writer.add_embedding(points, global_step=3, tag="q/%", **columns)
        assert capsys.readouterr().out == ""
        assert "#labels should equal" in raised(writer.add_embedding, points, metadata=["a"])
        assert capsys.readouterr().out.startswith("warning: Embedding dir exists")
        assert "#images should equal" in raised(writer.add_embedding, points, label_img=torch.ones(1, 3, 2, 2))
        assert "mat should be 2D" in raised(writer.add_embedding, points[0])
    first, second = tmp_path / "00000" / "default", tmp_path / "00003" / "q%2f%25"
    assert (first / "tensors.tsv").read_text() == "1.0\t2.0\n3.0\t4.5\n"
    assert (first / "metadata.tsv").read_text() == "a\nb\n"
    assert (second / "metadata.tsv").read_text() == "n\tk\na\t1\nb\t2\n"
    sprite = pixels((first / "sprite.png").read_bytes())
    assert (sprite.shape, sprite[0, 0, 0], sprite[5, 5, 0]) == ((6, 6, 3), 127, 0)
    assert (tmp_path / "projector_config.pbtxt").read_text().splitlines() == [
        "embeddings {",
        '  tensor_name: "default:00000"',
        '  metadata_path: "00000/default/metadata.tsv"',
        "  sprite {",
        '    image_path: "00000/default/sprite.png"',
        "    single_image_dim: 3",
        "    single_image_dim: 2",
        "  }",
        '  tensor_path: "00000/default/tensors.tsv"',
        "}",
        "embeddings {",
        '  tensor_name: "q/%:00003"',
        '  metadata_path: "00003/q%2f%25/metadata.tsv"',
        '  tensor_path: "00003/q%2f%25/tensors.tsv"',
        "}",
    ]


def test_the_rest_of_the_writer(tmp_path, capsys):
    with SummaryWriter(tmp_path) as writer:
        writer.add_tensor("t", torch.ones(2), 1)
        writer.add_histogram("h", torch.ones(3), 1)
        writer.add_histogram_raw("h", 0, 1, 1, 1, 1, [1.0], [1], 1)
        writer.add_text("t", "text")
        writer.add_audio("a", torch.tensor([2.0, 0.0]), 1)
        writer.add_pr_curve("p", torch.tensor([0, 1]), torch.tensor([0.2, 0.9]))
        writer.add_pr_curve_raw("p", *[torch.ones(2)] * 6)
        writer.add_custom_scalars_multilinechart(["a"])
        writer.add_custom_scalars_marginchart(["a", "b", "c"])
        writer.add_mesh("m", torch.ones(1, 2, 3))
        for call, *args in [
            (writer.add_onnx_graph, ""),
            (writer.add_histogram_raw, "h", 0, 1, 1, 1, 1, [1.0], []),
            (writer.add_histogram, "h", torch.empty(0)),
            (writer.add_scalar, "a", torch.ones(2)),
            (writer.add_scalar, "a", [1]),
            (writer.add_custom_scalars_marginchart, ["a"]),
            (writer.add_mesh, "m", torch.ones(2, 3)),
        ]:
            assert raised(call, *args) != "nothing was raised"
    assert len(events(tmp_path)) == 11
    assert capsys.readouterr().out == "warning: audio amplitude out of range, auto clipped.\n"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.rest = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5))

    def forward(self, x, scale):
        x = self.first(x).relu()
        return self.rest(x) + x, self.rest[1](scale)


def test_the_graph_of_a_model_has_its_layers_and_where_they_found_their_input(tmp_path):
    net = Net().train()
    net.rest.eval()
    state = torch.get_rng_state()
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(net, (torch.ones(2, 3), torch.tensor(2.0)))
    assert net.training and not net.rest.training and torch.equal(torch.get_rng_state(), state)
    (graph,) = (parsed(event[4]) for event in events(tmp_path) if 4 in event)
    nodes = [parsed(content) for number, content in graph if number == 1]
    found = [tuple([v.decode() for n, v in node if n == number] for number in (1, 2, 3)) for node in nodes]
    assert [(name, op, inputs) for (name,), (op,), inputs in found] == [
        ("input/0", "IO Node", []),
        ("input/1", "IO Node", []),
        ("Net/Linear[first]", "Linear", ["input/0"]),
        ("Net/Sequential[rest]/Linear[0]", "Linear", ["Net/Linear[first]"]),
        ("Net/Sequential[rest]/Dropout[1]", "Dropout", ["Net/Sequential[rest]/Linear[0]"]),
        ("Net/Sequential[rest]/Dropout[1]_1", "Dropout", ["input/1"]),
        ("output/0", "IO Node", ["Net/Sequential[rest]/Dropout[1]", "Net/Linear[first]"]),
        ("output/1", "IO Node", ["Net/Sequential[rest]/Dropout[1]_1"]),
    ]
    attributes = {dict(parsed(v))[1]: dict(parsed(dict(parsed(v))[2])) for n, v in nodes[2] if n == 5}
    assert attributes[b"attr"] == {2: b"in_features=3, out_features=4, bias=True"}
    (shape,) = [parsed(v) for _, v in parsed(attributes[b"_output_shapes"][1])]
    assert [dict(parsed(size)) for _, size in shape] == [{1: 2}, {1: 4}]


@pytest.mark.parametrize("what", ["add_video", "add_image_with_boxes"])
def test_what_needs_pillow_says_so(tmp_path, monkeypatch, what):
    monkeypatch.setitem(sys.modules, "PIL", None)
    args = [torch.ones(1, 2, 3, 4, 4)] if what == "add_video" else [torch.ones(3, 4, 4), torch.ones(1, 4)]
    with (
        SummaryWriter(tmp_path) as writer,
        pytest.raises(ModuleNotFoundError, match=f"{what} needs the package Pillow"),
    ):
        getattr(writer, what)("a", *args)


def test_records_of_other_files(tmp_path):
    with open(tmp_path / "events.out.tfevents.1", "wb") as file:
        records = RecordWriter(file)
        records.write(b"\x08\x01")
        records.flush()
        assert not records.closed
        records.close()
        assert records.closed
    assert events(tmp_path) == [{1: 1}]
