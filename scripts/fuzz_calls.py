"""Call every op with hostile arguments: each must give a result or a documented error, quickly, without a panic
of Rust, even a caught one, and without changing what it only reads.

Usage: python scripts/fuzz_calls.py [COUNT [SEED]], on a development build, whose arithmetic panics where it overflows.
Prints every fault with the seed and the call that repeat it, then each kind of error with its count. Calls start from
the samples of the registry's rows; some arguments are then replaced.
"""

import collections
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

ALLOWED = {"TypeError", "ValueError", "RuntimeError", "IndexError", "NotImplementedError", "_LinAlgError"}
ALLOWED |= {"AssertionError"}  # PyTorch asserts what it asks of `padding_idx`
ALLOWED |= {"OverflowError", "OutOfMemoryError", "AttributeError", "BufferError"}
SECONDS, BYTES, CHUNK = 60, 8 << 30, 1000
NUMBERS = (0, 1, -1, 2, 3, 7, -3, 2**31, 2**32 + 1, 2**62, 2**63 - 1, -(2**63), 2**64, 10**30, True, False, None)
NUMBERS += (0.0, -0.0, 0.5, -2.5, 1e-320, 1e308, float("nan"), float("inf"), float("-inf"), 1j, "mean", "sum", "x", "")
SIZES = ((), (0,), (1,), (2,), (3,), (2, 3), (3, 2), (0, 3), (3, 3), (2, 3, 3), (1, 2, 3, 4), (2, 1, 4, 4), (5, 0, 2))
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64")
DTYPES += ("complex128", "uint16", "uint64")


def tensor(torch, rng):
    """A tensor of any dtype and layout."""
    dtype, kind = getattr(torch, rng.choice(DTYPES)), rng.randrange(7)
    if kind == 0:
        return torch.zeros(1, dtype=dtype).expand(rng.choice(((2, 3), (4,), (2**11, 2**11), (2**22,), (0, 2))))
    x = (torch.randn(rng.choice(SIZES)) * rng.choice((1, 3, 1e20))).to(dtype)
    if kind == 1 and x.ndim > 1:
        x = x.transpose(0, -1)
    if kind == 2 and x.is_floating_point() and x.numel():
        x.view(-1)[0] = rng.choice((float("nan"), float("inf"), -0.0))
    if kind == 3 and x.ndim:
        x = x[..., ::2]
    if kind == 4 and (x.is_floating_point() or x.is_complex()):
        x.requires_grad_()
    return x


def hostile(torch, rng, value):
    """Something else in the place of `value`, mostly of its kind."""
    if rng.random() < 0.1:
        value = rng.choice((0, None, "a", [1], ()))
    if isinstance(value, torch.Tensor):
        return tensor(torch, rng) if rng.random() < 0.9 else rng.choice(NUMBERS)
    if isinstance(value, (list, tuple)):
        items = [hostile(torch, rng, v) if rng.random() < 0.5 else v for v in value]
        return tuple(items) * rng.choice((1, 1, 1, 0, 2))
    return rng.choice(NUMBERS)


def short(value):
    """An argument in words."""
    if hasattr(value, "stride"):
        return f"{str(value.dtype).split('.')[1]}{list(value.shape)}/{value.stride()}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(short, value)) + "]"
    return repr(value)


def tensors(values):
    for v in values:
        if isinstance(v, (list, tuple)):
            yield from tensors(v)
        elif hasattr(v, "stride"):
            yield v


def state(x):
    """What a call that only reads must leave as it is."""
    elements = x.detach().contiguous().view(-1).untyped_storage().tolist() if x.numel() <= 4096 else None
    return repr((x.shape, x.stride(), x._version, elements))


WAITING = [False]  # whether a call runs: a signal of its last moments comes when it has ended


def late(*_):
    if WAITING[0]:
        raise TimeoutError


