"""Where the nanoseconds go: what one small operation costs, step by step."""

from timing import Case, main, unrolled


def cases(torch):
    nn = torch.nn
    one, other = torch.randn(1), torch.randn(1)
    a, b = torch.randn(64), torch.randn(64)
    g = torch.randn(64, requires_grad=True)
    names = {"torch": torch, "a": a, "b": b, "g": g, "one": one, "other": other}
    for name, statement in {
        "nothing": "pass",
        "x.shape": "a.shape",
        "x.item()": "one.item()",
        "x + y (1)": "one + other",
        "x + y (64)": "a + b",
        "x * 2.0": "a * 2.0",
        "torch.add(x, y)": "torch.add(a, b)",
        "x.add(y)": "a.add(b)",
        "x.add(y, alpha=2)": "a.add(b, alpha=2)",
        "x.add_(y)": "a.add_(b)",
        "x.relu()": "a.relu()",
        "x.tanh()": "a.tanh()",
        "x.view(8, 8)": "a.view(8, 8)",
        "x[3]": "a[3]",
        "x.sum()": "a.sum()",
        "recorded x + y": "g + b",
        "recorded x * y": "g * b",
        "recorded tanh": "g.tanh()",
    }.items():
        yield unrolled(name, statement, **dict(names))

    x = torch.randn(4, 16)
    linear, relu = nn.Linear(16, 16), nn.ReLU()
    names = {"torch": torch, "x": x, "linear": linear, "relu": relu, "F": nn.functional}
    names |= {"w": linear.weight, "c": linear.bias}
    yield unrolled("module.weight", "linear.weight", **dict(names))
    yield unrolled("module(x), ReLU", "relu(x)", **dict(names))
    yield unrolled("F.linear 4x16x16", "F.linear(x, w, c)", **dict(names))
    yield unrolled("module(x), Linear", "linear(x)", **dict(names))
    yield unrolled("no_grad block", "with torch.no_grad(): pass", **dict(names))

    def chain():
        y = g
        for _ in range(10):
            y = y * b
        y.sum().backward()
        g.grad = None

    yield Case("chain of 10, both ways", chain)

    for kind in ("SGD", "Adam"):
        params = [torch.randn(n, requires_grad=True) for n in (4, 2, 2, 1)]
        optimizer = getattr(torch.optim, kind)(params, lr=1e-6)
        for p in params:
            p.grad = torch.ones_like(p)
        yield Case(f"{kind} step, 4 tensors", optimizer.step)
    yield Case("zero_grad, 4 tensors", optimizer.zero_grad)


if __name__ == "__main__":
    main(cases, __doc__)
