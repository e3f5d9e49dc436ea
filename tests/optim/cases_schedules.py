"""Schedules as PyTorch runs them: every rate and momentum, state dicts, warnings, messages; averages of weights."""

import copy
import warnings

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _optimizer(torch, kind="SGD", **options):
    params = [torch.ones(1, requires_grad=True) for _ in range(2)]
    options = {"momentum": 0.9, **options} if kind == "SGD" else options
    return getattr(torch.optim, kind)([{"params": params[:1]}, {"params": params[1:], "lr": 0.25}], lr=0.5, **options)


def _kinds(torch):
    s = torch.optim.lr_scheduler
    return {
        "lambda": lambda o, **k: s.LambdaLR(o, lambda e: 1 / (e + 2), **k),
        "multiplicative": lambda o, **k: s.MultiplicativeLR(o, [lambda e: 0.9, lambda e: 0.5], **k),
        "step": lambda o, **k: s.StepLR(o, 2, **k),
        "multistep": lambda o, **k: s.MultiStepLR(o, [2, 4, 4], 0.5, **k),
        "constant": lambda o, **k: s.ConstantLR(o, 0.5, 3, **k),
        "linear": lambda o, **k: s.LinearLR(o, 0.5, 0.9, 4, **k),
        "exponential": lambda o, **k: s.ExponentialLR(o, 0.9, **k),
        "cosine": lambda o, **k: s.CosineAnnealingLR(o, 4, 0.01, **k),
        "polynomial": lambda o, **k: s.PolynomialLR(o, 6, 2.0, **k),
        "triangular": lambda o, **k: s.CyclicLR(o, 0.1, [0.8, 0.7], 3, 2, **k),
        "triangular2": lambda o, **k: s.CyclicLR(o, 0.1, 0.8, 2, mode="triangular2", cycle_momentum=False, **k),
        "exp_range": lambda o, **k: s.CyclicLR(o, [0.1, 0.2], 0.8, 3, mode="exp_range", gamma=0.9, **k),
        "scale": lambda o, **k: s.CyclicLR(o, 0.1, 0.8, 2, scale_fn=lambda x: 0.5**x, scale_mode="iterations", **k),
        "onecycle": lambda o, **k: s.OneCycleLR(o, [0.8, 0.9], total_steps=12, **k),
        "threephase": lambda o, **k: s.OneCycleLR(
            o, 0.8, epochs=4, steps_per_epoch=3, three_phase=True, anneal_strategy="linear", cycle_momentum=False, **k
        ),
        "restarts": lambda o, **k: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01, **k),
        "swa": lambda o, **k: torch.optim.swa_utils.SWALR(o, [0.05, 0.1], 3, **k),
        "swalinear": lambda o, **k: torch.optim.swa_utils.SWALR(o, 0.05, 2, "linear", **k),
    }


def _run(optimizer, schedule, count):
    rows = [[group["lr"] for group in optimizer.param_groups]]
    for _ in range(count):
        optimizer.step()
        schedule.step()
        rows.append([group["lr"] for group in optimizer.param_groups] + [optimizer.param_groups[0]["momentum"]])
        assert [float(rate) for rate in schedule.get_last_lr()] == rows[-1][:2]
    return rows


def _state(value):
    if isinstance(value, dict):
        return {key: _state(item) for key, item in value.items()}
    return [_state(item) for item in value] if isinstance(value, (list, tuple)) else value


@case(rtol=1e-12, atol=1e-15)
def rates(torch):
    shown = {}
    for name, make in _kinds(torch).items():
        optimizer = _optimizer(torch)
        schedule = make(optimizer)
        group = {key: value for key, value in optimizer.param_groups[1].items() if key != "params"}
        shown[name] = [group, _run(optimizer, schedule, 11), _state(schedule.state_dict())]
    return shown


@case(rtol=1e-12, atol=1e-15)
def resumed(torch):
    shown = {}
    for name, make in _kinds(torch).items():
        first = _optimizer(torch)
        before = make(first)
        _run(first, before, 4)
        again = _optimizer(torch)
        again.load_state_dict(first.state_dict())
        shown[name] = [_run(again, make(again, last_epoch=before.last_epoch), 4)]
        other = _optimizer(torch)
        after = make(other)
        other.load_state_dict(first.state_dict())
        after.load_state_dict(copy.copy(before.state_dict()))
        shown[name].append(_run(other, after, 4))
    return shown


