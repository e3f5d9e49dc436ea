"""What optimizers do on PyTorch: parameters after some steps under each option, state dicts, reprs, messages."""

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _model(torch):
    torch.manual_seed(0)
    a = torch.randn(5, 3, requires_grad=True)
    b = torch.randn(17, requires_grad=True)
    unused = torch.zeros(2, requires_grad=True)
    return [a, b, unused]


def _steps(torch, make, count=6, dtype=None):
    params = _model(torch)
    if dtype:
        # PyTorch rounds the last elements otherwise than whole vectors, which are of 32 halves at most.
        params = [torch.cat([p.detach().flatten()] * 32).to(getattr(torch, dtype)).requires_grad_() for p in params]
    optimizer = make(params)
    torch.manual_seed(1)
    for _ in range(count):
        for p in params[:2]:
            p.grad = torch.randn(p.shape).to(p.dtype)
        optimizer.step()
    states = [dict(optimizer.state[p]) if p in optimizer.state else None for p in params]
    return [params, states]


SGD_OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    {"momentum": 0.8, "nesterov": True, "weight_decay": 0.02},
    {"momentum": 0.5, "maximize": True},
    {"maximize": True, "weight_decay": 0.1},
    {"foreach": True},
]
ADAM_OPTIONS = [
    {},
    {"betas": (0.8, 0.95), "eps": 1e-4},
    {"betas": (0.3, 0.5)},
    {"weight_decay": 0.1},
    {"amsgrad": True},
    {"amsgrad": True, "maximize": True, "weight_decay": 0.05},
    {"decoupled_weight_decay": True, "weight_decay": 0.1},
]


@case()
def sgd(torch):
    return [_steps(torch, lambda p, o=o: torch.optim.SGD(p, lr=0.05, **o)) for o in SGD_OPTIONS]


# PyTorch's square root is not always correctly rounded, so parameters may differ in the last place.
@case(rtol=3e-7)
def adam(torch):
    return [_steps(torch, lambda p, o=o: torch.optim.Adam(p, lr=0.02, **o)) for o in ADAM_OPTIONS]


@case(rtol=3e-7)
def adamw(torch):
    options = [{}, {"weight_decay": 0.3, "amsgrad": True}]
    return [_steps(torch, lambda p, o=o: torch.optim.AdamW(p, lr=0.02, **o)) for o in options]


OTHERS = {
    "Adadelta": [{}, {"rho": 0.7, "weight_decay": 0.1, "maximize": True}],
    "Adagrad": [{}, {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}],
    "Adamax": [{}, {"betas": (0.7, 0.8), "weight_decay": 0.1, "maximize": True}],
    "NAdam": [{}, {"momentum_decay": 0.1, "weight_decay": 0.1}, {"decoupled_weight_decay": True, "weight_decay": 0.1}],
    "RAdam": [{}, {"betas": (0.5, 0.6), "weight_decay": 0.1}, {"decoupled_weight_decay": True, "weight_decay": 0.1}],
    "RMSprop": [{}, {"centered": True, "momentum": 0.5}, {"momentum": 0.9, "weight_decay": 0.1, "maximize": True}],
}

OTHERS |= {
    "ASGD": [{}, {"lambd": 0.1, "alpha": 0.5, "t0": 3, "weight_decay": 0.1}],
    "Adafactor": [{}, {"beta2_decay": -0.5, "eps": (1e-3, 1e-2), "d": 2.0, "weight_decay": 0.1, "maximize": True}],
    "Rprop": [{}, {"etas": (0.3, 1.7), "step_sizes": (1e-3, 0.05), "maximize": True}],
}


@case(rtol=5e-6, atol=1e-6)
def others(torch):
    kinds = [(getattr(torch.optim, name), options) for name, options in OTHERS.items()]
    return [_steps(torch, lambda p, k=kind, o=o: k(p, **o), 8) for kind, options in kinds for o in options]


@case()
def others_shown(torch):
    kinds = [getattr(torch.optim, name) for name in OTHERS]
    shown = [repr(kind(_model(torch), lr=0.5)) for kind in kinds]
    wrong = ({"lr": -1.0}, {"eps": -1.0}, {"weight_decay": -1.0})
    with_eps = [kind for kind in kinds if kind.__name__ not in ("ASGD", "Adafactor", "Rprop")]
    return shown, [raised(lambda k=kind, o=o: k(_model(torch), **o)) for kind in with_eps for o in wrong]


