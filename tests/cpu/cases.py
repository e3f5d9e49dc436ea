"""What PyTorch's kernels give in the last bit: signs of zeros, one rounding or two, numbers beside halves."""

import hashlib
import math

from support import Cases

CASES = Cases()
case = CASES.case

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, math.inf, -math.inf, math.nan]


def _signs(x):
    """Elements as texts, since -0.0 equals 0.0."""
    return " ".join("nan" if v != v else repr(v) for v in x.double().flatten().tolist())


@case()
def signs_of_zeros(torch):
    relu = torch.nn.functional.relu
    results = {}
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        x = torch.tensor(EDGES * 3, dtype=dtype)
        bounds = [(0, None), (-0.0, None), (None, 0), (None, -0.0), (0, 1), (-1, 0), (-0.0, 0.0), (0.0, -0.0)]
        results[str(dtype).split(".")[1]] = [
            *(_signs(y) for y in (x.relu(), relu(x), x.clone().relu_(), x[::3].relu(), x[1:2].relu())),
            *(_signs(x.clamp(*pair)) for pair in bounds),
            *(_signs(x.clone().clamp_(*pair)) for pair in bounds),
            *(_signs(x[1:2].clamp(*pair)) for pair in bounds),
            *(_signs(f(x, bound)) for f in (torch.clamp_min, torch.clamp_max) for bound in (0, -0.0)),
            _signs(torch.tensor([0.0, -0.0, 0.0, -1.0, -2.0], dtype=dtype).cumprod(0)),
            _signs(torch.tensor([2.0, -1.0, 0.0, -1.0, -2.0] * 9, dtype=dtype).cumprod(0)),
        ]
    return results


def _checksum(x):
    return hashlib.sha256(x.float().numpy().tobytes() if x.is_floating_point() else x.numpy().tobytes()).hexdigest()


@case()
def streams_of_a_million_numbers(torch):
    """One digit less in a coefficient of the logarithm shows in one normal of 6,500."""
    n = 1_000_000
    results = []
    for seed in (0, 42, 1234):
        torch.manual_seed(seed)
        results.append(
            [
                _checksum(torch.randn(n)),
                _checksum(torch.empty(n).normal_(0.5, 2.25)),
                _checksum(torch.randn(n, dtype=torch.float16)),
                _checksum(torch.randn(n, dtype=torch.bfloat16)),
                _checksum(torch.rand(n)),
                _checksum(torch.empty(n).uniform_(-3, 11.5)),
                _checksum(torch.randint(-7, 1000, (n,))),
                _checksum(torch.randperm(n)),
                _checksum(torch.nn.functional.dropout(torch.ones(n), 0.3)),
            ]
        )
    return results
