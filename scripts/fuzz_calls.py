"""Call every op with hostile arguments: each must give a result or one of the documented errors, quickly, without a panic of
Rust, even a caught one, and without changing what it only reads.

Usage: python scripts/fuzz_calls.py [COUNT [SEED]]. Prints every fault with what repeats it, then each kind of error with its
count. Calls start from the samples of the registry's rows; some arguments are then replaced.
"""

import collections
import random
import resource
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

ALLOWED = (
    "TypeError",
    "ValueError",
    "RuntimeError",
    "IndexError",
    "NotImplementedError",
    "_LinAlgError",
    "OverflowError",
)
ALLOWED += ("OutOfMemoryError", "AttributeError", "BufferError")
SECONDS, BYTES, CHUNK = 20, 8 << 30, 1000
NUMBERS = (0, 1, -1, 2, 3, 7, -3, 2**31, 2**32 + 1, 2**62, 2**63 - 1, -(2**63), 2**64, 10**30, True, False)
NUMBERS += (
    0.0,
    -0.0,
    0.5,
    -2.5,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    1j,
    None,
    "mean",
    "sum",
    "x",
    "",
)
SIZES = (
    (),
    (0,),
    (1,),
    (2,),
    (3,),
    (2, 3),
    (3, 2),
    (0, 3),
    (3, 3),
    (2, 3, 3),
    (1, 2, 3, 4),
    (2, 1, 4, 4),
    (1, 1, 1, 1, 1),
    (5, 0, 2),
)


def tensor(torch, rng):
    """A tensor of any dtype and layout."""
    dtype = getattr(torch, rng.choice(DTYPES))
    size = rng.choice(SIZES)
    kind = rng.randrange(7)
    if kind == 0:
        return torch.zeros(1, dtype=dtype).expand(rng.choice(((2, 3), (4,), (2**11, 2**11), (2**22,), (0, 2))))
    x = (torch.randn(size) * rng.choice((1, 3, 1e20))).to(dtype)
    if kind == 1 and x.ndim > 1:
        x = x.transpose(0, -1)
    if kind == 2 and x.is_floating_point() and x.numel():
        x.view(-1)[0] = rng.choice((float("nan"), float("inf"), -0.0))
    if kind == 3 and x.ndim:
        x = x[..., ::2]
    if kind == 4 and (x.is_floating_point() or x.is_complex()):
        x.requires_grad_()
    return x


DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64")
DTYPES += ("complex128", "uint16", "uint64")


def hostile(torch, rng, value):
    """Something else in the place of `value`, mostly of its kind."""
    if rng.random() < 0.1:
        value = rng.choice((0, None, "a", [1], ()))
    if isinstance(value, torch.Tensor):
        return tensor(torch, rng) if rng.random() < 0.9 else rng.choice(NUMBERS)
    if isinstance(value, (list, tuple)):
        items = [hostile(torch, rng, v) if rng.random() < 0.5 else v for v in value]
        items = items * rng.choice((1, 1, 1, 0, 2))
        return type(value)(items) if type(value) in (list, tuple) else items
    return rng.choice(NUMBERS)


def short(value):
    """What repeats an argument, in words."""
    if hasattr(value, "stride"):
        return f"{str(value.dtype).split('.')[1]}{list(value.shape)}/{value.stride()}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(short, value)) + "]"
    return repr(value)


def flat(values):
    for v in values:
        if isinstance(v, (list, tuple)):
            yield from flat(v)
        elif hasattr(v, "stride"):
            yield v


def state(x):
    small = x.numel() <= 4096
    return (
        x.shape,
        x.stride(),
        x._version,
        x.detach().contiguous().view(-1).untyped_storage().tolist() if small else None,
    )


def calls(count, seed):
    import rustgrad as torch
    from generated import registry, samples

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    rng = random.Random(seed)
    torch.manual_seed(seed)
    # The degree of a polynomial is how many steps its recurrence takes, in PyTorch as here.
    rows = [
        row for row in registry.rows(torch._rustgrad._describe()["rows"]) if row.samples and "polynomial" not in row.key
    ]
    kinds = collections.Counter()
    place = Path(sys.argv[3])

    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    for k in range(count):
        row = rng.choice(rows)
        try:
            sample = samples.Sample(torch, rng.choice(row.samples), rng.choice(samples.DTYPES), grad=rng.random() < 0.3)
        except Exception:
            continue
        args = [hostile(torch, rng, v) if rng.random() < 0.4 else v for v in sample.args]
        named = {name: hostile(torch, rng, v) if rng.random() < 0.4 else v for name, v in sample.kwargs.items()}
        form = rng.choice(row.forms)
        writes = form[1].endswith("_") and not form[1].endswith("__")
        if row.inplace and form[0] == "method" and not writes and rng.random() < 0.3:
            form, writes = (form[0], form[1] + "_"), True
        if row.out and rng.random() < 0.2:
            named["out"], writes = tensor(torch, rng), True
        call = registry.resolve(torch, form)
        if call is None:
            continue
        text = f"seed {seed} call {k}: {'.'.join(form)}({', '.join([*map(short, args), *(f'{n}={short(v)}' for n, v in named.items())])})"
        place.write_text(text)
        read = [] if writes else list(flat([*args, *named.values()]))
        before = [state(x) for x in read]
        panics, start = torch._rustgrad._panics(), time.monotonic()
        signal.alarm(SECONDS)
        try:
            result = call(*args, **named)
            if isinstance(result, torch.Tensor) and result.requires_grad and rng.random() < 0.5:
                result.sum().backward()
            kinds["result"] += 1
        except TimeoutError:
            print(f"SLOW {text}")
        except BaseException as error:
            name = type(error).__name__
            kinds[name] += 1
            if name not in ALLOWED or "internal error" in str(error):
                print(f"ERROR {text}: {name}: {str(error)[:200]}")
        finally:
            signal.alarm(0)
        if time.monotonic() - start > SECONDS:
            print(f"SLOW {text}")
        if torch._rustgrad._panics() != panics:
            print(f"PANIC {text}")
        after = [state(x) for x in read]
        if repr(before) != repr(after):
            print(f"CHANGED {text}")
    print("KINDS", dict(kinds))


def main():
    count, seed = int(sys.argv[1]) if len(sys.argv) > 1 else 10000, int(sys.argv[2]) if len(sys.argv) > 2 else 0
    if len(sys.argv) > 3:
        return calls(count, seed)
    place = Path(f"/tmp/fuzz_calls_{seed}")
    totals, faults = collections.Counter(), 0
    for first in range(0, count, CHUNK):
        command = [sys.executable, __file__, str(min(CHUNK, count - first)), str(seed + first), str(place)]
        done = subprocess.run(command, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            if line.startswith("KINDS "):
                totals.update(eval(line[6:]))
            else:
                faults += 1
                print(line, flush=True)
        if done.returncode:
            faults += 1
            last = place.read_text() if place.exists() else "its start"
            print(f"DIED with {done.returncode} in {last}\n{done.stderr[-600:]}", flush=True)
    print(f"{sum(totals.values())} calls, {faults} faults:", ", ".join(f"{k} {n}" for k, n in totals.most_common()))
    return faults > 0


if __name__ == "__main__":
    sys.exit(main())
