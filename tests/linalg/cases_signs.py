"""Signs of eigenvectors and singular vectors of small matrices, and which are chosen where values are equal."""

from linalg.cases import matrix, symmetric
from support import Cases

CASES = Cases()
case = CASES.case

SHAPES = [(1, 1), (4, 1), (1, 3), (2, 2), (3, 3), (5, 3), (9, 4), (30, 6), (3, 4), (3, 5), (4, 12), (8, 7), (25, 25)]


@case(1e-8, 1e-10)
def singular_vectors(torch):
    results = {}
    for shape in SHAPES:
        for full in (False, True):
            results[f"{shape} {full}"] = torch.linalg.svd(matrix(torch, *shape), full_matrices=full)
    results["negative"] = torch.linalg.svd(torch.tensor([[-2.0]]))
    results["batch"] = torch.linalg.svd(matrix(torch, 2, 3, 2))
    return results


@case(1e-8, 1e-10)
def eigenvectors(torch):
    results = {n: torch.linalg.eigh(symmetric(torch, n, n)) for n in (1, 2, 3, 4, 7, 12, 25)}
    results["upper"] = torch.linalg.eigh(matrix(torch, 4, 4), UPLO="U")
    results["batch"] = torch.linalg.eigh(symmetric(torch, 2, 3, 3))
    results["divided"] = [torch.linalg.eigh(symmetric(torch, n, n))[1][:2] for n in (26, 40, 64)]
    return results


@case(1e-4, 1e-6)
def in_single_precision(torch):
    results = [torch.linalg.svd(matrix(torch, *shape, dtype="float32")) for shape in ((3, 3), (5, 3), (3, 5))]
    return results, [torch.linalg.eigh(symmetric(torch, n, n, dtype="float32")) for n in (2, 3, 4)]


@case(1e-8, 1e-10)
def complex_vectors(torch):
    results = []
    for shape in ((3, 3), (5, 3), (3, 5), (2, 3)):
        x = torch.complex(matrix(torch, *shape), matrix(torch, *shape, seed=1))
        results.append([torch.view_as_real(part.contiguous()) for part in torch.linalg.svd(x)[::2]])
    x = torch.complex(matrix(torch, 4, 4), matrix(torch, 4, 4, seed=1))
    return results, torch.view_as_real(torch.linalg.eigh(x + x.mH)[1].contiguous())


@case(1e-8, 1e-8)
def equal_values(torch):
    d = torch.float64
    cycle = 2 * torch.eye(4, dtype=d) - torch.eye(4, dtype=d).roll(1, 0) - torch.eye(4, dtype=d).roll(-1, 0)
    plain = {
        "identity": torch.eye(3, dtype=d),
        "zeros": torch.zeros(3, 2, dtype=d),
        "diagonal": torch.diag(torch.tensor([2.0, -3.0, 2.0, 0.0], dtype=d)),
        "cycle": cycle,
        "counts": torch.arange(6, dtype=d).reshape(2, 3),
    }
    vectors = {name: torch.linalg.svd(x) for name, x in plain.items() if name != "cycle"}
    return vectors, {name: torch.linalg.eigh(plain[name]) for name in ("identity", "diagonal", "cycle")}


@case(1e-6, 1e-8)
def principal_components(torch):
    x = matrix(torch, 40, 5)
    torch.manual_seed(0)
    return torch.linalg.svd(x - x.mean(0), full_matrices=False)[2], torch.linalg.eigh(x.t().cov())[1]
