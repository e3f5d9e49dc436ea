"""Ops on the GPU whose operands take several windows of a kernel's sight; test_windows.py runs it in a process.

Prints what differs from the CPU, one line each.
"""

import rustgrad as torch

F = torch.nn.functional
torch.manual_seed(0)
X = torch.randn(50, 300)
ROWS = torch.randint(0, 50, (120,))
PLACES = torch.randint(0, 50, (40, 300))
MORE = torch.randn(40, 300)
RIGHT = torch.randn(300, 90)


def trained(x):
    x = x.clone().requires_grad_()
    w = (torch.arange(6000.0, device=x.device).reshape(300, 20) * 0.01).sin().requires_grad_()
    target = torch.arange(50, device=x.device) % 20
    F.cross_entropy(torch.tanh(F.layer_norm(x, (300,)) @ w), target).backward()
    return torch.cat([x.grad.flatten(), w.grad.flatten()])


CALLS = {
    "softmax": (lambda x: F.softmax(x, 1), X),
    "softmax of columns": (lambda x: F.softmax(x, 0), X),
    "layer_norm": (lambda x: F.layer_norm(x, (300,)), X),
    "gather": (lambda x, i: x.gather(0, i), X, PLACES),
    "index_select": (lambda x, i: x.index_select(0, i), X, ROWS),
    "embedding": (lambda x, i: F.embedding(i, x), X, ROWS),
    "scatter_add": (lambda x, i, y: x.scatter_add(0, i, y), X, PLACES, MORE),
    "transposed": (lambda x: x.t().contiguous(), X),
    "transposed halves": (lambda x: x.half().t().contiguous(), X),
    "transposed bools": (lambda x: (x > 0).t().contiguous(), X),
    "transposed integers": (lambda x: (x * 100).long().t().contiguous() + 1, X),
    "shifted": (lambda x: x[1:, 1:] + x[:-1, :-1], X),
    "shifted halves": (lambda x: x.half().flatten()[1:] * 2, X),
    "in place": (lambda x: x.clone().add_(1).t().mul_(2), X),
    "in place over halves": (lambda x: x.half().t().contiguous()[:, 1:].add_(1), X),
    "sums": (lambda x: torch.cat([x.sum(0), x.sum(1), x.sum()[None]]), X),
    "argmax": (lambda x: x.argmax(1), X),
    "cumsum": (lambda x: x.cumsum(1), X),
    "cat": (lambda x: torch.cat([x, x], 1), X),
    "products": (lambda x, y: x @ y, X, RIGHT),
    "pooling": (lambda x: F.max_pool2d(x.view(1, 1, 50, 300), 2), X),
    "arange": (lambda x: torch.arange(9000, device=x.device), X),
    "a step of training": (trained, X),
}

for name, (call, *given) in CALLS.items():
    here = call(*given)
    try:
        there = call(*(x.to("gpu") for x in given)).cpu()
    except Exception as error:
        print(name, type(error).__name__, str(error).splitlines()[0])
        continue
    if not torch.allclose(here.double(), there.double(), rtol=1e-3, atol=1e-4):
        print(name, "differs by", (here.double() - there.double()).abs().max().item())
try:
    F.softmax(X.repeat(40, 1).to("gpu"), 1).cpu()
    print("nothing was refused")
except RuntimeError as error:
    lines = str(error).splitlines()
    if "32 windows of 8192 bytes" not in lines[0] or not lines[1].startswith("hint: work on parts of it"):
        print(error)
