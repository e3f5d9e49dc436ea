"""LSTM layers as one op, beside the same written step by step."""

import pytest

import rustgrad as torch
from rustgrad import nn
from rustgrad._rustgrad.torch import _lstm


def by_steps(layer, x, h, c):
    """All layers and directions by the formulas of the docs. x: (T, B, features)."""
    finals_h, finals_c = [], []
    directions = 2 if layer.bidirectional else 1
    for index in range(layer.num_layers):
        outputs = []
        for direction in range(directions):
            suffix = f"l{index}" + ("_reverse" if direction else "")
            w_ih, w_hh = getattr(layer, f"weight_ih_{suffix}"), getattr(layer, f"weight_hh_{suffix}")
            biases = [getattr(layer, f"bias_{kind}_{suffix}") if layer.bias else 0 for kind in ("ih", "hh")]
            at = index * directions + direction
            hidden, cell, found = h[at], c[at], []
            for now in reversed(x.unbind(0)) if direction else x.unbind(0):
                i, f, g, o = (now @ w_ih.T + hidden @ w_hh.T + sum(biases)).chunk(4, 1)
                cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
                hidden = o.sigmoid() * cell.tanh()
                found.append(hidden)
            outputs.append(torch.stack(found[::-1] if direction else found))
            finals_h.append(hidden)
            finals_c.append(cell)
        x = torch.cat(outputs, -1)
    return x, torch.stack(finals_h), torch.stack(finals_c)


# 16 elements are computed together, 256 rows of a weight packed together.
@pytest.mark.parametrize("batch, hidden", [(1, 1), (3, 5), (17, 16), (9, 33), (2, 70)])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"num_layers": 2, "bidirectional": True}])
def test_results_and_gradients(steps, batch, hidden, options):
    torch.manual_seed(0)
    layer = nn.LSTM(3, hidden, dtype=torch.float64, **options)
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    x = torch.randn(steps, batch, 3, dtype=torch.float64, requires_grad=True)
    h, c = (torch.randn(count, batch, hidden, dtype=torch.float64, requires_grad=True) for _ in range(2))
    inputs = (x, h, c, *layer.parameters())
    ours, (last_h, last_c) = layer(x, (h, c))
    for chosen in ((0,), (1,), (2,), (0, 1, 2)):
        a, b = (ours, last_h, last_c), by_steps(layer, x, h, c)
        torch.manual_seed(1)
        g = [torch.randn(a[k].shape, dtype=torch.float64) for k in chosen]
        wanted = torch.autograd.grad([b[k] for k in chosen], inputs, g, allow_unused=True)
        found = torch.autograd.grad([a[k] for k in chosen], inputs, g, allow_unused=True, retain_graph=True)
        for k in chosen:
            torch.testing.assert_close(a[k], b[k], rtol=1e-10, atol=1e-12)
        for one, other in zip(found, wanted):
            if other is None:
                assert one is None or not one.any()
            else:
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_second_derivatives():
    torch.manual_seed(0)
    layer = nn.LSTM(2, 3, dtype=torch.float64, bidirectional=True)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    h, c = (torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def run(x, h, c):
        output, (last_h, last_c) = layer(x, (h, c))
        return output, last_h, last_c

    assert torch.autograd.gradcheck(run, (x, h, c))
    assert torch.autograd.gradgradcheck(run, (x, h, c))


def test_no_gradient_is_recorded_where_none_is_wanted():
    layer = nn.LSTM(2, 3)
    with torch.no_grad():
        output, _ = layer(torch.randn(4, 2, 2))
    assert not output.requires_grad


def test_autocast_and_halves():
    layer, x = nn.LSTM(4, 5), torch.randn(3, 2, 4)
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = layer(x)
    torch.testing.assert_close(output.float(), layer(x)[0], rtol=0.05, atol=0.05)
    assert layer.bfloat16()(x.bfloat16())[0].dtype == torch.bfloat16


def test_what_does_not_fit():
    with pytest.raises(RuntimeError, match="do not fit"):
        _lstm(torch.zeros(2, 3, 8), torch.zeros(8, 3), torch.zeros(3, 2), torch.zeros(3, 2))