@case()
def others_refused(torch):
    optim, two_dims = torch.optim, [torch.zeros(2, 2, requires_grad=True)]
    wrong = [
        (optim.Rprop, {"etas": (1.0, 0.5)}),
        (optim.Rprop, {"lr": torch.tensor([1.0, 2.0])}),
        (optim.ASGD, {"weight_decay": -1.0}),
        (optim.Adafactor, {"lr": -1.0}),
        (optim.Adafactor, {"beta2_decay": 0.8}),
        (optim.Adafactor, {"eps": (-1.0, 1e-3)}),
        (optim.Adafactor, {"eps": (None, -1.0)}),
        (optim.Adafactor, {"d": 0.5}),
        (optim.Adafactor, {"weight_decay": -0.5}),
        (optim.Muon, {"momentum": -1.0}),
        (optim.Muon, {"adjust_lr_fn": "other"}),
        (optim.SparseAdam, {"lr": 0.0}),
        (optim.SparseAdam, {"betas": (0.5, 1.0)}),
        (optim.LBFGS, {"lr": -1.0}),
    ]
    flat = torch.zeros(3, requires_grad=True)
    groups = [{"params": two_dims}, {"params": [flat]}]
    more = [lambda: optim.Muon([flat]), lambda: optim.LBFGS(groups)]

    def dense():
        flat.grad = torch.ones(3)
        optim.SparseAdam([flat]).step()

    return [raised(lambda k=k, o=o: k(two_dims, **o)) for k, o in wrong] + [
        raised(f).split("\n")[0] for f in (*more, dense)
    ]


@case(rtol=1e-5, atol=1e-6)
def muon(torch):
    results = []
    for options in ({}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.0}, {"ns_steps": 2}):
        torch.manual_seed(0)
        tall, wide = torch.randn(6, 3, requires_grad=True), torch.randn(2, 5, requires_grad=True)
        optimizer = torch.optim.Muon([tall, wide], lr=0.01, **options)
        for _ in range(3):
            for p in (tall, wide):
                p.grad = torch.randn(p.shape)
            optimizer.step()
        results.append([tall, wide, optimizer.state[tall]["momentum_buffer"], repr(optimizer)])
    return results


@case(rtol=1e-5, atol=1e-7)
def sparse_adam(torch):
    results = []
    for options in ({}, {"betas": (0.5, 0.7), "eps": 1e-3, "maximize": True}):
        torch.manual_seed(0)
        table = torch.nn.Embedding(7, 3, sparse=True)
        optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1, **options)
        for rows in ([1, 3, 3], [0, 1, 6], [3, 5, 5]):
            optimizer.zero_grad()
            (table(torch.tensor(rows)) ** 2).sum().backward()
            optimizer.step()
        results.append([table.weight, dict(optimizer.state[table.weight])])
    return results


@case(rtol=1e-4, atol=1e-6)
def lbfgs(torch):
    results = []
    for options in (
        {"max_iter": 4},
        {"lr": 0.3, "history_size": 2, "max_iter": 5},
        {"line_search_fn": "strong_wolfe", "max_iter": 5},
        {"line_search_fn": "strong_wolfe", "lr": 30.0, "max_iter": 4, "history_size": 2},
        {"line_search_fn": "strong_wolfe", "tolerance_grad": 0.3},
    ):
        torch.manual_seed(0)
        w, b = (torch.randn(*s, dtype=torch.float64).requires_grad_() for s in ((3, 4), (4,)))
        x, y = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
        optimizer = torch.optim.LBFGS([w, b], **options)

        def closure(w=w, b=b, x=x, y=y, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((torch.tanh(x @ w + b) - y) ** 2).mean()
            loss.backward()
            return loss

        losses = [optimizer.step(closure) for _ in range(2)]
        results.append([losses, w, b, {k: v for k, v in optimizer.state[w].items() if k != "al"}, repr(optimizer)])
    return results


DIFFERENTIABLE = {
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "Adam": {"amsgrad": True, "weight_decay": 0.1},
    "AdamW": {},
    "Adadelta": {},
    "Adagrad": {},
    "Adamax": {},
    "ASGD": {},
    "NAdam": {},
    "RAdam": {},
    "RMSprop": {"centered": True, "momentum": 0.9},
    "Rprop": {},
}


@case(rtol=1e-5, atol=1e-7)
def differentiable(torch):
    """The gradient of what a recorded step leads to, by what the parameter and its gradient were."""
    results = []
    for name, options in DIFFERENTIABLE.items():
        torch.manual_seed(0)
        start, grad = (torch.randn(4, dtype=torch.float64).requires_grad_() for _ in range(2))
        p = start.clone()
        p.grad = grad
        getattr(torch.optim, name)([p], lr=0.1, differentiable=True, **options).step()
        results.append(torch.autograd.grad((p * p).sum(), [start, grad], allow_unused=True))
    return results


@case()
def float64(torch):
    return [
        _steps(torch, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True), dtype="float64"),
        _steps(torch, lambda p: torch.optim.Adam(p, weight_decay=0.1, amsgrad=True), dtype="float64"),
    ]


