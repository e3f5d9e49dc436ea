"""Operands larger than what the adapter shows a kernel at once, with windows made small."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.gpu
def test_operands_of_several_windows():
    script = Path(__file__).with_name("windows.py")
    environment = {**os.environ, "RUSTGRAD_GPU_WINDOW": "8192"}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, timeout=600)
    assert (done.stdout, done.stderr) == ("", "")
