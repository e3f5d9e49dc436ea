"""FileWriter puts events into one file; SummaryWriter has a method for each kind of thing to see."""

import os
import threading
import time
from itertools import count
from typing import Any

from . import summary
from .images import figure_to_image, make_grid, make_np, png, to_bytes
from .proto import double, field, integer
from .record import RecordWriter

__all__ = ["FileWriter", "SummaryWriter"]

_numbers = count()
_VERSION = field(3, "brain.Event:2")


class FileWriter:
    """Writes events to a new file in `log_dir`, which is made if it is not there.

    Events reach the file when `max_queue` of them wait, when one is added `flush_secs` after the last flush, and by
    `flush` and `close`. Any thread may add events.
    """

    def __init__(self, log_dir, max_queue=10, flush_secs=120, filename_suffix=""):
        self._logdir = str(log_dir)
        self._max_queue = max_queue
        self._flush_secs = flush_secs
        self._suffix = filename_suffix
        self._lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        import socket

        os.makedirs(self._logdir, exist_ok=True)
        parts = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}{self._suffix}"
        # Named by time, host, process and number, so it is new; TensorBoard reads it while it grows.
        self._records = RecordWriter(open(os.path.join(self._logdir, f"events.out.tfevents.{parts}"), "wb"))
        self._waiting, self._flushed = 0, time.monotonic()
        self.add_event(_VERSION + field(10, field(1, "rustgrad.utils.tensorboard")))
        self.flush()

    def get_logdir(self) -> str:
        """The folder of the file."""
        return self._logdir

    def add_event(self, event: bytes, step=None, walltime=None) -> None:
        """Add an event, given as the protocol buffer's fields besides time and step."""
        head = double(1, time.time() if walltime is None else float(walltime))
        if step is not None and int(step):
            head += integer(2, int(step))
        with self._lock:
            self._records.write(head + event)
            self._waiting += 1
            if self._waiting >= self._max_queue or time.monotonic() - self._flushed >= self._flush_secs:
                self._flush()

    def add_summary(self, summary: bytes, global_step=None, walltime=None) -> None:
        """Add what a function of `summary` made."""
        self.add_event(field(5, summary), global_step, walltime)

    def _flush(self) -> None:
        self._records.flush()
        self._waiting, self._flushed = 0, time.monotonic()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            if not self._records.closed:
                self._flush()

    def close(self) -> None:
        """Write what waits, and close the file."""
        self.flush()
        self._records.close()

    def reopen(self) -> None:
        """After `close`: begin another file in the folder."""
        if self._records.closed:
            self._open()


def _default_bins() -> list[float]:
    """Limits that grow by a tenth each, from 1e-12 to 1e20, on either side of 0."""
    limits, limit = [], 1e-12
    while limit < 1e20:
        limits.append(limit)
        limit *= 1.1
    return [*(-limit for limit in reversed(limits)), 0, *limits]


