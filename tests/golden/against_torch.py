"""Run every `tests/*/cases*.py` on PyTorch, and write what it gives to `golden*.json` beside it.

Usage: PYTHON_WITH_TORCH tests/golden/against_torch.py [FOLDER or FOLDER/cases_SUBJECT ...]. The test suite itself never
needs PyTorch.
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
    for path in sorted(TESTS.glob("*/cases*.py")):
        name = f"{path.parent.name}/{path.stem}"
        if folders and not {path.parent.name, name} & {*folders}:
            continue
        spec = importlib.util.spec_from_file_location(name.replace("/", "_"), path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        values = {name: support.plain(fn(torch)) for name, (fn, _, _) in module.CASES.items()}
        text = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
        support.golden_file(path).write_text("{\n" + text + "\n}\n")
        print(f"{len(values):4d} cases  {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
