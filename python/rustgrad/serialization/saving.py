"""`save`: writes the archive of PyTorch's `torch.save`, its older format, or safetensors."""

import hashlib
import os
import pickle
import sys

from . import options
from .archive import Writer
from .files import is_path, replacing
from .pickler import Pickler

__all__ = ["save"]


def save(obj, f, pickle_module, pickle_protocol, zipped, without_byteorder):
    """`torch.save`, whose docs stand in `rustgrad.serialization`."""
    if not is_path(f) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    if pickle_module is not None and getattr(pickle_module, "__name__", None) != "pickle":
        raise RuntimeError(
            "save: a pickle_module of your own is not used: neither rustgrad nor PyTorch's safe reader would read it\n"
            "hint: leave pickle_module out"
        )
    if type(pickle_protocol) is not int or not 0 <= pickle_protocol <= pickle.HIGHEST_PROTOCOL:
        raise ValueError(f"pickle protocol must be <= {pickle.HIGHEST_PROTOCOL}")
    if is_path(f) and os.fsdecode(f).endswith(".safetensors"):
        from .safetensors import save_file

        save_file(obj, f)
        return
    pickler = Pickler(pickle_protocol, legacy=not zipped)
    pickler.dump(obj)
    pickled, blocks = pickler.finish()
    if not is_path(f):
        _write(f.write, "archive", pickled, blocks, pickle_protocol, zipped, without_byteorder)
        if hasattr(f, "flush"):
            f.flush()
        return
    name = os.path.splitext(os.path.basename(os.fsdecode(f)))[0]
    with replacing(f) as (file, _):
        _write(file.write, name, pickled, blocks, pickle_protocol, zipped, without_byteorder)


def _write(write, name, pickled, blocks, protocol, zipped, without_byteorder):
    if not zipped:
        from .legacy import write_legacy

        write_legacy(write, pickled, blocks, protocol)
        return
    checksums = options.get_crc32_options()
    alignment = options.SAVE["storage_alignment"]
    if type(alignment) is not int or not 0 < alignment <= 1 << 15:  # the room stands in 16 bits
        raise ValueError(
            f"save: config.save.storage_alignment must be an int from 1 to {1 << 15}, but is {alignment!r}"
        )
    archive = Writer(write, name, checksums, alignment)
    seen = hashlib.sha1(pickled)
    archive.record("data.pkl", pickled)
    archive.record(".format_version", b"1")
    archive.record(".storage_alignment", str(alignment).encode())
    if not without_byteorder:
        archive.record("byteorder", sys.byteorder.encode())
    for block in blocks:
        data = bytes(block.end - block.begin) if options.skipping() else block.data()
        crc = archive.record(f"data/{block.key}", data)
        seen.update(f"{block.key} {len(data)} {crc}".encode())
    archive.record("version", b"3\n")
    # Forty digits that depend on the content only.
    archive.record(".data/serialization_id", f"{int(seen.hexdigest(), 16) % 10**40:040}".encode())
    archive.close()
