"""Ops on tensors that fill caches and memory."""

from timing import Case, main


def cases(torch):
    for size in (100_000, 10_000_000):
        x, y, out = torch.randn(size), torch.randn(size), torch.empty(size)
        mask = x > 0
        side = int(size**0.5)
        square = torch.randn(side, side)
        for name, run, moved in (
            ("add", lambda x=x, y=y: x + y, 12),
            ("add out=", lambda x=x, y=y, out=out: torch.add(x, y, out=out), 12),
            ("add_", lambda x=x, y=y: x.add_(y, alpha=1e-9), 12),
            ("mul number", lambda x=x: x * 1.5, 8),
            ("exp", lambda x=y: x.exp(), 8),
            ("tanh", lambda x=y: x.tanh(), 8),
            ("sigmoid", lambda x=y: x.sigmoid(), 8),
            ("gelu", lambda x=y, gelu=torch.nn.functional.gelu: gelu(x), 8),
            ("where", lambda x=x, y=y, mask=mask: torch.where(mask, x, y), 13),
            ("x > 0", lambda x=y: x > 0, 5),
            ("to float64", lambda x=y: x.to(torch.float64), 12),
            ("to float16", lambda x=y: x.to(torch.float16), 6),
            ("sum", lambda x=y: x.sum(), 4),
        ):
            yield Case(f"{name} {size:.0e}".replace("e+0", "e"), run, bytes=moved * size)
        for name, run in (
            ("transposed copy", lambda x=square: x.t().contiguous()),
            ("x + x.t()", lambda x=square: x + x.t()),
            ("softmax rows", lambda x=square: x.softmax(1)),
            ("sum over rows", lambda x=square: x.sum(0)),
        ):
            yield Case(f"{name} {side}x{side}", run, bytes=8 * side * side)
    for n in (64, 256, 1024):
        a, b = torch.randn(n, n), torch.randn(n, n)
        yield Case(f"matmul {n}", lambda a=a, b=b: a @ b, flops=2 * n**3)


if __name__ == "__main__":
    main(cases, __doc__)
