"""Writes tests/serialization/small.gguf, and what is in it, with the package `gguf` of llama.cpp.

Usage: PYTHON_WITH_GGUF tests/golden/gguf_file.py (pip install gguf). The test suite reads the files only.
"""

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter, quants

FOLDER = Path(__file__).parent.parent / "serialization"


def main():
    rng = np.random.default_rng(0)
    writer = GGUFWriter(FOLDER / "small.gguf", "test")
    writer.add_uint32("test.layers", 3)
    writer.add_array("test.names", ["x", "yy"])
    writer.add_float32("test.eps", 0.5)
    floats = rng.standard_normal((2, 32)).astype(np.float32)
    halves = floats[:, :4].astype(np.float16)
    wanted = {"f32": floats, "f16": halves.astype(np.float32)}
    writer.add_tensor("f32", floats)
    writer.add_tensor("f16", halves)
    for name, kind in (("q8_0", Kind.Q8_0), ("q4_0", Kind.Q4_0), ("bf16", Kind.BF16)):
        data = quants.quantize(floats, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        wanted[name] = quants.dequantize(data, kind)
    # Any bytes are a block, but for its two scales.
    data = rng.integers(0, 256, (2, 144), dtype=np.uint8)
    data[:, :4] = rng.standard_normal((2, 2)).astype(np.float16).view(np.uint8)
    writer.add_tensor("q4_k", data, raw_dtype=Kind.Q4_K)
    wanted["q4_k"] = quants.dequantize(data, Kind.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    np.savez_compressed(FOLDER / "small.npz", **wanted)


if __name__ == "__main__":
    main()
