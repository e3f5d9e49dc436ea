"""Call every op with every dtype in every place (as operand, `dtype=`, `out=`, in place, differentiated twice), and
with each of its arguments replaced by each of a list of odd ones: every call must give a result or a documented error,
without a panic of Rust, even a caught one.

Usage: python scripts/walk_calls.py, on a development build. Prints the first fault of each op, place and argument.
"""

import resource
import signal
import sys
import warnings
from functools import partial

from fuzz_calls import BYTES, DTYPES, late, tensors

SECONDS, MOST = 60, 1 << 20
# In the place of a tensor, and of anything else.
SHAPES = ((), (0,), (1,), (0, 3), (3, 0), (2, 0, 2), (1,) * 6, (7,), (3, 3), (2, 3, 4), (2, 3, 4, 5))
OTHERS = (0, 1, -1, 2, 5, -7, 2**31, 2**63 - 1, -(2**63), 10**20, True, None, 0.0, 0.5, -1.5, 1e308)
OTHERS += (float("inf"), float("nan"))
OTHERS += ((), (0,), (1,), (-1,), (2, 2), (0, 0), (1, 1, 1), (2**31, 2**31), "x", "mean", 1j)


class Walk:
    """Calls, counted, and the faults they showed."""

    def __init__(self, torch):
        self.torch, self.count, self.faults = torch, 0, set()

    def attempt(self, key, place, odd, text, call):
        self.count += 1
        panics = self.torch._rustgrad._panics()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            call()
            why = ""
        except TimeoutError:
            why = f"took more than {SECONDS} s"
        except Exception as error:
            why = str(error) if "internal error" in str(error) else ""
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if self.torch._rustgrad._panics() != panics and not why:
            why = "a panic that was caught"
        if why and (key, place, odd) not in self.faults:
            self.faults.add((key, place, odd))
            print(f"{key} {place} {odd} of ({text}): {why.splitlines()[0]}", flush=True)


def gradients(torch, call, args, named):
    """First and second gradients of everything that the call gives."""

    def total(values):
        parts = [(x.abs() if x.is_complex() else x).sum() for x in values]
        return sum(parts[1:], parts[0])

    results = [x for x in tensors([call(*args, **named)]) if x.requires_grad]
    leaves = [x for x in tensors([*args, *named.values()]) if x.requires_grad and x.is_leaf]
    if not results or not leaves or max(x.numel() for x in results) > MOST:
        return  # a view that repeats one element would be summed for hours
    first = torch.autograd.grad(total(results), leaves, create_graph=True, allow_unused=True)
    first = [g for g in first if g is not None and g.requires_grad]
    if first:
        torch.autograd.grad(total(first), leaves, allow_unused=True)


def main():
    from generated import registry, samples

    import rustgrad as torch

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, late)  # time of the processor, so that other programs do not matter
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    walk = Walk(torch)

    def sample(text, dtype, **options):
        try:
            return samples.Sample(torch, text, dtype, **options)
        except Exception:
            return None  # the sample's own text does not allow this dtype

    def every(row, text, dtype):
        call, asked = registry.resolve(torch, row.forms[0]), getattr(torch, dtype)
        for base in ("float32", dtype):
            if row.out and (s := sample(text, base)):
                out = {**s.kwargs, "out": torch.empty(0, dtype=asked)}
                walk.attempt(row.key, "out", dtype, text, lambda s=s, out=out: call(*s.args, **out))
            if s := sample(text, base):
                named = {**s.kwargs, "dtype": asked}
                walk.attempt(row.key, "dtype", dtype, text, lambda s=s, named=named: call(*s.args, **named))
        if s := sample(text, dtype):
            walk.attempt(row.key, "operand", dtype, text, lambda: call(*s.args, **s.kwargs))
        if row.inplace and row.forms[0][0] == "method" and (s := sample(text, dtype)):
            inplace = registry.resolve(torch, ("method", row.forms[0][1].rstrip("_") + "_"))
            walk.attempt(row.key, "in place", dtype, text, lambda: inplace(*s.args, **s.kwargs))
        if (asked.is_floating_point or asked.is_complex) and (s := sample(text, dtype, grad=True)):
            walk.attempt(row.key, "gradients", dtype, text, lambda: gradients(torch, call, s.args, s.kwargs))

    def odd_arguments(row, text):
        """Each argument in turn replaced by each of the odd ones."""
        whole = sample(text, "float32")
        if whole is None:
            return
        call = registry.resolve(torch, row.forms[0])
        for place in (*range(len(whole.args)), *whole.kwargs):
            value = whole.args[place] if isinstance(place, int) else whole.kwargs[place]
            for odd in SHAPES if isinstance(value, torch.Tensor) else OTHERS:
                s = sample(text, "float32", grad=True)
                args, named = list(s.args), dict(s.kwargs)
                new = torch.zeros(odd) if isinstance(value, torch.Tensor) else odd
                (args if isinstance(place, int) else named)[place] = new
                walk.attempt(row.key, place, str(odd), text, partial(gradients, torch, call, args, named))

    for row in registry.rows(torch._rustgrad._describe()["rows"]):
        # The degree of a polynomial is how many steps its recurrence takes, in PyTorch as here.
        if "polynomial" not in row.key and registry.resolve(torch, row.forms[0]) is not None:
            for text in row.samples or []:
                odd_arguments(row, text)
                for dtype in (*DTYPES, "complex32", "uint32"):
                    every(row, text, dtype)
    print(f"{walk.count} calls, {len(walk.faults)} faults")
    return len(walk.faults) > 0


if __name__ == "__main__":
    sys.exit(main())
