"""Summaries: what event files hold, as protocol buffers. Each function returns the bytes of one `Summary`."""

import json
from typing import Any

from ..._rustgrad import Tensor, as_tensor, bfloat16
from . import images
from .images import convert_to_HWC, make_np
from .proto import double, doubles, field, floats, integer, integers, single

__all__ = [
    "audio",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "mesh",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor_proto",
    "text",
    "video",
]

# TensorFlow's numbers of dtypes.
DT_FLOAT, DT_STRING = 1, 7
# NumPy's name of a dtype: TensorFlow's number, and the field of TensorProto that holds the elements.
DTYPES = {
    "float32": (1, 5),
    "float64": (2, 6),
    "int32": (3, 7),
    "uint8": (4, 7),
    "int16": (5, 7),
    "int8": (6, 7),
    "int64": (9, 10),
    "bool": (10, 11),
    "bfloat16": (14, 13),
    "float16": (19, 13),
}


def _value(tag: str, content: bytes, metadata: bytes = b"") -> bytes:
    """A Summary of one value."""
    return field(1, field(1, tag) + content + (field(9, metadata) if metadata else b""))


def _plugin(name: str, content: bytes = b"") -> bytes:
    """SummaryMetadata: which of TensorBoard's plugins shows the value, and what that has to know."""
    return field(1, field(1, name) + (field(2, content) if content else b""))


def _shape(sizes) -> bytes:
    """TensorShapeProto."""
    return b"".join(field(2, integer(1, size) if size else b"") for size in sizes)


def _tensor(dtype: int, shape, elements: bytes) -> bytes:
    """The value's TensorProto. A shape of None is not written."""
    return field(8, integer(1, dtype) + (b"" if shape is None else field(2, _shape(shape))) + elements)


def scalar(name, tensor, collections=None, new_style=False, double_precision=False) -> bytes:
    """One number. `new_style` writes a tensor, of float64 with `double_precision`. AssertionError for more than one."""
    array = make_np(tensor).squeeze()
    if array.ndim != 0:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions). Was given size: {array.size} and {array.ndim} "
            "dimensions."
        )
    number = float(array)
    if not new_style:
        return _value(name, single(2, number))
    if double_precision:
        return _value(name, _tensor(2, None, doubles(6, [number])), _plugin("scalars"))
    return _value(name, _tensor(1, None, floats(5, array.reshape(1))), _plugin("scalars"))


def tensor_proto(tag, tensor: Tensor) -> bytes:
    """A whole tensor. ValueError if it has 2 GB or more, or a dtype that TensorFlow has not."""
    if tensor.numel() * tensor.itemsize >= 1 << 31:
        raise ValueError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
    name = str(tensor.dtype).rpartition(".")[2]
    if name not in DTYPES:
        raise ValueError(f"{tag} has unsupported tensor dtype {tensor.dtype}")
    dtype, number = DTYPES[name]
    if tensor.dtype is bfloat16:
        # The upper half of the float32.
        elements = integers(13, (make_np(tensor).reshape(-1).view("<u4") >> 16).tolist())
    else:
        flat = make_np(tensor).reshape(-1)
        if number == 13:
            elements = integers(13, flat.view("<u2").tolist())
        elif number == 5:
            elements = floats(5, flat)
        else:
            elements = doubles(6, flat.tolist()) if number == 6 else integers(number, flat.tolist())
    return _value(tag, _tensor(dtype, tensor.shape, elements), _plugin("tensor"))


def histogram_raw(name, min, max, num, sum, sum_squares, bucket_limits, bucket_counts) -> bytes:
    """A histogram that was counted elsewhere: each bucket's upper limit and count."""
    numbers = [double(i + 1, float(x)) for i, x in enumerate((min, max, num, sum, sum_squares)) if x != 0]
    limits, counts = (map(float, list_of) for list_of in (bucket_limits, bucket_counts))
    return _value(name, field(5, b"".join(numbers) + doubles(6, limits) + doubles(7, counts)))


