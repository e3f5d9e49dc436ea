"""Programs of their own, for what ends or changes a process's GPU."""

import os
import subprocess
import sys


def child(code, **env):
    """What the program prints, line by line. In it `torch` is rustgrad, `message(fn)` tells what `fn` raises."""
    head = (
        "import rustgrad as torch\n"
        "def message(fn):\n"
        "    try:\n"
        "        fn()\n"
        "    except Exception as e:\n"
        "        return f'{type(e).__name__}: {e}'.replace(chr(10), ' | ')\n"
        "    return 'nothing was raised'\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", head + code],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, f"exit status {run.returncode}\n{run.stdout}\n{run.stderr}"
    assert "panicked" not in run.stderr, run.stderr
    return run.stdout.splitlines()
