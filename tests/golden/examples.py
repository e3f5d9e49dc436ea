"""Run every script of `examples` with PyTorch on tiny settings, and write what it prints into `examples.json`.

Usage: PYTHON_WITH_TORCH tests/golden/examples.py [SCRIPT.py ..], in a checkout with a build: two take their data from
`rustgrad.datasets`. `tests/test_examples.py` runs the same commands with rustgrad.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_suffix(".json")
COMMANDS = [
    "exercises.py --seeds 2",
    "gpt.py --steps 2 --text LICENSE-APACHE --write 40",
    "lstm.py --steps 2",
    "micrograd.py --steps 12",
    "policy_gradient.py --rounds 3",
    "resnet.py --epochs 1 --images 100",
    "vae.py --epochs 2",
]


def main():
    wanted = sys.argv[1:]
    found = json.loads(FILE.read_text()) if wanted else {}
    for command in COMMANDS:
        script, *arguments = command.split()
        if wanted and script not in wanted:
            continue
        with tempfile.TemporaryDirectory() as out:
            line = [sys.executable, f"examples/{script}", *arguments, "--out", out]
            env = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
            done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT, env=env)
        found[command] = done.stdout.replace(out, "OUT").splitlines()
        print(f"{len(found[command]):4d} lines  {command}", flush=True)
    FILE.write_text(json.dumps({command: found[command] for command in COMMANDS}, indent=1) + "\n")


if __name__ == "__main__":
    main()
