"""What every optimizer has on PyTorch: groups, names, hooks of steps and state dicts, copies."""

import copy
import pickle
import sys

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _param(torch, grad=1.0):
    p = torch.ones(1, requires_grad=True)
    p.grad = torch.full((1,), grad)
    return p


def _base(torch):
    return sys.modules[torch.optim.Optimizer.__module__]


@case()
def named_parameters(torch):
    make, shown = torch.optim.SGD, []
    optimizer = make([("a", _param(torch)), ("b", _param(torch))], 0.1)
    optimizer.add_param_group({"params": [("c", _param(torch))], "lr": 5.0})
    shown += [optimizer.state_dict()["param_groups"], repr(optimizer)]
    plain = make([_param(torch)], 0.2)
    plain.load_state_dict(make([("w", _param(torch))], 0.3).state_dict())
    named = make([("w", _param(torch))], 0.3)
    named.load_state_dict(make([_param(torch)], 0.2).state_dict())
    shown += [plain.param_groups[0].get("param_names"), named.param_groups[0].get("param_names")]
    for call in (
        lambda: make([("a", _param(torch)), _param(torch)], 0.1),
        lambda: make([{"params": [("a", _param(torch))]}, {"params": [_param(torch)]}], 0.1),
        lambda: optimizer.add_param_group({"params": [_param(torch)]}),
        lambda: optimizer.add_param_group(3),
        lambda: make({_param(torch)}, 0.1) and None,
        lambda: make([{"params": {_param(torch)}}], 0.1),
        lambda: make([{"foo": 3}], 0.1),
        lambda: make([], 0.1),
        lambda: make(torch.ones(1), 0.1),
        lambda: make([3], 0.1),
        lambda: make([_param(torch) * 2], 0.1),
    ):
        shown.append(raised(call).replace("<class 'int'>", "int"))
    p = _param(torch)
    shown.append(raised(make, [{"params": [p]}, {"params": [p]}], 0.1))
    shown.append(warned(make, [p, p], 0.1)[0][0].partition(";")[0])
    return [*shown, repr(make(iter([{"params": p}]), 0.1))]


@case()
def hooks_of_steps(torch):
    base, log = _base(torch), []

    def note(name):
        return lambda optimizer, args, kwargs: log.append([name, type(optimizer).__name__, len(args), list(kwargs)])

    early = torch.optim.SGD([_param(torch)], 0.1)
    handles = [
        base.register_optimizer_step_pre_hook(note("all before")),
        base.register_optimizer_step_post_hook(note("all after")),
    ]
    late = torch.optim.Adam([_param(torch)], 0.1)
    handles += [early.register_step_pre_hook(note("before")), early.register_step_post_hook(note("after"))]
    results = [early.step(), late.step(lambda: 3.0), early.step(closure=lambda: 4.0)]
    for handle in handles:
        handle.remove()
    early.step()
    wrong = early.register_step_pre_hook(lambda o, a, k: 3)
    results.append(raised(early.step).partition(" must")[2])
    wrong.remove()
    early.register_step_pre_hook(lambda o, a, k: (a, {"closure": lambda: 5}))
    return [log, results, early.step()]


@case()
def hooks_of_state_dicts(torch):
    log = []
    first = torch.optim.SGD([_param(torch)], 0.1, momentum=0.9)
    first.step()
    first.register_state_dict_pre_hook(lambda o: log.append("second"))
    first.register_state_dict_pre_hook(lambda o: log.append("first"), prepend=True)
    first.register_state_dict_post_hook(lambda o, state: log.append(list(state)))
    first.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1})
    state = first.state_dict()
    other = torch.optim.SGD([_param(torch)], 0.2, momentum=0.9)
    other.register_load_state_dict_pre_hook(lambda o, state: log.append(list(state)))
    other.register_load_state_dict_pre_hook(lambda o, state: {k: v for k, v in state.items() if k != "extra"})
    other.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
    other.load_state_dict(state)
    return [log, other.state_dict(), list(state)]


@case()
def states_of_optimizers(torch):
    first = torch.optim.Adam([_param(torch), _param(torch, 2.0)], 0.1)
    first.step()
    state = first.state_dict()
    wide = torch.ones(1, dtype=torch.float64, requires_grad=True)
    other = torch.optim.Adam([wide, _param(torch)], 0.5)
    other.load_state_dict(state)
    shown = [state["param_groups"], [list(one) for one in state["state"].values()]]
    shown += [
        str(other.state[wide]["exp_avg"].dtype),
        str(other.state[wide]["step"].dtype),
        other.param_groups[0]["lr"],
    ]
    state["state"][7] = {"x": 1}
    state["state"]["k"] = 3
    first.load_state_dict(state)
    shown.append([str(key) for key in first.state_dict()["state"]])
    for kind in (lambda o: pickle.loads(pickle.dumps(o)), copy.deepcopy):
        again = kind(torch.optim.SGD([_param(torch)], 0.1, momentum=0.5))
        again.step()
        shown += [repr(again), again.param_groups[0]["params"][0], again.defaults["momentum"]]
    for bad in ({"state": {}, "param_groups": []}, {"state": {}, "param_groups": [{"params": [0]}]}, {}):
        shown.append(raised(other.load_state_dict, bad))
    p = _param(torch)
    zeroed = torch.optim.SGD([p], 0.1)
    zeroed.zero_grad(set_to_none=False)
    shown.append(p.grad)
    zeroed.zero_grad()
    return [*shown, p.grad, repr(_base(torch).required)]


@case()
def adagrad_of_complex_numbers(torch):
    """A complex number is two numbers, whose sums begin at initial_accumulator_value both."""
    p = torch.tensor([1 + 2j, -0.5j]).requires_grad_()
    optimizer = torch.optim.Adagrad([p], lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5, weight_decay=0.1)
    for g in (1 - 1j, 0.5j, -2.0):
        p.grad = torch.full_like(p, g)
        optimizer.step()
    return [p.detach(), optimizer.state[p]["sum"]]
