"""What the benches share: timing, the command line, and a table with PyTorch beside it if asked for.

A bench is a function `cases(torch)` that yields Cases. It runs on rustgrad alone, or with `--beside PYTHON`, an
interpreter that has PyTorch, on both, one after the other in processes of their own.
"""

import argparse
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any


@dataclass
class Case:
    name: str
    run: Any
    per: int = 1  # operations in one call of run
    bytes: int = 0  # read and written by one operation
    flops: int = 0


def unrolled(name, statement, times=20, **names):
    """A case whose function is the statement, `times` over: neither a call nor a loop is timed with it."""
    source = f"def run({', '.join(f'{n}={n}' for n in names)}):\n" + f"    {statement}\n" * times
    exec(source, names)
    return Case(name, names["run"], times)


def measure(case, seconds, samples=7):
    """Seconds an operation takes: the median of some samples, and how far apart they lie."""
    run = case.run
    run()
    number, took = 1, 0.0
    while took < seconds / samples / 2:
        start = time.perf_counter()
        for _ in range(number):
            run()
        took = time.perf_counter() - start
        number = max(number + 1, int(number * min(10, 1.2 * seconds / samples / max(took, 1e-9))))
    times = []
    for _ in range(samples):
        start = time.perf_counter()
        for _ in range(number):
            run()
        times.append((time.perf_counter() - start) / number / case.per)
    return statistics.median(times), (max(times) - min(times)) / statistics.median(times)


def copy_roof():
    """Bytes a second that one thread of this machine copies, read and written counted."""
    import numpy as np

    source = np.ones(20_000_000, np.float32)
    target = np.empty_like(source)
    best = 1e9
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best


def shown(seconds):
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def rates(case, seconds):
    parts = []
    if case.bytes:
        parts.append(f"{case.bytes / seconds / 1e9:.1f} GB/s")
    if case.flops:
        parts.append(f"{case.flops / seconds / 1e9:.1f} GFLOP/s")
    return "  ".join(parts)


def measured_by(python, options):
    """The same bench under another interpreter, on PyTorch."""
    command = [python, os.path.abspath(sys.argv[0]), "--lib", "torch", "--json", "--seconds", str(options.seconds)]
    command += ["--only", options.only, "--threads", str(options.threads)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(cases, description):
    """Run a bench from the command line."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--beside", metavar="PYTHON", help="an interpreter with PyTorch to compare with")
    parser.add_argument("--only", default="*", help="names to run, as a glob")
    parser.add_argument("--seconds", type=float, default=0.3, help="time for each name (default: 0.3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--lib", default="rustgrad", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()

    torch = __import__(options.lib)
    torch.set_num_threads(options.threads)
    theirs = measured_by(options.beside, options) if options.beside else {}
    if not options.json:
        print(f"{options.lib} {torch.__version__}, {options.threads} threads, copies at {copy_roof() / 1e9:.1f} GB/s")
        head = f"{'':<28}{'time':>10}{'spread':>8}"
        print(head + (f"{'torch':>11}{'ratio':>7}" if theirs else "") + "  rate")
    times = {}
    for case in cases(torch):
        if not fnmatch.fnmatch(case.name, options.only):
            continue
        seconds, spread = measure(case, options.seconds)
        times[case.name] = seconds
        if not options.json:
            line = f"{case.name:<28}{shown(seconds):>10}{spread:>8.0%}"
            if case.name in theirs:
                line += f"{shown(theirs[case.name]):>11}{seconds / theirs[case.name]:>7.2f}"
            print(line + "  " + rates(case, seconds), flush=True)
    if options.json:
        print(json.dumps(times))