@case(rtol=1e-12, atol=1e-15)
def joined(torch):
    s, kinds, shown = torch.optim.lr_scheduler, _kinds(torch), {}
    names = ["lambda", "multiplicative", "step", "constant", "cosine", "restarts", "onecycle"]
    for a, b in [(a, b) for a in names for b in ("linear", "exponential", "multiplicative")]:
        optimizer = _optimizer(torch)
        schedule = s.SequentialLR(optimizer, [kinds[a](optimizer), kinds[b](optimizer)], [3])
        shown[f"{a}, then {b}"] = [_run(optimizer, schedule, 5), _state(schedule.state_dict())]
        optimizer = _optimizer(torch)
        schedule = s.ChainedScheduler([kinds[a](optimizer), kinds[b](optimizer)])
        shown[f"{a} and {b}"] = [_run(optimizer, schedule, 5), _state(schedule.state_dict())]
    optimizer = _optimizer(torch)
    parts = [s.ChainedScheduler([kinds["constant"](optimizer), kinds["step"](optimizer)]), kinds["cosine"](optimizer)]
    schedule = warned(s.SequentialLR, optimizer, parts, [2])[1]  # PyTorch warns of the order of steps here
    shown["nested"] = [_run(optimizer, schedule, 5), _state(schedule.state_dict())]
    other = _optimizer(torch)
    parts = [s.ChainedScheduler([kinds["constant"](other), kinds["step"](other)]), kinds["cosine"](other)]
    loaded = warned(s.SequentialLR, other, parts, [2])[1]
    loaded.load_state_dict(schedule.state_dict())
    other.load_state_dict(optimizer.state_dict())
    shown["loaded"] = _run(other, loaded, 4)
    return shown


@case(rtol=1e-12, atol=1e-15)
def closed_forms(torch):
    shown = {}
    for name, make in _kinds(torch).items():
        optimizer = _optimizer(torch)
        schedule, rows = make(optimizer), []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for epoch in (0, 2, 7, 3):
                schedule.step(epoch)
                rows.append(list(schedule.get_last_lr()))
        shown[name] = [rows, schedule.last_epoch]
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(_optimizer(torch), 3, 2)
    for epoch in (1.5, 4, 10.25):
        schedule.step(epoch)
        shown[str(epoch)] = [schedule.T_cur, schedule.T_i, schedule.last_epoch, schedule.get_last_lr()]
    return shown


METRICS = [1.0, 0.9, 0.95, 0.9, 0.91, 0.92, 0.5, 0.6, 0.49999, 0.7, 0.7, 0.7, 0.7, 0.2]


@case(rtol=1e-12)
def plateau(torch):
    make, shown = torch.optim.lr_scheduler.ReduceLROnPlateau, []
    for options in (
        {"patience": 1},
        {"mode": "max", "factor": 0.5, "patience": 0, "threshold": 0.05, "threshold_mode": "abs", "cooldown": 2},
        {"patience": 0, "min_lr": [0.1, 0.02], "cooldown": 1},
        {"patience": 0, "threshold_mode": "abs", "eps": 0.3},
    ):
        optimizer = _optimizer(torch)
        schedule = make(optimizer, **options)
        rows = []
        for metric in METRICS:
            schedule.step(torch.tensor(metric, dtype=torch.float64))
            rows.append([*schedule.get_last_lr(), schedule.num_bad_epochs, schedule.in_cooldown])
        other = make(_optimizer(torch))
        other.load_state_dict(schedule.state_dict())
        shown += [rows, _state(schedule.state_dict()), _state(other.state_dict()) == _state(schedule.state_dict())]
    optimizer.add_param_group({"params": [torch.ones(1)]})
    schedule.step(9.0)
    strict = make(_optimizer(torch), patience=0, min_lr=[0.1, 0.2])
    strict.optimizer.add_param_group({"params": [torch.ones(1)]})
    strict.step(1.0)
    told = warned(schedule.step, 1.0, epoch=7)[0]
    return [*shown, schedule.min_lrs, raised(strict.step, 2.0), raised(schedule.step), told, schedule.last_epoch]


@case()
def order_of_steps(torch):
    make = torch.optim.lr_scheduler.StepLR
    early, replaced, right = (make(_optimizer(torch), 1) for _ in range(3))
    replaced.optimizer.step = lambda: None
    right.optimizer.step()
    shown = [warned(early.step)[0], warned(replaced.step)[0], warned(right.step)[0], warned(early.step)[0]]
    shown += [warned(right.step, 5)[0], warned(right.get_lr)]
    hooked = make(_optimizer(torch), 1)
    hooked.optimizer.register_step_post_hook(lambda *a: None)
    hooked.optimizer.step()
    return [*shown, warned(hooked.step)[0], hooked.get_last_lr()]


@case(rtol=1e-6)
def rates_that_are_tensors(torch):
    kinds, shown = _kinds(torch), {}
    for name in ("lambda", "step", "linear", "exponential", "cosine", "triangular", "onecycle"):
        param = torch.ones(1, requires_grad=True)
        groups = [{"params": [param]}, {"params": [torch.ones(1)]}]
        optimizer = torch.optim.Adam(groups, lr=torch.tensor(0.5))
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(0.5)
        rate = optimizer.param_groups[0]["lr"]
        schedule = kinds[name](optimizer)
        for _ in range(3):
            optimizer.step()
            schedule.step()
        group = optimizer.param_groups[0]
        shown[name] = [group["lr"] is rate, rate, schedule.get_last_lr(), list(group["betas"])]
    return shown


