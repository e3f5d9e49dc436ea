"""Instructions of the processor that one call takes, Python's included: a figure that another program on the machine
does not change, for comparing two builds.

Usage: python benches/instructions.py, where valgrind is installed. A release build on PYTHONPATH is what counts.
"""

import re
import subprocess
import sys

FEW, MANY = 1000, 21000
START = """
import rustgrad as torch
a, b, g = torch.randn(64), torch.randn(64), torch.randn(64, requires_grad=True)
rows, x, w, c = torch.randn(4, 16), torch.randn(8, 16), torch.randn(16, 16), torch.randn(16)
weights = [torch.randn(n, requires_grad=True) for n in (4, 2, 2, 1)]
for p in weights:
    p.grad = torch.ones_like(p)
adam, sgd = torch.optim.Adam(weights, lr=1e-6), torch.optim.SGD(weights, lr=1e-6)
def chain():
    y = g
    for _ in range(10):
        y = y * b
    y.sum().backward()
"""
CASES = {
    "x + y (64)": "a + b",
    "recorded x + y": "g + b",
    "x.view(8, 8)": "a.view(8, 8)",
    "x.sum(1)": "rows.sum(1)",
    "x[0]": "a[0]",
    "x @ w + b": "x @ w + c",
    "ten products, both ways": "chain()",
    "Adam step, 4 tensors": "adam.step()",
    "SGD step, 4 tensors": "sgd.step()",
}


def instructions(statement, count):
    """Of a whole process that runs `statement` `count` times, its addresses the same in every process."""
    program = f"{START}\nfor _ in range({count}):\n    {statement}\n"
    command = [
        "setarch",
        "-R",
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        "-c",
        program,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def each(statement):
    return (instructions(statement, MANY) - instructions(statement, FEW)) / (MANY - FEW)


def main():
    loop = each("pass")
    for name, statement in CASES.items():
        print(f"{name:26}{each(statement) - loop:10.0f}", flush=True)


if __name__ == "__main__":
    main()
