"""Reductions and normalisations of masked elements, their gradients, and what they refuse."""

from support import Cases, raised

CASES = Cases()
case = CASES.case

REDUCTIONS = "sum prod mean amax amin argmax argmin median norm var std logsumexp".split()
ALONG = "softmax log_softmax softmin cumsum cumprod".split()


def _input(torch, dtype=None):
    x = torch.tensor([[1.0, -2.0, 0.5, 3.0], [4.0, 0.25, -1.0, 2.0], [0.5, 0.5, 2.0, -3.0]])
    return x.to(dtype or torch.float32)


def _mask(torch):
    return torch.tensor([[True, False, True, True], [False, False, False, False], [True, True, False, True]])


@case(rtol=1e-5, atol=1e-6)
def reductions(torch):
    found = {}
    for name in REDUCTIONS:
        fn = getattr(torch.masked, name)
        for mask in (None, _mask(torch), torch.tensor([True, False, True, True])):
            key = f"{name} {None if mask is None else mask.ndim}"
            found[f"{key} dim"] = fn(_input(torch), dim=1, mask=mask)
            found[f"{key} keepdim"] = fn(_input(torch), dim=0, keepdim=True, mask=mask)
            if name != "median":
                found[key] = fn(_input(torch), mask=mask)
            if name not in ("median", "argmax", "argmin"):
                found[f"{key} dims"] = fn(_input(torch), dim=(-1, 0), mask=mask)
    return found


@case(rtol=1e-5, atol=1e-6)
def along_a_dim(torch):
    return {
        f"{name} {dim}": getattr(torch.masked, name)(_input(torch), dim, mask=_mask(torch))
        for name in ALONG
        for dim in (0, -1)
    }


@case(rtol=1e-5, atol=1e-6)
def others(torch):
    x, mask = _input(torch), _mask(torch)
    masked = torch.masked
    return [
        masked.normalize(x, 2.0, 1, mask=mask),
        masked.normalize(x, 1.0, 0, eps=10.0),
        masked.logaddexp(x, x * 2, input_mask=mask, other_mask=~mask),
        masked.norm(x, float("-inf"), 1, mask=mask),
        masked.norm(x, float("inf"), 1, mask=mask),
        masked.var(x, 1, False, mask=mask),
        masked.std(x, 1, correction=2, mask=mask),
        masked.sum(x, (), mask=mask),
        masked.sum(torch.tensor(3.0), mask=torch.tensor(False)),
        masked.is_masked_tensor(x),
    ]


@case(rtol=1e-6)
def dtypes(torch):
    found = {}
    for dtype in (torch.int64, torch.uint8, torch.bool, torch.float64):
        x = _input(torch).abs().to(dtype)
        for name in ("sum", "prod", "cumsum", "cumprod"):
            if dtype == torch.bool and name.startswith("cum"):
                continue
            dims = {"dim": 1} if name.startswith("cum") else {}
            result = getattr(torch.masked, name)(x, mask=_mask(torch), **dims)
            found[f"{name} {str(dtype).partition(chr(46))[2]}"] = [str(result.dtype), result]
        if dtype != torch.bool:
            result = torch.masked.amax(x, 1, mask=_mask(torch))
            found[f"amax {str(dtype).partition(chr(46))[2]}"] = [str(result.dtype), result]
    found["sum as"] = torch.masked.sum(_input(torch), dtype=torch.int32)
    found["mean as"] = torch.masked.mean(_input(torch).long(), dtype=torch.float64)
    return found


@case(rtol=1e-5, atol=1e-6)
def gradients(torch):
    found = {}
    for name in (*REDUCTIONS, *ALONG):
        if name in ("argmax", "argmin", "median"):
            continue
        x = _input(torch, torch.float64).requires_grad_()
        mask = torch.tensor([[True, False, True, True], [False, True, True, True], [True, True, False, True]])
        getattr(torch.masked, name)(x, dim=1, mask=mask).pow(2).sum().backward()
        found[name] = x.grad
    return found


@case()
def refusals(torch):
    masked, x = torch.masked, _input(torch)
    return [
        raised(masked.sum, x, mask=torch.ones(1, 3, 4, dtype=torch.bool)),
        raised(masked.sum, x, (0, 0)),
        raised(masked.sum, x, 5),
        raised(masked.mean, x.long()),
        raised(masked.mean, x, dtype=torch.int64),
        raised(masked.amax, x.bool(), mask=_mask(torch)),
        raised(masked.median, x.long(), 1, mask=_mask(torch)),
        raised(masked.var, x, 1, True, correction=1),
    ]
