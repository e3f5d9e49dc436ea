"""Run every `tests/*/cases.py` on PyTorch, and write what it gives to `golden.json` beside it.

Usage: PYTHON_WITH_TORCH tests/golden/against_torch.py [FOLDER ...]. The test suite itself never needs PyTorch.
"""

import importlib.util
import json
import sys
from pathlib import Path

import torch

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))

import support  # noqa: E402


def main(folders):
    torch.set_num_threads(1)
    for path in sorted(TESTS.glob("*/cases.py")):
        if folders and path.parent.name not in folders:
            continue
        spec = importlib.util.spec_from_file_location(f"{path.parent.name}_cases", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        values = {name: support.plain(fn(torch)) for name, (fn, _, _) in module.CASES.items()}
        text = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
        path.with_name("golden.json").write_text("{\n" + text + "\n}\n")
        print(f"{len(values):4d} cases  {path.parent.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
