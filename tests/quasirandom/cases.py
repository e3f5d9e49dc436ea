"""Sobol sequences: the points of PyTorch's, bit for bit."""

from support import Cases

CASES = Cases()
case = CASES.case


def _digest(torch, x):
    """Sums that show each bit of a large tensor."""
    units = (x.double() * 2.0**30).long()
    weights = torch.arange(1, units.numel() + 1).reshape(units.shape) % 1009
    return [[*x.shape], str(x.dtype), units.sum().item(), (units * weights).sum().item()]


@case()
def plain_points(torch):
    engine = torch.quasirandom.SobolEngine(5)
    found = [repr(engine), engine.draw(3).tolist(), engine.draw(1).tolist(), engine.draw(13).tolist()]
    found += [engine.num_generated, engine.quasi.tolist(), engine.sobolstate.tolist(), engine.shift.tolist()]
    return found


@case()
def scrambled(torch):
    engine = torch.quasirandom.SobolEngine(dimension=4, scramble=True, seed=1234)
    found = [repr(engine), engine.draw(6).tolist(), engine.draw(3, dtype=torch.float64).tolist()]
    found += [engine.shift.tolist(), engine.sobolstate.tolist(), engine.MAXBIT]
    first = torch.quasirandom.SobolEngine(dimension=3, scramble=True, seed=7).draw(2, dtype=torch.double)
    torch.manual_seed(11)
    unseeded = torch.quasirandom.SobolEngine(2, scramble=True)
    return [*found, first.tolist(), repr(unseeded), unseeded.draw(4).tolist(), torch.rand(2).tolist()]


@case()
def many(torch):
    plain, mixed = (torch.quasirandom.SobolEngine(1111, scramble=s, seed=3) for s in (False, True))
    tall = torch.quasirandom.SobolEngine(3, scramble=True, seed=9)
    return [_digest(torch, x) for x in (plain.draw(700), mixed.draw(600), tall.draw_base2(13), plain.draw(5))]


@case()
def positions(torch):
    engine = torch.quasirandom.SobolEngine(3)
    found = [engine.draw_base2(2).tolist(), engine.draw_base2(2).tolist()]
    found += [engine.reset() is engine, engine.fast_forward(5) is engine, engine.draw(3).tolist(), engine.num_generated]
    found += [engine.fast_forward(1000).draw(2).tolist(), engine.reset().draw().tolist()]
    out = torch.empty(2, 3)
    found += [engine.draw(2, out=out).tolist(), out.tolist()]
    for f in (lambda: engine.draw_base2(3), lambda: torch.quasirandom.SobolEngine(0)):
        try:
            f()
        except ValueError as error:
            found.append(str(error).replace("21201", "1111"))
    return found
