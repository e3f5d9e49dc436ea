"""Inference mode, and views that nobody recorded."""

import copy

from support import Cases, raised

CASES = Cases()
case = CASES.case


def first_line(text):
    """The message without hints."""
    return text.split("\n")[0]


@case()
def inside(torch):
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    out = []
    with torch.inference_mode():
        a, z = torch.ones(2), x * 2
        made = [a, a[0:1], x[0:1], z, a.detach(), a.clone(), torch.zeros_like(x), torch.nn.Parameter(torch.ones(2))]
        out.append([[t.is_inference(), t.requires_grad, t.is_leaf] for t in made])
        with torch.enable_grad():
            q = x * 2
            out.append([torch.is_grad_enabled(), q.requires_grad, q.is_inference(), torch.is_inference_mode_enabled()])
        with torch.inference_mode(False):
            q = x * 2
            out.append([torch.is_grad_enabled(), q.requires_grad, q.is_inference(), torch.is_inference_mode_enabled()])
            out.append(raised(a.add_, 1))
        r = torch.ones(2, requires_grad=True)
        out.append([r.requires_grad, (r * 2).requires_grad, r.is_inference()])
        x.add_(0)
        y.mul_(1)
        out += [y._version, raised(lambda: a._version), first_line(raised((x * 2).sum().backward))]
    out += [torch.is_inference_mode_enabled(), torch.is_grad_enabled(), torch.is_inference(a), x.is_inference()]
    return out


@case()
def outside(torch):
    x = torch.ones(3, requires_grad=True)
    with torch.inference_mode():
        a = torch.ones(2)
        view = x[0:1]

    def quietly():
        with torch.no_grad():
            a.add_(1)

    return [
        raised(a.add_, 1),
        raised(quietly),
        raised(a.__setitem__, 0, 1),
        raised(a.squeeze_),
        raised(a[0].add_, 1),
        raised(torch.add, torch.ones(2), 1, out=a),
        raised(lambda: x[:2] * a),
        (x[:2] + a).requires_grad,
        first_line(raised(a.requires_grad_)),
        first_line(raised(setattr, a, "requires_grad", True)),
        raised(setattr, a, "requires_grad", False),
        raised(lambda: a._version),
        [a.detach().is_inference(), a.data.is_inference(), a[0].is_inference(), torch.as_tensor(a).is_inference()],
        [a.clone().is_inference(), (a + 1).is_inference(), copy.deepcopy(a).is_inference()],
        torch.zeros(2).copy_(a).is_inference(),
        first_line(raised(torch.nn.Parameter, a)),
        raised(view.add_, 1),
        view.requires_grad,
        raised(torch.nn.Linear(2, 2), a),
    ]


@case()
def decorators(torch):
    @torch.inference_mode()
    def called():
        return torch.ones(1).is_inference(), torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    @torch.inference_mode
    def bare():
        return torch.ones(1).is_inference(), torch.is_inference_mode_enabled()

    @torch.inference_mode(mode=False)
    def off():
        return torch.ones(1).is_inference(), torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    @torch.inference_mode()
    def steps():
        yield torch.is_inference_mode_enabled()
        yield torch.is_inference_mode_enabled()

    between = []
    for inside in steps():
        between.append([inside, torch.is_inference_mode_enabled()])
    with torch.inference_mode():
        nested = off()
    return [called(), bare(), off(), nested, between, torch.is_inference_mode_enabled(), torch.is_grad_enabled()]


@case()
def views_without_recording(torch):
    x = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        v = x[0:2]
        kinds = [
            x.view(3, 1),
            x.expand(2, 3),
            x.unsqueeze(0),
            x.t(),
            x.chunk(2)[0],
            x.view_as(x),
            v[0:1],
            x.detach(),
            x.data[0:1],
            x.detach()[:1],
            x * 1,
        ]
    out = [[[t.requires_grad, t.is_leaf] for t in kinds]]
    o = v * 2
    o.sum().backward()
    out.append([v.requires_grad, v.is_leaf, v.grad_fn, v._base is x, o.requires_grad, x.grad, v.grad])
    out += [raised(v.add_, 1), v.detach().requires_grad, repr(v)]
    with torch.no_grad():
        v.add_(1)
    b = torch.ones(3)
    before, after = b[:2], None
    with torch.no_grad():
        after = b[:2]
    b.requires_grad_()
    out.append([before.requires_grad, after.requires_grad])
    return out
