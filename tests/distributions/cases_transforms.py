"""Transforms, constraints and the registries that lead from one to the other."""

from support import Cases, raised

CASES = Cases()
case = CASES.case

MADE = """
d.AbsTransform()  d.AffineTransform(1.0,-2.0)  d.AffineTransform(v,v+2,1)  d.ExpTransform()  d.PowerTransform(v.exp())
d.SigmoidTransform()  d.SoftplusTransform()  d.TanhTransform()  d.SoftmaxTransform()  d.StickBreakingTransform()
d.CorrCholeskyTransform()  d.LowerCholeskyTransform()  d.CumulativeDistributionTransform(d.Normal(0.0,1.0))
d.ComposeTransform([d.ExpTransform(),d.AffineTransform(1.0,2.0)])  d.ComposeTransform([])
d.ComposeTransform([d.StickBreakingTransform(),d.StickBreakingTransform().inv])  d.ReshapeTransform((3,),(1,3))
d.IndependentTransform(d.TanhTransform(),1)  d.CatTransform([d.ExpTransform(),d.TanhTransform()],-1,[1,2])
d.StackTransform([d.ExpTransform(),d.TanhTransform(),d.SigmoidTransform()],-1)  d.ExpTransform().inv
""".split()


def _made(torch, text):
    return eval(text, {"d": torch.distributions, "v": torch.tensor([0.5, -1.0, 0.25])})


def _or_error(fn):
    try:
        return fn()
    except Exception as e:
        return type(e).__name__


@case(rtol=2e-5, atol=1e-6)
def transforms(torch):
    results = {}
    for text in MADE:
        t = _made(torch, text)
        x = torch.tensor([[0.3, 1.2, 0.5], [2.0, 0.1, 0.9]])
        if "LowerCholesky" in text:
            x = torch.arange(8.0).reshape(2, 2, 2) / 5
        y = t(x)
        results[text] = [
            y,
            _or_error(lambda t=t, y=y: t.inv(y)),
            _or_error(lambda t=t, x=x, y=y: t.log_abs_det_jacobian(x, y)),
            t.bijective,
            _or_error(lambda t=t: t.sign),
            _or_error(lambda t=t: t.event_dim),
            (repr(t.domain), repr(t.codomain)) if "Normal" not in text else None,
            (t.forward_shape(x.shape), t.inverse_shape(y.shape)),
            repr(t) if "v" not in text else None,
        ]
    return results


@case()
def equal_and_cached(torch):
    d = torch.distributions
    made = [_made(torch, text) for text in MADE]
    same = [[a == _made(torch, text) for text in MADE] for a in made]
    x = torch.tensor([0.1, 0.2])
    cached = d.ExpTransform(cache_size=1)
    y = cached(x)
    wide = d.AffineTransform(1.0, 2.0).with_cache()
    z = wide(x)
    return same, cached.inv(y) is x, wide.inv(z) is x, d.ExpTransform().inv(y) is x, cached.inv.inv is cached


@case(rtol=2e-5, atol=1e-6)
def registries(torch):
    d = torch.distributions
    c = d.constraints
    kinds = [c.real, c.positive, c.nonnegative, c.greater_than(2.0), c.greater_than_eq(-1.0), c.less_than(3.0)]
    kinds += [c.interval(-1.0, 3.0), c.unit_interval, c.half_open_interval(0.0, 2.0), c.simplex, c.real_vector]
    kinds += [c.independent(c.positive, 1), c.corr_cholesky, c.cat([c.positive, c.real], -1, [1, 2])]
    kinds += [c.stack([c.positive, c.real, c.unit_interval], -1)]
    x = torch.tensor([[0.3, -1.2, 0.5], [2.0, 0.1, -0.9]])
    results = []
    for kind in kinds:
        y, z = d.biject_to(kind)(x), d.transform_to(kind)(x)
        shown = repr(kind) if type(kind).__name__ not in ("_Cat", "_Stack") else type(kind).__name__
        results.append((shown, kind.event_dim, kind.is_discrete, y, z, kind.check(y).all()))
    return results


@case()
def constraints(torch):
    c, t = torch.distributions.constraints, torch.tensor
    v = t([-1.0, 0.0, 0.5, 1.0, 2.0, float("nan")])
    plain = [c.boolean, c.nonnegative_integer, c.positive_integer, c.integer_interval(0, 1), c.real, c.positive]
    plain += [c.nonnegative, c.less_than(1.0), c.unit_interval, c.half_open_interval(0.0, 1.0)]
    m = t([[[1.0, 0.0], [0.5, 2.0]], [[1.0, 0.5], [0.5, -2.0]], [[0.0, 1.0], [-1.0, 0.0]]])
    square = [c.lower_triangular, c.lower_cholesky, c.square, c.symmetric, c.corr_cholesky]
    rows = t([[0.25, 0.75], [0.0, 1.0], [0.5, 0.6], [1.0, 2.0]])
    vectors = [c.one_hot, c.simplex, c.multinomial(1), c.real_vector, c.independent(c.unit_interval, 1)]
    return (
        [(repr(k), k.check(v), k.is_discrete, k.event_dim) for k in plain],
        [(repr(k), k.check(m), k.is_discrete, k.event_dim) for k in square],
        [(repr(k), k.check(rows), k.is_discrete, k.event_dim) for k in vectors],
        [c.is_dependent(k) for k in (c.dependent, c.real, c.dependent(is_discrete=True))],
        raised(lambda: c.independent(c.real, 2).check(t([1.0]))),
        raised(lambda: c.cat([c.real], 0, [1, 2])),
    )


@case(rtol=1e-6)
def matrices(torch):
    from importlib import import_module

    u = import_module(torch.__name__ + ".distributions.utils")
    v = torch.arange(1.0, 7.0)
    m = torch.arange(9.0).reshape(3, 3)
    return (
        u.vec_to_tril_matrix(v),
        u.vec_to_tril_matrix(v, -1),
        u.tril_matrix_to_vec(m),
        u.tril_matrix_to_vec(m, -1),
        u.tril_matrix_to_vec(m, 1),
        raised(lambda: u.vec_to_tril_matrix(v[:5])),
        raised(lambda: u.tril_matrix_to_vec(m, 3)),
        u.probs_to_logits(torch.tensor([0.0, 0.5, 1.0])),
        u.probs_to_logits(torch.tensor([0.0, 0.5, 1.0]), True),
        u.clamp_probs(torch.tensor([0.0, 1.0], dtype=torch.float64)),
        u.broadcast_all(1, torch.tensor([0.5, 2.0])),
        raised(lambda: u.broadcast_all("a")),
    )