@case()
def schedule_messages(torch):
    s, shown = torch.optim.lr_scheduler, []
    bare = torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1)
    for make in (
        lambda o: s.LambdaLR(o, [lambda e: 1]),
        lambda o: s.MultiplicativeLR(o, [lambda e: 1]),
        lambda o: s.StepLR(3, 1),
        lambda o: s.StepLR(o, 2, last_epoch=3),
        lambda o: s.ConstantLR(o, 1.5),
        lambda o: s.LinearLR(o, 0.0),
        lambda o: s.LinearLR(o, 0.5, 2.0),
        lambda o: s.CyclicLR(o, 0.1, 0.5, mode="x"),
        lambda o: s.CyclicLR(o, [0.1], 0.5),
        lambda o: s.CyclicLR(torch.optim.Optimizer([torch.ones(1)], {"lr": 0.1}), 0.1, 0.5),
        lambda o: s.OneCycleLR(o, 1.0),
        lambda o: s.OneCycleLR(o, 1.0, total_steps=0),
        lambda o: s.OneCycleLR(o, 1.0, epochs=0, steps_per_epoch=2),
        lambda o: s.OneCycleLR(o, 1.0, epochs=2, steps_per_epoch=-2),
        lambda o: s.OneCycleLR(o, 1.0, total_steps=5, pct_start=2),
        lambda o: s.OneCycleLR(o, 1.0, total_steps=5, anneal_strategy="x"),
        lambda o: s.CosineAnnealingWarmRestarts(o, 0),
        lambda o: s.CosineAnnealingWarmRestarts(o, 2, 1.5),
        lambda o: s.CosineAnnealingWarmRestarts(o, 2).step(-1),
        lambda o: s.ReduceLROnPlateau(o, mode="x"),
        lambda o: s.ReduceLROnPlateau(o, factor=1.0),
        lambda o: s.ReduceLROnPlateau(o, threshold_mode="x"),
        lambda o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
        lambda o: s.SequentialLR(o, [], []),
        lambda o: s.SequentialLR(o, [s.StepLR(o, 1)], [1]),
        lambda o: s.SequentialLR(o, [3], []),
        lambda o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
        lambda o: s.ChainedScheduler([]),
        lambda o: s.ChainedScheduler([s.StepLR(o, 1), s.ReduceLROnPlateau(o)]),
        lambda o: torch.optim.swa_utils.SWALR(o, 0.1, anneal_strategy="x"),
        lambda o: torch.optim.swa_utils.SWALR(o, 0.1, anneal_epochs=-1),
        lambda o: torch.optim.swa_utils.SWALR(o, [0.1]),
        lambda o: s.LRScheduler(o),
    ):
        shown.append(raised(make, _optimizer(torch)))
    late = s.OneCycleLR(bare, 1.0, total_steps=3, cycle_momentum=False)
    for _ in range(3):
        bare.step()
        late.step()
    other = raised(lambda: s.SequentialLR(bare, [s.StepLR(_optimizer(torch), 1)], []))
    return [*shown, raised(late.step), other.partition(" at index")[0], issubclass(s.StepLR, s.LRScheduler)]


@case(rtol=1e-6)
def averaged_models(torch):
    nn, swa = torch.nn, torch.optim.swa_utils

    def model(value):
        net = nn.Sequential(nn.Linear(1, 1))
        nn.init.constant_(net[0].weight, value)
        nn.init.constant_(net[0].bias, value * 2)
        net.register_buffer("stat", torch.tensor([value]))
        net.register_buffer("count", torch.tensor(int(value)))
        return net

    shown = []
    for options in (
        {},
        {"use_buffers": True},
        {"avg_fn": lambda average, value, count: average * 0.5 + value * 0.5},
        {"avg_fn": swa.get_ema_avg_fn(0.9)},
        {"avg_fn": swa.get_swa_avg_fn()},
        {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
        {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    ):
        net = swa.AveragedModel(model(1.0), **options)
        for value in (2.0, 3.0, 5.0):
            net.update_parameters(model(value))
            shown.append([list(net.parameters()), net.n_averaged, net.module.stat, net.module.count])
        shown.append(net(torch.ones(1, 1)))
    loaded = swa.AveragedModel(model(7.0))
    shown += [repr(loaded.load_state_dict(net.state_dict())), loaded.n_averaged, list(net.state_dict()), repr(net)]
    both = {"avg_fn": swa.get_swa_avg_fn(), "multi_avg_fn": swa.get_swa_multi_avg_fn()}
    shown += [raised(swa.AveragedModel, model(1.0), **both), raised(swa.get_ema_avg_fn, 2.0)]
    return [*shown, raised(swa.get_ema_multi_avg_fn, -1.0)]
