"""Forward mode over the registry's samples: the tangents of results are what two backward passes give."""

import pytest
from generated import registry, samples

import rustgrad as torch
from rustgrad import _rustgrad
from rustgrad.autograd import forward_ad

ROWS = registry.rows(_rustgrad._describe()["rows"])


def direction(t, i):
    """A tangent of some numbers that no symmetry cancels."""
    v = torch.linspace(0.3 + i, 1.7 - i, t.numel(), dtype=torch.float64).reshape(t.shape)
    return (v + 1j * v.flip(0)).to(t.dtype) if t.is_complex() else v.to(t.dtype)


def leaves(args):
    tensors = [t for a in args for t in (a if isinstance(a, (list, tuple)) else [a])]
    return [t for t in tensors if isinstance(t, torch.Tensor) and t.requires_grad and t.is_leaf]


def replaced(args, given):
    place = {id(old): new for old, new in given}

    def one(a):
        if isinstance(a, (list, tuple)):
            return type(a)(one(x) for x in a)
        return place.get(id(a), a)

    return [one(a) for a in args]


def by_backward(outs, inputs, tangents):
    """The product of the Jacobian with the tangents; None where backward cannot be differentiated."""
    products = []
    for y in outs:
        if not y.requires_grad:
            products.append(None)
            continue
        u = torch.zeros_like(y).requires_grad_()
        grads = torch.autograd.grad(y, inputs, u, create_graph=True, allow_unused=True)
        pairs = [(g, t) for g, t in zip(grads, tangents) if g is not None and g.requires_grad]
        found = None
        if pairs:
            roots, given = zip(*pairs)
            (found,) = torch.autograd.grad(roots, u, given, retain_graph=True, allow_unused=True)
        products.append(None if found is None else found.detach())
    return products


@pytest.mark.parametrize("row", [pytest.param(row, id=row.key) for row in ROWS if not row.inplace or row.out])
def test_tangents(row):
    for text in row.samples:
        s = None
        try:
            s = samples.Sample(torch, text, "float64", grad=True)
            torch.manual_seed(0)
            outs = registry.tensors(torch, registry.run(torch, row.forms[0], s)) or []
            inputs = leaves(s.args)
            tangents = [direction(t, i) for i, t in enumerate(inputs)]
            wanted = by_backward(outs, inputs, tangents) if inputs else []
        except Exception:  # refused samples, and ops whose backward has no derivative
            continue
        if not inputs:
            continue
        with forward_ad.dual_level(), torch.no_grad():
            duals = [forward_ad.make_dual(t.detach(), v) for t, v in zip(inputs, tangents)]
            s.args = replaced(s.args, list(zip(inputs, duals)))
            torch.manual_seed(0)
            got = registry.tensors(torch, registry.run(torch, row.forms[0], s)) or []
            for y, want in zip(got, wanted):
                tangent = forward_ad.unpack_dual(y).tangent
                assert not y.requires_grad, text
                if want is None:
                    continue
                assert tangent is not None, text
                torch.testing.assert_close(tangent, want, rtol=1e-9, atol=1e-9, equal_nan=True, check_stride=False)
