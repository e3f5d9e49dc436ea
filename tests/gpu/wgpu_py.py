"""Another way to a device than ours: wgpu-py, with buffers, bindings and submissions of its own."""

import os
import re
import tempfile
from functools import cache

import numpy as np
import wgpu

import rustgrad as torch

USAGE = wgpu.BufferUsage
STORAGE = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST
KINDS = {"uniform": "uniform", "storage, read": "read-only-storage", "storage, read_write": "storage"}
INF, NAN = np.inf, np.nan


@cache
def device():
    """The adapter that rustgrad uses, by wgpu-py."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())  # else the OpenGL that it tries complains
    found = wgpu.gpu.enumerate_adapters_sync()
    same = [a for a in found if a.info["backend_type"] != "OpenGL" and a.info["device"] == torch.gpu.device_name()]
    assert same, f"wgpu-py does not find {torch.gpu.device_name()}: {[a.info['device'] for a in found]}"
    limits = same[0].limits
    return same[0].request_device_sync(
        required_limits={k: limits[k] for k in ("max-buffer-size", "max-storage-buffer-binding-size")}
    )


def metadata(count, row, words=(), floats=()):
    """A slot as `RgMeta` of common.wgsl has it: infinity and NaN, what the launch counts, groups in a row of its grid,
    the numbers in each lane, the words."""
    numbers = [*floats, 0, 0, 0, 0][:4]
    parts = [np.array([INF, NAN], np.float32), np.array([count, row], np.uint32)]
    parts += [np.array(numbers, np.float32), np.array(numbers, np.int32)]
    parts += [np.array(numbers, np.int64), np.array([*words, *[0] * (108 - len(words))], np.uint32)]
    return b"".join(p.tobytes() for p in parts)


def buffer(data, usage=STORAGE):
    return device().create_buffer_with_data(data=data + b"\0" * (-len(data) % 16), usage=usage)


def unset(size):
    """What is not written would show."""
    return buffer(b"\xa5" * size)


def dispatch(text, meta, buffers, groups):
    """Runs a kernel. `buffers`: per binding from 1 on the buffer, the first byte and how many."""
    kinds = {int(n): KINDS[kind] for n, kind in re.findall(r"@binding\((\d+)\) var<([a-z_, ]+)>", text)}
    bound = [(buffer(meta + b"\0" * (512 - len(meta)), USAGE.UNIFORM), 0, 512), *buffers]
    entries = [
        {"binding": i, "visibility": wgpu.ShaderStage.COMPUTE, "buffer": {"type": kinds.get(i, "uniform")}}
        for i in range(len(bound))
    ]
    layout = device().create_bind_group_layout(entries=entries)
    pipeline = device().create_compute_pipeline(
        layout=device().create_pipeline_layout(bind_group_layouts=[layout]),
        compute={"module": device().create_shader_module(code=text), "entry_point": "main"},
    )
    entries = [
        {"binding": i, "resource": {"buffer": b, "offset": start, "size": size}}
        for i, (b, start, size) in enumerate(bound)
    ]
    group = device().create_bind_group(layout=layout, entries=entries)
    encoder = device().create_command_encoder()
    run = encoder.begin_compute_pass()
    run.set_pipeline(pipeline)
    run.set_bind_group(0, group)
    run.dispatch_workgroups(*groups)
    run.end()
    device().queue.submit([encoder.finish()])


def read(b):
    return bytes(device().queue.read_buffer(b))


def replay(trace):
    """Does again what a trace of ours asked for; gives the buffers by their number."""
    sizes = {}
    for event in trace:
        if event[0] == "launch":
            for number, size, _, _ in event[5]:
                sizes[number] = max(size, sizes.get(number, 0))
    buffers = {number: unset(size) for number, size in sizes.items()}
    for kind, *event in trace:
        if kind == "upload":
            number, data = event
            if number in buffers:
                device().queue.write_buffer(buffers[number], 0, data + b"\0" * (-len(data) % 4))
        elif kind == "clear":
            (number,) = event
            if number in buffers:
                device().queue.write_buffer(buffers[number], 0, bytes(buffers[number].size))
        else:
            _, text, meta, groups, bindings = event
            bound = [(buffers[number], start, n) for number, _, start, n in bindings]
            if "rg_report" in text:
                bound.append((buffer(bytes(256)), 0, 256))
            dispatch(text, meta, bound, groups)
    return buffers
