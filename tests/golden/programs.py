"""Run every program in `tests/programs` with PyTorch, and write what it prints beside it, `NAME.txt`.

Usage: PYTHON_WITH_TORCH tests/golden/programs.py. `tests/test_as_torch.py` runs them with rustgrad.
"""

import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parents[1] / "programs"


def main():
    for path in sorted(PROGRAMS.glob("*.py")):
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
        path.with_suffix(".txt").write_text(done.stdout)
        print(f"{done.stdout.count(chr(10)):4d} lines  {path.name}")


if __name__ == "__main__":
    main()
