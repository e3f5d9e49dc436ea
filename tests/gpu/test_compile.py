"""What is compiled and when: a batch of another size is other data for the kernels that are there."""

import pytest
from gpu.child import child

pytestmark = pytest.mark.gpu

STEP = """
from rustgrad import _rustgrad, nn
_rustgrad._gpu_texts()

def compiled():
    return len(_rustgrad._gpu_texts())

def step(model, optimizer, rows, loss):
    x = torch.randn(rows, model[0].in_features).to("gpu")
    y = torch.randint(0, model[2].out_features, (rows,)).to("gpu")
    optimizer.zero_grad()
    out = model(x)
    target = y if loss is nn.functional.cross_entropy else torch.zeros_like(out)
    loss(out, target).backward()
    optimizer.step()

def new_for(widths, name, rows, loss, first=(64,)):
    torch.manual_seed(0)
    a, b, c = widths
    model = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c)).to("gpu")
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01)
    for n in first:
        step(model, optimizer, n, loss)
    torch.gpu.synchronize()
    before = compiled()
    for n in rows:
        step(model, optimizer, n, loss)
        torch.gpu.synchronize()
    return compiled() - before
"""


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("widths", [(20, 64, 10), (4, 8, 3)], ids=str)
def test_a_batch_of_another_size(widths, optimizer):
    rows = [64, 65, 1, 333, 7, 128, 200, 2, 31, 1000]
    said = child(STEP + f"print(new_for({widths}, {optimizer!r}, {rows}, nn.functional.cross_entropy))")
    assert said == ["0"]


def test_the_batches_that_do_compile():
    """As ARCHITECTURE says, of wide layers and of layers with one output: some sizes once, and then no more."""
    case = "(200, 128, 1), 'SGD', {}, nn.functional.mse_loss"
    assert 0 < int(child(STEP + f"print(new_for({case.format([65, 7, 1])}))")[0]) <= 6
    assert child(STEP + f"print(new_for({case.format([333, 128, 31, 5, 3])}, (64, 65, 8, 7, 1)))") == ["0"]


def test_equal_texts_are_one_pipeline():
    """A choice of the kernel's maker that changes no letter compiles nothing: here, that a sum has a second stage."""
    code = """
from rustgrad import _rustgrad
_rustgrad._gpu_texts()
for n in (100, 1000, 100000):
    x = torch.ones(n, 12).to("gpu")
    assert x.sum(0).tolist() == [n] * 12
texts = [text for _, text in _rustgrad._gpu_texts()]
print(len(texts), len(set(texts)))
"""
    made, different = child(code)[0].split()
    assert made == different
