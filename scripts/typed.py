"""Runs the type checkers on the programs of `tests/typing`, as users' checkers see the package.

Usage: PYTHON scripts/typed.py. basedpyright and mypy find nothing in `train.py`; `mypy --strict` at most `STRICT`
errors, as it does with PyTorch. In `wrong.py` each finds an error on every line that ends in `# wrong`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / "tests" / "typing"
STRICT = 5


def checker(*command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=PROGRAMS, capture_output=True, text=True)
    return done.stdout + done.stderr


def basedpyright(name):
    """The lines of `name` with an error."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "pyrightconfig.json"
        package = str(ROOT / "python")
        config.write_text(
            f'{{"include": ["{PROGRAMS / name}"], "extraPaths": ["{package}"], "typeCheckingMode": "standard", '
            '"reportMissingModuleSource": "none"}'
        )
        text = checker("basedpyright", "-p", str(config))
    if "errors, " not in text and "1 error, " not in text:
        raise SystemExit(f"basedpyright did not run:\n{text}")
    return [int(n) for n in re.findall(rf"{re.escape(name)}:(\d+):\d+ - error", text)], text


def mypy(name, *options):
    """The lines of `name` with an error; the package's own are not looked at."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mypy.ini"
        config.write_text(
            f"[mypy]\nmypy_path = {ROOT / 'python'}\nfollow_imports = silent\ncache_dir = {folder}/cache\n"
        )
        text = checker("mypy", "--config-file", str(config), *options, name)
    if "Found " not in text and "Success" not in text:
        raise SystemExit(f"mypy did not run:\n{text}")
    return [int(n) for n in re.findall(rf"^{re.escape(name)}:(\d+): error", text, re.M)], text


def marked(name):
    lines = (PROGRAMS / name).read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


def check(run, name="train.py", most=0):
    lines, text = run(name)
    if len(lines) > most:
        raise SystemExit(f"{len(lines)} errors, {most} are allowed:\n{text}")
    missed = marked("wrong.py") - set(run("wrong.py")[0])
    if missed:
        raise SystemExit(f"no error was found on these lines of wrong.py: {sorted(missed)}")


def main():
    check(basedpyright)
    check(mypy)
    check(lambda name: mypy(name, "--strict"), most=STRICT)
    print("typed: basedpyright and mypy agree with tests/typing")


if __name__ == "__main__":
    main()