def histogram(name, values, bins, max_bins=None) -> bytes:
    """Values counted as `numpy.histogram` does. With `max_bins`, neighbours are joined until there are fewer.

    Raises ValueError if there is no value, or none in a bin.
    """
    import numpy as np

    values = make_np(values).astype(float).reshape(-1)
    if values.size == 0:
        raise ValueError("The input has no element.")
    counts, edges = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        counts = np.add.reduceat(counts, np.arange(0, len(counts), step))
        edges = np.append(edges[:-1:step], edges[-1])
    used = np.flatnonzero(counts)
    if used.size == 0:
        raise ValueError("The histogram is empty, please file a bug report.")
    # A bucket has an upper limit only, so an empty one in front says where the first begins.
    first, last = used[0], used[-1]
    limits, counts = edges[first : last + 2], np.append(0, counts[first : last + 1])
    total = values.sum(), values.dot(values)
    return histogram_raw(name, values.min(), values.max(), len(values), *total, limits, counts)


def _image(tag: str, pixels, encoded: bytes) -> bytes:
    height, width, channels = pixels.shape[-3:]
    return _value(tag, field(4, integer(1, height) + integer(2, width) + integer(3, channels) + field(4, encoded)))


def image(tag, tensor, rescale=1, dataformats="NCHW") -> bytes:
    """An image; several in a grid. uint8 from 0 to 255, other dtypes from 0 to 1."""
    pixels = images.to_bytes(convert_to_HWC(make_np(tensor), dataformats))
    return _image(tag, pixels, images.png(images.resized(pixels, rescale)))


def image_boxes(tag, tensor_image, tensor_boxes, rescale=1, dataformats="CHW", labels=None) -> bytes:
    """An image with boxes (n, 4): left, top, right, bottom. Needs Pillow."""
    pixels = images.to_bytes(convert_to_HWC(make_np(tensor_image), dataformats))
    drawn = images.with_boxes(pixels, make_np(tensor_boxes), labels)
    return _image(tag, pixels, images.png(images.resized(drawn, rescale)))


def video(tag, tensor, fps=4) -> bytes:
    """Films (n, time, channels, h, w) side by side, as a GIF. Needs Pillow."""
    import numpy as np

    films = images.to_bytes(make_np(tensor))
    n, time, channels, height, width = films.shape
    size = 1 << (n - 1).bit_length()
    films = np.concatenate([films, np.zeros((size - n, time, channels, height, width), np.uint8)])
    rows = 1 << (n.bit_length() - 1) // 2
    grid = films.reshape(rows, size // rows, time, channels, height, width).transpose(2, 0, 4, 1, 5, 3)
    frames = grid.reshape(time, rows * height, size // rows * width, channels)
    return _image(tag, frames, images.gif(frames, fps))


def audio(tag, tensor, sample_rate=44100) -> bytes:
    """Sound with one channel, from -1 to 1, as a WAV file. What is louder is cut off, with a printed warning."""
    import io
    import wave

    array = make_np(tensor).squeeze()
    if abs(array).max() > 1:
        print("warning: audio amplitude out of range, auto clipped.")
        array = array.clip(-1, 1)
    if array.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    samples = (array * 0x7FFF).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(samples.tobytes())
    numbers = single(1, sample_rate) + integer(2, 1) + integer(3, len(samples))
    return _value(tag, field(6, numbers + field(4, file.getvalue()) + field(5, "audio/wav")))


def text(tag, text: str) -> bytes:
    """A text, which TensorBoard reads as Markdown."""
    return _value(f"{tag}/text_summary", _tensor(DT_STRING, [1], field(8, text)), _plugin("text"))


def custom_scalars(layout: dict[str, dict[str, list]]) -> bytes:
    """Charts of several scalars: `{category: {title: ["Multiline" or "Margin", tags]}}`."""
    categories = b""
    for category, charts in layout.items():
        parts = field(1, category)
        for title, (kind, tags, *_) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError("len(tags) != 3")
                series = b"".join(field(i + 1, tag) for i, tag in enumerate(tags))
                content = field(3, field(1, series))
            else:
                content = field(2, b"".join(field(1, tag) for tag in tags))
            parts += field(2, field(1, title) + content)
        categories += field(2, parts)
    tensor = _tensor(DT_STRING, [], field(8, categories))
    return _value("custom_scalars__config__", tensor, _plugin("custom_scalars"))


def pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds=127, weights=None) -> bytes:
    """Precision and recall at thresholds, counted elsewhere."""
    import numpy as np

    data = np.stack([make_np(column) for column in (tp, fp, tn, fn, precision, recall)])
    metadata = _plugin("pr_curves", integer(2, min(num_thresholds, 127)))
    return _value(tag, _tensor(DT_FLOAT, data.shape, floats(5, data)), metadata)


def pr_curve(tag, labels, predictions, num_thresholds=127, weights=None) -> bytes:
    """Precision and recall at evenly spaced thresholds (at most 127), of probabilities and labels 0 or 1."""
    import numpy as np

    num_thresholds = min(num_thresholds, 127)
    labels, predictions = make_np(labels).astype(np.float64), make_np(predictions)
    weights = 1.0 if weights is None else make_np(weights)
    buckets = np.floor(predictions * (num_thresholds - 1)).astype(np.int32).reshape(-1)

    def at_least(weight):
        """For each threshold the weight of the predictions that reach it."""
        weight = np.broadcast_to(weight, predictions.shape).reshape(-1)
        counts = np.bincount(buckets, weight, num_thresholds)
        return counts[::-1].cumsum()[::-1]

    tp, fp = at_least(labels * weights), at_least((1 - labels) * weights)
    tn, fn = fp[0] - fp, tp[0] - tp
    precision, recall = (tp / np.maximum(1e-7, tp + other) for other in (fp, fn))
    return pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds)


