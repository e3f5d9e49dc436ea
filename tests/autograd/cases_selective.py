"""Checkpoints that keep the results of some ops: whom the policy is asked about, what is kept, what is refused."""

from importlib import import_module

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _tools(torch):
    return import_module(f"{torch.__name__}.utils.checkpoint")


def _x(torch):
    return torch.tensor([[0.5, 1.0], [1.5, -1.0]], requires_grad=True)


def _run(torch, function, policy, **options):
    tools, x = _tools(torch), _x(torch)

    def contexts():
        return tools.create_selective_checkpoint_contexts(policy, **options)

    tools.checkpoint(function, x, use_reentrant=False, context_fn=contexts).sum().backward()
    return x.grad


@case(rtol=1e-5, atol=1e-6)
def policies(torch):
    tools, linear = _tools(torch), torch.nn.Linear(2, 2)
    torch.nn.init.constant_(linear.weight, 0.5)
    torch.nn.init.constant_(linear.bias, 0.25)
    functions = {
        "elementwise": lambda x: (x * 2).sin().cos(),
        "product": lambda x: torch.matmul(x, x).relu().softmax(-1),
        "layer": lambda x: torch.nn.functional.gelu(linear(x)),
        "norm": lambda x: torch.nn.functional.layer_norm(x, (2,)).exp(),
    }
    found = {}
    for name, function in functions.items():
        for kept in tools.CheckpointPolicy:
            asked = []

            def policy(ctx, op, *args, kept=kept, asked=asked, **kwargs):
                asked.append(f"{op}".split(".")[1])
                return kept

            grad = _run(torch, function, policy)
            found[f"{name} {kept.name}"] = [[op for op in asked if op != "t"], grad]
    return found


@case(rtol=1e-5)
def what_is_kept_is_not_computed_again(torch):
    """What was kept and then written over is what backward sees, where that is allowed."""

    def written(x):
        y = torch.mm(x, x)
        z = y.sin()
        with torch.no_grad():
            y.add_(1)
        return z

    aten = torch.ops.aten
    return [_run(torch, written, ops, allow_cache_entry_mutation=True) for ops in ([], [aten.mm.default])]


@case(rtol=1e-5)
def refusals(torch):
    tools, aten = _tools(torch), torch.ops.aten

    def written(x):
        y = torch.mm(x, x)
        z = y.sin()
        y.add_(1)
        return z

    def twice():
        y = tools.checkpoint(
            lambda x: torch.mm(x, x).sin(),
            _x(torch),
            use_reentrant=False,
            context_fn=lambda: tools.create_selective_checkpoint_contexts([aten.mm.default]),
        )
        y.sum().backward(retain_graph=True)
        y.sum().backward()

    return [
        raised(lambda: _run(torch, written, [aten.mm.default])),
        raised(twice),
        raised(lambda: tools.create_selective_checkpoint_contexts([3])),
        raised(lambda: tools.create_selective_checkpoint_contexts(3)),
        _run(torch, lambda x: torch.mm(x, x).sin(), lambda *args, **kwargs: True),
        [policy.name for policy in tools.CheckpointPolicy],
    ]


@case(rtol=1e-5)
def saved_tensors_outside_of_backward(torch):
    tools, x = _tools(torch), _x(torch)
    y = tools.checkpoint(lambda x: x.exp(), x, use_reentrant=False)
    first, second = y.grad_fn._saved_result, y.grad_fn._saved_result
    y.sum().backward()
    return [first.detach(), second.detach(), x.grad]


@case()
def operations_of_what_is_kept(torch):
    FlopCounterMode = import_module(f"{torch.__name__}.utils.flop_counter").FlopCounterMode
    aten, found = torch.ops.aten, []
    for ops in ([], [aten.mm.default]):
        with FlopCounterMode(display=False) as counter:
            _run(torch, lambda x: (x @ x).sin() @ x, ops)
        found.append(counter.get_total_flops())
    return found
