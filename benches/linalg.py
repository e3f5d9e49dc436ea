"""Factorizations and solvers, of one matrix and of batches."""

from timing import Case, main


def cases(torch):
    la = torch.linalg
    for shape in ((1000, 8, 8), (64, 64), (256, 256), (512, 512)):
        x = torch.randn(*shape)
        n, count = shape[-1], shape[0] if len(shape) == 3 else 1
        spd = x @ x.mT + n * torch.eye(n)
        label = "x".join(map(str, shape))
        for name, run, factor in (
            ("inv", lambda x=spd: la.inv(x), 2),
            ("solve", lambda x=spd, y=x: la.solve(x, y), 2.7),
            ("det", lambda x=x: la.det(x), 0.7),
            ("cholesky", lambda x=spd: la.cholesky(x), 0.3),
            ("qr", lambda x=x: la.qr(x), 2.7),
            ("svd", lambda x=x: la.svd(x), 20),
            ("svdvals", lambda x=x: la.svdvals(x), 2.7),
            ("eigh", lambda x=spd: la.eigh(x), 9),
            ("eig", lambda x=x: la.eig(x), 25),
        ):
            yield Case(f"{name} {label}", run, flops=factor * count * n**3)


if __name__ == "__main__":
    main(cases, __doc__)