def mesh(tag, vertices, colors, faces, config_dict, display_name=None, description=None) -> bytes:
    """Points in space, float (batch, n, 3), with their colours and the triangles between them."""
    parts = [(1, "VERTEX", vertices), (2, "FACE", faces), (3, "COLOR", colors)]
    parts = [(kind, name, as_tensor(part)) for kind, name, part in parts if part is not None]
    components = sum(1 << kind for kind, _, _ in parts)
    config = "{}" if config_dict is None else json.dumps(config_dict, sort_keys=True)
    summary = b""
    for kind, name, part in parts:
        if part.ndim != 3:
            raise ValueError(f"Tensor shape should be of shape BxNx3, but got {list(part.shape)}.")
        data = field(2, tag) + integer(3, kind) + field(5, config) + integers(6, part.shape) + integer(7, components)
        metadata = _plugin("mesh", data)
        metadata += field(2, display_name) if display_name else b""
        metadata += field(3, description) if description else b""
        tensor = _tensor(DT_FLOAT, part.shape, floats(5, make_np(part)))
        summary += _value(f"{tag}_{name}", tensor, metadata)
    return summary


# How hyperparameters are typed.
_STRING, _BOOL, _NUMBER = 1, 2, 3


def _hparam(name: str, value: Any) -> tuple[int, bytes]:
    """The type of a hyperparameter, and its protobuf Value."""
    if isinstance(value, Tensor):
        value = value.item()
    if isinstance(value, (int, float)):
        return _NUMBER, double(2, value)
    if isinstance(value, str):
        return _STRING, field(3, value)
    raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")


def _checked_domains(hparam_dict, domains) -> dict:
    domains = domains or {}
    if not isinstance(domains, dict):
        raise TypeError("parameter: hparam_domain_discrete should be a dictionary, nothing logged.")
    for name, values in domains.items():
        kind = type(hparam_dict.get(name))
        if name not in hparam_dict or not isinstance(values, list) or not all(isinstance(v, kind) for v in values):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as hparam_dict[{name}]."
            )
    return domains


def hparams(hparam_dict=None, metric_dict=None, hparam_domain_discrete=None) -> tuple[bytes, bytes, bytes]:
    """Three summaries: which hyperparameters and metrics there are, this run's values, and that the run is over.

    Raises TypeError for what is not a dict, ValueError for values other than numbers, strings and tensors.
    """
    for name, given in (("hparam_dict", hparam_dict), ("metric_dict", metric_dict)):
        if not isinstance(given, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    assert isinstance(hparam_dict, dict)
    assert isinstance(metric_dict, dict)
    domains = _checked_domains(hparam_dict, hparam_domain_discrete)
    experiment = start = b""
    for name, value in hparam_dict.items():
        if value is None:
            continue
        kind, encoded = _hparam(name, value)
        start += field(1, field(1, name) + field(2, encoded))
        info = field(1, name) + integer(4, kind)
        if name in domains:
            info += field(5, b"".join(field(1, _hparam(name, v)[1]) for v in domains[name]))
        experiment += field(4, info)
    experiment += b"".join(field(5, field(1, field(2, name))) for name in metric_dict)
    success = integer(1, 1)
    parts = [("experiment", 2, experiment), ("session_start_info", 3, start), ("session_end_info", 4, success)]
    first, second, third = (
        _value(f"_hparams_/{name}", b"", _plugin("hparams", field(number, content))) for name, number, content in parts
    )
    return first, second, third