class SummaryWriter:
    """Writes event files that TensorBoard shows: `tensorboard --logdir runs`.

    log_dir: the folder of this run; `runs/` with the time, the host's name and `comment` if it is not given.
    purge_step: when a run goes on from this step, TensorBoard forgets what an earlier file says of it and later ones.
    max_queue, flush_secs: when events are written, see `FileWriter`. filename_suffix: the end of the files' names.

    Each method takes a `tag` (a slash groups), what to show as tensor, array or number, a `global_step`, and the time
    as `walltime`. A context manager; `close` ends the files, and a later call begins new ones.
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        if not log_dir:
            import socket

            log_dir = os.path.join("runs", f"{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}")
        self.log_dir = log_dir
        self.purge_step = purge_step
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self.default_bins = _default_bins()
        self._embeddings: list[str] = []
        self._get_file_writer()

    def _new_writer(self, log_dir) -> FileWriter:
        return FileWriter(log_dir, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self) -> FileWriter:
        """The writer of this run's own folder; a new one after `close`."""
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = self._new_writer(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                self.file_writer.add_event(_VERSION, self.purge_step)
                started = field(7, integer(1, 1))
                self.file_writer.add_event(started, self.purge_step)
                self.purge_step = None
        return self.file_writer

    def _add(self, made: bytes, global_step=None, walltime=None) -> None:
        self._get_file_writer().add_summary(made, global_step, walltime)

    def get_logdir(self):
        """The folder of this run."""
        return self.log_dir

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False):
        """One number. `new_style` writes it as a tensor, in float64 with `double_precision`."""
        made = summary.scalar(tag, scalar_value, new_style=new_style, double_precision=double_precision)
        self._add(made, global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Several numbers in one chart. Each has a file in a folder of its own, beside this run's."""
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        writers = self.all_writers or {}
        for tag, value in tag_scalar_dict.items():
            name = f"{folder}/{main_tag.replace('/', '_')}_{tag}"
            if name not in writers:
                writers[name] = self._new_writer(name)
            writers[name].add_summary(summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(self, tag, tensor, global_step=None, walltime=None):
        """A whole tensor."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None):
        """The distribution of some values. `bins`: "tensorflow" for limits that grow by a tenth, or as NumPy's."""
        if isinstance(bins, str) and bins == "tensorflow":
            bins = self.default_bins
        self._add(summary.histogram(tag, values, bins, max_bins=max_bins), global_step, walltime)

    def add_histogram_raw(
        self, tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None, walltime=None
    ):
        """A distribution that was counted elsewhere: each bucket's upper limit and count. ValueError if those differ
        in number.
        """
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        made = summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._add(made, global_step, walltime)

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """An image: uint8 from 0 to 255, other dtypes from 0 to 1; `dataformats` names its dims."""
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Several images, in rows of eight."""
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_image_with_boxes(
        self, tag, img_tensor, box_tensor, global_step=None, walltime=None, rescale=1, dataformats="CHW", labels=None
    ):
        """An image with red boxes (n, 4): left, top, right, bottom; with labels if there are n. Needs Pillow."""
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != box_tensor.shape[0]:
            labels = None
        made = summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels)
        self._add(made, global_step, walltime)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """A matplotlib figure, or a list of them. Closed unless `close=False`."""
        dims = "NCHW" if isinstance(figure, list) else "CHW"
        self.add_image(tag, figure_to_image(figure, close), global_step, walltime, dataformats=dims)

    def add_video(self, tag, vid_tensor, global_step=None, fps=4, walltime=None):
        """Films (n, time, channels, h, w), uint8 from 0 to 255 or from 0 to 1. Needs Pillow."""
        self._add(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(self, tag, snd_tensor, global_step=None, sample_rate=44100, walltime=None):
        """Sound, one channel from -1 to 1."""
        self._add(summary.audio(tag, snd_tensor, sample_rate=sample_rate), global_step, walltime)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """A text, shown as Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """The graph of a model: its layers in the order of their calls, and where each found its input.

        input_to_model: the argument of the model, or a tuple of its arguments; it runs once with them, in evaluation
        mode. verbose: print the modules as well. use_strict_trace: accepted for compatibility.
        """
        from .graph import model_graph

        graph = model_graph(model, input_to_model)
        if verbose:
            print(model)
        self._get_file_writer().add_event(field(4, graph))

    def add_onnx_graph(self, prototxt):
        """Raises NotImplementedError: ONNX files are not read."""
        raise NotImplementedError("SummaryWriter.add_onnx_graph: rustgrad does not read ONNX files yet")

    def add_hparams(self, hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None, global_step=None):
        """Hyperparameters and the metrics they gave, as a run of its own in the folder `run_name` (the time).

        Values are numbers, strings, tensors of one element, or None. Raises TypeError, ValueError as `summary.hparams`.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        parts = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(log_dir=folder) as writer:
            for part in parts:
                writer._add(part, global_step)
            for name, value in metric_dict.items():
                writer.add_scalar(name, value, global_step)

    @staticmethod
    def _encode(rawstr: str) -> str:
        """A tag as the name of a folder."""
        for sign in "%/\\":
            rawstr = rawstr.replace(sign, f"%{ord(sign):02x}")
        return rawstr

    def add_embedding(self, mat, metadata=None, label_img=None, global_step=None, tag="default", metadata_header=None):
        """Points (n, d) for TensorBoard's projector, with a label, or columns of them, and an image (c, h, w) each."""
        mat = make_np(mat)
        step = f"{0 if global_step is None else global_step!s:0>5}"
        subdir = f"{step}/{self._encode(tag)}"
        folder = os.path.join(self._get_file_writer().get_logdir(), subdir)
        if os.path.isfile(folder):
            raise NotADirectoryError(f"Path: `{folder}` exists, but is a file. Cannot proceed.")
        if os.path.isdir(folder):
            print("warning: Embedding dir exists, did you set global_step for add_embedding()?")
        os.makedirs(folder, exist_ok=True)
        info = [f'tensor_name: "{tag}:{step}"']
        if metadata is not None:
            if len(mat) != len(metadata):
                raise AssertionError("#labels should equal with #data points")
            _write(folder, "metadata.tsv", _table(metadata, metadata_header))
            info.append(f'metadata_path: "{subdir}/metadata.tsv"')
        if label_img is not None:
            if len(mat) != len(label_img):
                raise AssertionError("#images should equal with #data points")
            _write(folder, "sprite.png", _sprite(make_np(label_img)))
            height, width = label_img.shape[2:]
            sizes = f"    single_image_dim: {width}\n    single_image_dim: {height}"
            info.append(f'sprite {{\n    image_path: "{subdir}/sprite.png"\n{sizes}\n  }}')
        if mat.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        _write(folder, "tensors.tsv", "".join("\t".join(map(str, row)) + "\n" for row in mat.tolist()))
        info.append(f'tensor_path: "{subdir}/tensors.tsv"')
        lines = "\n  ".join(info)
        self._embeddings.append(f"embeddings {{\n  {lines}\n}}\n")
        _write(self._get_file_writer().get_logdir(), "projector_config.pbtxt", "".join(self._embeddings))

    def add_pr_curve(self, tag, labels, predictions, global_step=None, num_thresholds=127, weights=None, walltime=None):
        """Precision and recall of probabilities, where `labels` are 0 or 1."""
        self._add(summary.pr_curve(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag,
        true_positive_counts,
        false_positive_counts,
        true_negative_counts,
        false_negative_counts,
        precision,
        recall,
        global_step=None,
        num_thresholds=127,
        weights=None,
        walltime=None,
    ):
        """Precision and recall that were counted elsewhere, one number a threshold."""
        counts = true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts
        made = summary.pr_curve_raw(tag, *counts, precision, recall, num_thresholds, weights)
        self._add(made, global_step, walltime)

    def add_custom_scalars_multilinechart(self, tags, category="default", title="untitled"):
        """One chart of several scalars."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags, category="default", title="untitled"):
        """A chart of one scalar between two others: tags of the value, the lower and the upper bound."""
        if len(tags) != 3:
            raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout):
        """Charts of several scalars: `{category: {title: ["Multiline" or "Margin", tags]}}`. Once for each writer."""
        self._add(summary.custom_scalars(layout))

    def add_mesh(self, tag, vertices, colors=None, faces=None, config_dict=None, global_step=None, walltime=None):
        """Points in space (batch, n, 3), with colours of the same shape, and triangles: three points' numbers each."""
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def flush(self):
        """Write what waits."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self):
        """Write what waits, and close the files."""
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.close()


def _write(folder: str, name: str, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def _table(metadata, header) -> str:
    """Labels, one a line; with a header, columns of them."""
    if header:
        if len(header) != len(metadata[0]):
            raise AssertionError("len of header must be equal to the number of columns in metadata")
        metadata = ["\t".join(map(str, row)) for row in [header, *metadata]]
    return "".join(f"{row}\n" for row in metadata)


def _sprite(label_img) -> Any:
    """All images in a square."""
    import numpy as np

    side = int(np.ceil(len(label_img) ** 0.5))
    grid = to_bytes(make_grid(label_img, ncols=side)).transpose(1, 2, 0)
    square = np.zeros((grid.shape[1], grid.shape[1], 3), np.uint8)
    square[: grid.shape[0]] = grid
    return png(square)