@case()
def halves(torch):
    return [
        _steps(torch, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9), 3, "bfloat16"),
        _steps(torch, lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-3), 3, "float16"),
    ]


@case(rtol=3e-7)
def tensor_lr(torch):
    return [
        _steps(torch, lambda p: torch.optim.SGD(p, lr=torch.tensor(0.05))),
        _steps(torch, lambda p: torch.optim.Adam(p, lr=torch.tensor(0.01))),
    ]


@case()
def groups(torch):
    def make(p):
        optimizer = torch.optim.SGD([{"params": p[0], "lr": 0.1}, {"params": [p[1]], "momentum": 0.5}], lr=0.01)
        optimizer.add_param_group({"params": p[2:], "weight_decay": 0.1})
        return optimizer

    return _steps(torch, make)


@case(rtol=3e-7)
def state_dicts(torch):
    def resumed(p, kind, **options):
        first = kind(p, **options)
        for step in range(3):
            for q in p[:2]:
                q.grad = torch.full_like(q, 0.5 + step)
            first.step()
        second = kind(p, lr=9.0)
        second.load_state_dict(first.state_dict())
        return second

    sgd = resumed(_model(torch), torch.optim.SGD, lr=0.1, momentum=0.9)
    adam = resumed(_model(torch), torch.optim.Adam, lr=0.1, amsgrad=True)
    shown = []
    for optimizer in (sgd, adam):
        optimizer.step()
        shown.append(optimizer.state_dict())
    return [*shown, _steps(torch, lambda p: resumed(p, torch.optim.Adam, lr=0.1))]


@case()
def reprs(torch):
    p = _model(torch)
    return [
        repr(torch.optim.SGD(p, lr=0.1)),
        repr(torch.optim.Adam([{"params": p[:1]}, {"params": p[1:], "lr": 1e-5}])),
        repr(torch.optim.AdamW(p)),
        sorted(torch.optim.AdamW(p).defaults),
        sorted(torch.optim.SGD(p).defaults),
    ]


@case(rtol=1e-6)
def closures_and_hooks(torch):
    log = []
    p = torch.tensor([3.0], requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        log.append(loss.item())
        return loss

    with torch.no_grad():
        losses = [optimizer.step(closure).item()]
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append(["pre", len(args), list(kwargs)]))
    optimizer.register_step_post_hook(lambda o, args, kwargs: log.append(["post", o is optimizer]))
    losses.append(optimizer.step(closure).item())
    before.remove()
    losses.append(optimizer.step(closure=closure).item())
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, d: log.append(sorted(d)))
    optimizer.load_state_dict(optimizer.state_dict())
    return [losses, log, p]


@case()
def named(torch):
    p = _model(torch)
    optimizer = torch.optim.SGD([("a", p[0]), ("b", p[1])], lr=0.1)
    return [
        optimizer.state_dict(),
        raised(torch.optim.SGD, [("a", p[0]), p[1]], lr=0.1),
        raised(optimizer.add_param_group, {"params": [p[2]]}),
    ]


@case()
def zero_grad(torch):
    p = _model(torch)[:2]
    optimizer = torch.optim.SGD(p, lr=0.1)
    p[0].grad = torch.ones(5, 3)
    optimizer.zero_grad(set_to_none=False)
    zeros = p[0].grad
    optimizer.zero_grad()
    return [zeros, [q.grad for q in p]]


@case()
def messages(torch):
    SGD, Adam, p = torch.optim.SGD, torch.optim.Adam, _model(torch)
    leafless = p[0] * 2
    good = SGD(p, lr=0.1)
    return [
        raised(SGD, p, lr=-1.0),
        raised(SGD, p, momentum=-0.5),
        raised(SGD, p, weight_decay=-1),
        raised(SGD, p, nesterov=True),
        raised(SGD, p, lr=torch.ones(2)),
        raised(Adam, p, lr=-1.0),
        raised(Adam, p, eps=-1.0),
        raised(Adam, p, betas=(1.0, 0.9)),
        raised(Adam, p, betas=(0.9, -0.1)),
        raised(Adam, p, weight_decay=-1),
        raised(Adam, p, fused=True, foreach=True),
        raised(SGD, p, fused=True, differentiable=True),
        raised(SGD, [], lr=0.1),
        raised(SGD, p[0], lr=0.1),
        raised(SGD, [3], lr=0.1),
        raised(SGD, [leafless], lr=0.1),
        raised(SGD, [{"params": {p[0]}}], lr=0.1),
        raised(good.add_param_group, [p[0]]),
        raised(good.add_param_group, {"params": [p[0]]}),
        raised(good.load_state_dict, {"state": {}, "param_groups": []}),
        raised(good.load_state_dict, {"state": {}, "param_groups": [{"params": [0]}]}),
    ]
