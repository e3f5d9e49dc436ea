"""Pictures for event files: arrays in any order of dims, grids of them, figures, and PNG."""

import struct
import zlib
from typing import Any

from ..._rustgrad import Tensor, bfloat16, float32

__all__ = ["convert_to_HWC", "figure_to_image", "make_grid", "make_np", "png"]


def make_np(x) -> Any:
    """A tensor, array or number as a NumPy array. NotImplementedError for anything else."""
    import numpy as np

    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        return (x.to(float32) if x.dtype is bfloat16 else x).numpy()
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")


def make_grid(images, ncols: int = 8) -> Any:
    """Images (n, 1 or 3, h, w) in rows of `ncols`: one image (3, H, W), black where there are too few."""
    import numpy as np

    if not isinstance(images, np.ndarray):
        raise AssertionError("plugin error, should pass numpy array here")
    if images.ndim == 4 and images.shape[1] == 1:
        images = images.repeat(3, axis=1)
    if images.ndim != 4 or images.shape[1] != 3:
        raise AssertionError("Input should be a 4D numpy array with 3 channels")
    n, _, height, width = images.shape
    ncols = min(n, ncols)
    nrows = -(-n // ncols)
    canvas = np.zeros((nrows * ncols, 3, height, width), images.dtype)
    canvas[:n] = images
    rows = canvas.reshape(nrows, ncols, 3, height, width).transpose(2, 0, 3, 1, 4)
    return rows.reshape(3, nrows * height, ncols * width)


def convert_to_HWC(array, input_format: str) -> Any:
    """An array whose dims are called NCHW, NHWC, CHW, HWC, HW... as (height, width, channels). Grey becomes RGB."""
    import numpy as np

    if len(set(input_format)) != len(input_format):
        raise AssertionError(f"You can not use the same dimension shorthand twice. input_format: {input_format}")
    if array.ndim != len(input_format):
        raise AssertionError(
            "size of input tensor and input format are different. "
            f"tensor shape: {array.shape}, input_format: {input_format}"
        )
    names = input_format.upper()
    wanted = {4: "NCHW", 3: "HWC", 2: "HW"}.get(len(names), "")
    if sorted(names) != sorted(wanted):
        raise AssertionError(f"input_format should name the dims N, C, H and W, but got {input_format}")
    array = array.transpose([names.index(name) for name in wanted])
    if len(names) == 4:
        return make_grid(array).transpose(1, 2, 0)
    if len(names) == 2:
        return np.stack([array] * 3, 2)
    return array.repeat(3, axis=2) if array.shape[2] == 1 else array


def to_bytes(array) -> Any:
    """Pixels as uint8: those stay as they are, and other dtypes are taken to run from 0 to 1."""
    import numpy as np

    scale = 1 if array.dtype == np.uint8 else 255
    return (array.astype(np.float32) * scale).clip(0, 255).astype(np.uint8)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels) -> bytes:
    """A PNG file of uint8 pixels (height, width, channels): 1 to 4 channels, the even ones with transparency."""
    height, width, channels = pixels.shape
    if channels not in (1, 2, 3, 4) or not height or not width:
        raise ValueError(f"an image has 1 to 4 channels and some pixels, but got shape {list(pixels.shape)}")
    # Each line starts with its filter, 0 for none.
    lines = bytearray()
    for line in pixels:
        lines += b"\0" + line.tobytes()
    kind = (0, 4, 2, 6)[channels - 1]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    data = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(lines))) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def pillow(what: str) -> Any:
    """The package PIL, for what NumPy alone cannot do."""
    from importlib import import_module

    try:
        for name in ("ImageDraw", "ImageFont"):
            import_module(f"PIL.{name}")
    except ImportError:
        raise ModuleNotFoundError(f"{what} needs the package Pillow\nhint: pip install pillow") from None
    return import_module("PIL")


def with_boxes(pixels, boxes, labels: list[str] | None) -> Any:
    """Pixels (h, w, 3) with red boxes (n, 4: left, top, right, bottom), and a label in the corner of each."""
    import numpy as np

    pil = pillow("add_image_with_boxes")
    image = pil.Image.fromarray(pixels)
    draw, font = pil.ImageDraw.Draw(image), pil.ImageFont.load_default()
    for index, (left, top, right, bottom) in enumerate(boxes.tolist()):
        corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
        draw.line(corners, width=2, fill="Red")
        if labels is not None and labels[index]:
            x0, y0, x1, y1 = font.getbbox(labels[index])
            margin = np.ceil(0.05 * (y1 - y0))
            draw.rectangle([(left, bottom - (y1 - y0) - 2 * margin), (left + x1 - x0, bottom)], fill="Red")
            draw.text((left + margin, bottom - (y1 - y0) - margin), labels[index], fill="black", font=font)
    return np.asarray(image)


def resized(pixels, scale: float) -> Any:
    """Pixels with sides `scale` times as long."""
    import numpy as np

    if scale == 1:
        return pixels
    pil = pillow("an image with rescale")
    height, width = pixels.shape[:2]
    size = int(width * scale), int(height * scale)
    return np.asarray(pil.Image.fromarray(pixels).resize(size, pil.Image.Resampling.LANCZOS))


def gif(frames, fps: float) -> bytes:
    """A GIF of uint8 frames (time, height, width, channels) that runs for ever."""
    import io

    pil = pillow("add_video")
    pictures = [pil.Image.fromarray(frame.squeeze(2) if frame.shape[2] == 1 else frame) for frame in frames]
    out = io.BytesIO()
    pictures[0].save(
        out, format="GIF", save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0, disposal=2
    )
    return out.getvalue()


def figure_to_image(figures, close: bool = True) -> Any:
    """A matplotlib figure as pixels (3, height, width); a list of them as (n, 3, height, width)."""
    from importlib import import_module

    import numpy as np

    agg = import_module("matplotlib.backends.backend_agg")

    def drawn(figure):
        canvas = agg.FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.array(canvas.buffer_rgba())[:, :, :3].transpose(2, 0, 1)
        if close:
            import_module("matplotlib.pyplot").close(figure)
        return pixels

    return np.stack([drawn(figure) for figure in figures]) if isinstance(figures, list) else drawn(figures)