class Calls:
    """The calls of one process. `place` holds the text of the last one, for the case that it ends the process."""

    def __init__(self, seed, place):
        from generated import registry, samples

        import rustgrad as torch

        self.torch, self.registry, self.samples = torch, registry, samples
        self.rng, self.seed, self.place = random.Random(seed), seed, Path(place)
        self.kinds = collections.Counter()
        rows = registry.rows(torch._rustgrad._describe()["rows"])
        # The degree of a polynomial is how many steps its recurrence takes, in PyTorch as here.
        self.rows = [row for row in rows if row.samples and "polynomial" not in row.key]
        torch.manual_seed(seed)

    def arguments(self, row):
        torch, rng = self.torch, self.rng
        dtype, grad = rng.choice(self.samples.DTYPES), rng.random() < 0.3
        sample = self.samples.Sample(torch, rng.choice(row.samples), dtype, grad=grad)
        args = [hostile(torch, rng, v) if rng.random() < 0.4 else v for v in sample.args]
        named = {k: hostile(torch, rng, v) if rng.random() < 0.4 else v for k, v in sample.kwargs.items()}
        return args, named

    def one(self, number):
        torch, rng = self.torch, self.rng
        row = rng.choice(self.rows)
        try:
            args, named = self.arguments(row)
        except Exception:
            return  # the sample's own text does not allow this dtype
        form = rng.choice(row.forms)
        if row.inplace and form[0] == "method" and rng.random() < 0.3:
            form = (form[0], form[1].rstrip("_") + "_")
        # Functions of nn may be told to write over their input.
        writes = form[0] == "nn" or (form[1].endswith("_") and not form[1].endswith("__"))
        if row.out and rng.random() < 0.2:
            named["out"], writes = tensor(torch, rng), True
        call = self.registry.resolve(torch, form)
        if call is None:
            return
        given = ", ".join([*map(short, args), *(f"{name}={short(v)}" for name, v in named.items())])
        text = f"seed {self.seed} call {number}: {'.'.join(form)}({given})"
        self.place.write_text(text)
        read = [] if writes else list(tensors([*args, *named.values()]))
        before, panics, start = [state(x) for x in read], torch._rustgrad._panics(), time.process_time()
        WAITING[0] = True
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            result = call(*args, **named)
            if isinstance(result, torch.Tensor) and result.requires_grad and rng.random() < 0.5:
                result.sum().backward()
            self.kinds["result"] += 1
        except BaseException as error:
            WAITING[0] = False
            kind = type(error).__name__
            self.kinds[kind] += 1
            if kind not in ALLOWED or "internal error" in str(error):
                print(f"{kind} in {text}: {str(error)[:200]}")
        finally:
            WAITING[0] = False
            signal.setitimer(signal.ITIMER_PROF, 0)
        if time.process_time() - start > SECONDS:
            print(f"SLOW: {text}")
        if torch._rustgrad._panics() != panics:
            print(f"PANIC: {text}")
        if before != [state(x) for x in read]:
            print(f"CHANGED: {text}")


def part(count, seed, place):
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGPROF, late)  # time of the processor, so that other programs do not matter
    calls = Calls(seed, place)
    for number in range(count):
        calls.one(number)
    print(json.dumps(calls.kinds))


def main(count, seed):
    totals, faults = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "last"
        for first in range(0, count, CHUNK):
            place.write_text("its start")
            command = [sys.executable, __file__, str(min(CHUNK, count - first)), str(seed + first), str(place)]
            done = subprocess.run(command, capture_output=True, text=True)
            lines = done.stdout.splitlines()
            if done.returncode:
                lines.append(f"DIED with {done.returncode} in {place.read_text()}\n{done.stderr[-600:]}")
            else:
                totals.update(json.loads(lines.pop()))
            faults += len(lines)
            for line in lines:
                print(line, flush=True)
    kinds = ", ".join(f"{kind} {n}" for kind, n in totals.most_common())
    print(f"{sum(totals.values())} calls, {faults} faults: {kinds}")
    return faults > 0


if __name__ == "__main__":
    if len(sys.argv) > 3:
        sys.exit(part(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
    sys.exit(main(*[int(n) for n in [*sys.argv[1:], *(10000, 0)[len(sys.argv) - 1 :]]]))
