"""What the GPU backend costs: recording a kernel, waiting, a cold pipeline, and the kernels of common ops.

RUSTGRAD_GPU chooses the adapter; without it, a software adapter will do.
"""

import os
import statistics
import time

os.environ.setdefault("RUSTGRAD_GPU", "software")

import rustgrad as torch
from rustgrad.nn import functional as F

ROUNDS = 7


def best(run, rounds=ROUNDS):
    """Least and median seconds of `run` and all that it asks of the device."""
    times = []
    for _ in range(rounds):
        torch.gpu.synchronize()
        start = time.perf_counter()
        kept = run()  # what nobody holds is not computed
        torch.gpu.synchronize()
        times.append(time.perf_counter() - start)
        del kept
    return min(times), statistics.median(times)


def recorded(count):
    """Least and median seconds to record one of `count` additions, each a kernel; they fit one idle batch."""
    x, y = torch.randn(64, device="gpu"), torch.randn(64, device="gpu")
    times = []
    for _ in range(200):
        torch.gpu.synchronize()
        start = time.perf_counter()
        kept = [x + y for _ in range(count)]
        torch.gpu.memory_allocated()  # launches what waits
        times.append((time.perf_counter() - start) / count)
        del kept
    return min(times), statistics.median(times)


def show(name, times, work=""):
    print(f"{name:<36}{1e6 * times[0]:>12.1f} us{1e6 * times[1]:>12.1f} us   {work}")


def main():
    print(f"{torch.gpu.device_name()}: least and median of {ROUNDS}")
    show("record x + y (64)", recorded(12))

    x, y = torch.randn(64, device="gpu"), torch.randn(64, device="gpu")
    show("x + y (64) and wait", best(lambda: x + y, 100))

    def chain():
        z = x
        for _ in range(100):
            z = z + y
        return z

    show("100 dependent x + y (64)", best(chain, 20))

    # Numbers are data, so that another op is what compiles another pipeline.
    fresh = iter([torch.sin, torch.cos, torch.reciprocal, torch.square, torch.exp, torch.log, torch.tanh])
    show("first call of an elementwise op", best(lambda: next(fresh)(x)))

    a, b = torch.randn(10_000_000, device="gpu"), torch.randn(10_000_000, device="gpu")
    least, median = best(lambda: a + b)
    show("x + y (1e7)", (least, median), f"{0.12 / least:.1f} GB/s")
    rows = torch.randn(4096, 1024, device="gpu")
    least, median = best(lambda: rows.sum(1))
    show("sum of rows 4096x1024", (least, median), f"{4096 * 1024 * 4e-9 / least:.1f} GB/s")
    show("softmax 1024x1024", best(lambda: F.softmax(rows[:1024], 1)))
    m = torch.randn(512, 512, device="gpu")
    least, median = best(lambda: m @ m)
    show("matrix product 512", (least, median), f"{2 * 512**3 * 1e-9 / least:.1f} GFLOP/s")
    images, weight = torch.randn(16, 16, 28, 28, device="gpu"), torch.randn(32, 16, 3, 3, device="gpu")
    show("conv2d 16x16x28x28, 3x3 to 32", best(lambda: F.conv2d(images, weight, padding=1)))


if __name__ == "__main__":
    main()
