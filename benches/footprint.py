"""What merely importing costs: time and memory over bare Python in fresh processes, and the size of the wheel.

Needs nothing but an installed package; give `--module numpy` or another name to compare.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEAK = """
import sys
{what}
try:
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(int(line.split()[1]) / 1024)
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))
"""


def seconds(code, runs):
    """The median time of a fresh process that runs `code`."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_mib(what, runs):
    """The largest resident memory of a fresh process, in MiB."""
    code = PEAK.format(what=what)
    outs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout for _ in range(runs)]
    return statistics.median(map(float, outs))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--module", default="rustgrad")
    parser.add_argument("--runs", type=int, default=21)
    options = parser.parse_args()
    code = f"import {options.module}"
    seconds(code, 2)
    bare, loaded = seconds("pass", options.runs), seconds(code, options.runs)
    print(f"import {options.module}: {1e3 * (loaded - bare):.1f} ms over bare Python ({1e3 * bare:.1f} ms)")
    bare, loaded = peak_mib("pass", 5), peak_mib(code, 5)
    print(f"memory after it: {loaded - bare:.1f} MiB over bare Python ({bare:.1f} MiB)")
    for wheel in sorted(Path(__file__).parent.parent.glob("dist/*.whl")):
        print(f"wheel: {wheel.stat().st_size / 1e6:.2f} MB  {wheel.name}")


if __name__ == "__main__":
    main()
