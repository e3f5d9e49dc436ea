"""The graph: the order of hooks, nodes and edges, hooks on what is saved, anomaly mode, batched gradients."""

import warnings

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _x(torch):
    return torch.tensor([1.0, 2.0], requires_grad=True)


@case(rtol=1e-6)
def order_of_hooks(torch):
    x = _x(torch)
    y = x * 2
    z = y.exp()
    log = []
    leaf = y.grad_fn.next_functions[0][0]
    leaf.register_hook(lambda gi, go: log.append(["leaf after", gi, go]))
    leaf.register_prehook(lambda go: log.append(["leaf before", go]))
    x.register_hook(lambda g: log.append(["x", g]))
    x.register_post_accumulate_grad_hook(lambda p: log.append(["x written", p.grad.clone()]))
    y.register_hook(lambda g: log.append(["y first", g]))
    y.retain_grad()
    y.register_hook(lambda g: (log.append(["y second", g]), g * 2)[1])
    before = y.grad_fn.register_prehook(lambda go: log.append(["node before", go]))
    after = y.grad_fn.register_hook(lambda gi, go: log.append(["node after", gi[0], go]))
    z.sum().backward(retain_graph=True)
    count = len(log)
    before.remove()
    after.remove()
    z.sum().backward(inputs=[x])
    return [log, count, y.grad, x.grad]


@case(rtol=1e-6)
def leaf_prehook_replaces(torch):
    x = _x(torch)
    leaf = (x * 1).grad_fn.next_functions[0][0]
    handle = leaf.register_prehook(lambda go: (go[0] * 10,))
    (x * 3).sum().backward()
    first = x.grad.clone()
    handle.remove()
    (x * 3).sum().backward()
    return [first, x.grad]


@case(rtol=1e-6)
def nodes(torch):
    x = _x(torch)
    y = x.exp() * x
    node = y.grad_fn
    found, stack = [], [node]
    while stack:
        one = stack.pop()
        found.append([one.name(), type(one).__name__])
        stack += [n for n, _ in one.next_functions if n is not None]
    graph = torch.autograd.graph
    node.metadata["mark"] = 3
    return [
        found,
        node is y.grad_fn,
        node == y.grad_fn,
        isinstance(node, graph.Node),
        y.grad_fn.metadata,
        node.next_functions[1][0].variable is x,
        node.next_functions[1][0] is node.next_functions[1][0],
        x.exp().grad_fn._saved_result,
        [node._saved_self, node._saved_other],
        raised(lambda: node.nope).split(":")[0],
        raised(lambda: x.exp().grad_fn._saved_self).split(":")[0],
    ]


@case(rtol=1e-6)
def edges(torch):
    graph, grad = torch.autograd.graph, torch.autograd.grad
    x = _x(torch)
    y = x * 2
    z = y.exp().sum()
    edge, leaf = graph.get_gradient_edge(y), graph.get_gradient_edge(x)
    torch.autograd.backward([edge], [torch.ones(2)], retain_graph=True)
    return [
        list(edge._fields),
        edge.output_nr,
        edge.node == y.grad_fn,
        leaf.node.name(),
        grad(z, edge, retain_graph=True),
        grad(z, [leaf, y], retain_graph=True),
        x.grad,
        raised(graph.get_gradient_edge, torch.ones(1)),
    ]


@case(rtol=1e-6)
def hooks_of_several_tensors(torch):
    graph = torch.autograd.graph
    x, other = _x(torch), _x(torch)
    y = x * 2
    log = []
    z = y.exp().sum()
    handle = graph.register_multi_grad_hook([x, y, other], lambda grads: log.append(grads))
    z.backward(retain_graph=True)
    z.backward(retain_graph=True, inputs=[y])
    handle.remove()
    handle = graph.register_multi_grad_hook([x, y], lambda g: log.append(g), mode="any")
    z.backward(retain_graph=True)
    handle.remove()
    z.backward()
    return [log, raised(graph.register_multi_grad_hook, [x], print, mode="foo")]


@case(rtol=1e-6)
def hooks_on_saved_tensors(torch):
    graph = torch.autograd.graph
    x = _x(torch)
    y = x * 2
    packs = []

    def pack(t):
        packs.append(t.detach().clone())
        return t.detach() * 1

    def unpack(t):
        packs.append("unpack")
        return t

    with graph.saved_tensors_hooks(pack, unpack):
        out = (x * x).exp().sum()
    (g,) = torch.autograd.grad(out, x, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), x)
    results = [out, g, gg, len(packs) > 4]
    with graph.save_on_cpu():
        out = (x * y).exp().sum()
    results.append(torch.autograd.grad(out, x))

    def wrong():
        with graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
            out = x * x
        out.sum().backward()

    def refused():
        with graph.disable_saved_tensors_hooks("no hooks here"), graph.saved_tensors_hooks(pack, unpack):
            pass

    def refused_inside():
        with graph.saved_tensors_hooks(pack, unpack), graph.disable_saved_tensors_hooks("no hooks here"):
            pass

    def writes():
        def pack(t):
            t.mul_(2)
            return t

        with graph.saved_tensors_hooks(pack, lambda t: t):
            (x * 1).exp().exp()

    power = x.detach().clone().requires_grad_()
    with graph.saved_tensors_hooks(lambda t: "text", lambda t: torch.full((2,), 5.0)):
        out = power**2
    out.sum().backward()
    return [*results, raised(wrong), raised(refused), raised(refused_inside), raised(writes).split(".")[0], power.grad]


@case(rtol=1e-6)
def writes_to_saved_tensors(torch):
    x = _x(torch)
    out = []
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        a = x * 1
        b = (a * a).sum()
        a.sin_()
        c = a.exp().sum()
        a.mul_(3)
        (b + c).backward()
        out.append(x.grad.clone())
    a = x * 1
    b = (a * a).sum()
    a.sin_()
    out.append(raised(b.backward).split(":")[1])
    return out


@case(rtol=1e-6)
def anomaly(torch):
    x = _x(torch)
    modes = [torch.is_anomaly_enabled()]
    with torch.autograd.set_detect_anomaly(True):
        modes += [torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()]
    modes.append(torch.is_anomaly_enabled())

    def failing():
        with torch.autograd.detect_anomaly():
            a = (x * 0).sqrt()
            return raised((a * 0).sum().backward)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        text = failing()
    said = [str(w.message).split("\n")[0] for w in caught]
    line = "a = (x * 0).sqrt()" in str(caught[-1].message)

    def unchecked():
        with torch.autograd.detect_anomaly(check_nan=False):
            ((x * 0).sqrt() * 0).sum().backward()
        return x.grad

    return [modes, text, said, line, warned(unchecked)]


@case(rtol=1e-6)
def batched_gradients(torch):
    grad = torch.autograd.grad
    x, other = _x(torch), _x(torch)
    y = x * x
    results = [
        grad(y, x, torch.eye(2), is_grads_batched=True, retain_graph=True),
        grad([y], [x, other], [torch.eye(2)], is_grads_batched=True, allow_unused=True, retain_graph=True),
        grad(y, x, torch.eye(2), is_grads_batched=True, create_graph=True)[0].requires_grad,
        raised(grad, y, x, torch.eye(3), is_grads_batched=True).split(".")[0],
        raised(grad, y, [], torch.ones(2)),
        grad([y.sum()], [x], [None, None]),
        warned(grad, (x * x).sum(), x, only_inputs=False),
        warned(torch.autograd.backward, (x * x).sum(), grad_variables=torch.ones(()))[0],
    ]
    return results


@case()
def order_of_leaves(torch):
    """Hooks of leaves run as soon as nothing more comes to them; a linear layer finishes its bias first."""
    nn, seen = torch.nn, []
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.LayerNorm(2))
    for name, p in model.named_parameters():
        p.register_hook(lambda g, name=name: seen.append("hook " + name))
        p.register_post_accumulate_grad_hook(lambda p, name=name: seen.append("written " + name))
    for layer in model:
        layer.register_full_backward_hook(lambda m, gi, go: seen.append(type(m).__name__))
    model(torch.ones(5, 3, requires_grad=True)).sum().backward()
    found = [seen[:]]
    seen.clear()
    a, b, d = (torch.ones(2, requires_grad=True) for _ in range(3))
    for name, t in (("a", a), ("b", b), ("d", d)):
        t.register_hook(lambda g, name=name: seen.append(name))
    (a * b + d * a).sum().backward()
    e = a * b
    e.register_hook(lambda g: seen.append("e"))
    f = e + d
    f.register_hook(lambda g: seen.append("f"))
    (f * 2).sum().backward(retain_graph=True)
    torch.autograd.grad((f * e).sum(), [a, d, e], retain_graph=True)
    (f * 2).sum().backward(inputs=[a])
    a.sum().backward()
    found.append(seen)
    linear = nn.Linear(2, 3)(torch.ones(2, 2, requires_grad=True) * 1).grad_fn
    found.append([node.name() for node, _ in linear.next_functions[:2]])
    return found


@case()
def mutation_outside_of_its_block(torch):
    with torch.autograd.graph.allow_mutation_on_saved_tensors() as context:
        a = torch.ones(2, 3, requires_grad=True) * 1
        out = (a**2).sum()
        a.mul_(2)
        copied = len(context.cloned)
    return [copied, raised(out.backward).split(" context")[0]]


@case()
def materialized_gradients(torch):
    x, a = torch.tensor(0.5, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    first = torch.autograd.grad(x * a, x, create_graph=True)
    second = torch.autograd.grad(first, x, create_graph=True, materialize_grads=True)
    return [second, torch.autograd.grad(second, x, materialize_grads=True)]


@case()
def gradcheck_refusals(torch):
    check = torch.autograd.gradcheck
    calls = iter(range(1000))

    class Random(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * (1 + 1e-7 * (next(calls) % 3))

    def wider(x):
        return torch.cat([x, x]) if bool((x >= 1).all()) else x

    def narrower(x):
        return x.to(torch.float32) if bool((x >= 1).all()) else x

    x, one = torch.ones(2, 2, dtype=torch.float64, requires_grad=True), torch.ones(1, dtype=torch.float64)
    one.requires_grad_()
    found = []
    for fast in (True, False):
        found.append(raised(check, Random.apply, (x,), fast_mode=fast).split(",")[0])
        found.append(check(Random.apply, (x,), nondet_tol=1e-5, fast_mode=fast))
        for function in (wider, narrower):
            found.append(raised(check, function, (one,), fast_mode=fast).split(" when ")[0].replace("`fn`", "`func`"))
    return found


@case()
def writes_to_many_views(torch):
    x = torch.ones(3, 2, requires_grad=True) * 1
    a = x.unbind(0)[0]
    # Which view was written to first is named; the later ones are named by what autograd makes of them.
    return [raised(a.mul_, 2)]


@case()
def names_of_convolutions(torch):
    x, w = torch.ones(1, 2, 3, 3, requires_grad=True), torch.ones(2, 2, 2, 2, requires_grad=True)
    functional = torch.nn.functional
    return [f(x, w).grad_fn.name() for f in (functional.conv2d, functional.conv_transpose2d)]


@case()
def names_of_losses(torch):
    """A loss is one node in PyTorch, whatever it is made of here; numbers beside tensors are edges to nothing."""
    functional, x, y = torch.nn.functional, torch.rand(3, requires_grad=True), torch.rand(3)
    rows, classes = torch.rand(3, 4, requires_grad=True), torch.tensor([0, 1, 2])
    binary = functional.binary_cross_entropy_with_logits
    losses = [loss(x, y) for loss in (functional.binary_cross_entropy, binary, functional.smooth_l1_loss)]
    losses += [loss(x, y, reduction="sum") for loss in (functional.huber_loss, functional.soft_margin_loss, binary)]
    losses += [binary(x, y, reduction="none"), binary(x, y, weight=y), functional.multi_margin_loss(rows, classes)]
    image, kernel = torch.rand(1, 2, 4, 4, requires_grad=True), torch.rand(2, 3, 2, 2)
    losses.append(functional.conv_transpose2d(image, kernel, torch.zeros(3)))
    results = [x * 2, 2 * x, x + 1, x - 1, 1 - x, x / 2, 1 / x, x**2, (x * 1).mul_(3), torch.add(x, 1, alpha=2), x * y]
    sequences = torch.nn.LSTM(2, 3)(torch.rand(4, 1, 2))[0]
    return [
        [loss.grad_fn.name() for loss in losses],
        [[node and node.name() for node, _ in result.grad_fn.next_functions] for result in results],
        repr(losses[1]).partition("grad_fn")[2],
        sequences.grad_fn.name(),
    ]


@case()
def one_node_for_what_pytorch_has_one_of(torch):
    """Class names and edges of nodes, also where several ops compute what is one op of PyTorch."""
    F = torch.nn.functional
    x, w = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_(), torch.linspace(0.1, 0.9, 12).reshape(3, 4)
    c, image = torch.tensor([0, 1, 2]), torch.ones(1, 4, 4, requires_grad=True)
    weight, bias = torch.ones(2, 4, requires_grad=True), torch.ones(2, requires_grad=True)
    results = {
        "with_logits": F.binary_cross_entropy_with_logits(x, w),
        "entropy": F.binary_cross_entropy(x.sigmoid(), w),
        "smooth": F.smooth_l1_loss(x, w),
        "huber": F.huber_loss(x, w, reduction="sum"),
        "margin": F.multi_margin_loss(x, c),
        "cross_entropy": F.cross_entropy(x, c),
        "embedding": F.embedding(c, x),
        "pool": F.max_pool2d(image, 2),
        "unfold": F.unfold(image, 2),
        "glu": F.glu(x),
        "linear": F.linear(x, weight, bias),
        "norm": F.layer_norm(x, (4,)),
        "conv": F.conv2d(image[None], torch.ones(1, 1, 3, 3)),
        "mask": x[x > 0],
        "selected": x.masked_select(x > 0),
        "indices": x[torch.tensor([0, 2])],
        "column": x[:, torch.tensor([0, 2])],
        "where": torch.where(x > 0, x, w),
        "filled": x.masked_fill(x > 0, 0),
        "gather": x.gather(1, c[:, None]),
        "scatter": torch.zeros(3, 4).scatter(1, c[:, None], x),
        "numbers": [x + 1, x - 1, 1 - x, 2 * x, x / 2, 2 / x, x**2, x % 2],
        "logsumexp": x.logsumexp(1),
        "spread": torch.std_mean(x),
        "repeat": x.repeat(2, 1),
        "same": x.repeat(1, 1),
        "roll": x.roll(1),
        "triangle": [x.tril(), x.triu()],
        "trace": x[:, :3].trace(),
        "rounded": [x.exp().log1p(), x.deg2rad()],
    }

    def shown(y):
        if isinstance(y, (list, tuple)):
            return [shown(one) for one in y]
        edges = [None if node is None else type(node).__name__ for node, _ in y.grad_fn.next_functions]
        return [type(y.grad_fn).__name__, edges if len(edges) < 3 else len(edges)]

    return {name: shown(y) for name, y in results.items()}


@case()
def one_node_for_a_composition(torch):
    """Names of nodes where several ops, here often in Python, compute what one kernel of PyTorch's does."""
    F = torch.nn.functional
    x, image = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_(), torch.ones(2, 4, 4, 4, requires_grad=True)
    line, volume = torch.ones(1, 2, 6, requires_grad=True), torch.ones(1, 1, 4, 4, 4, requires_grad=True)
    ones, rows, square = torch.ones(4, requires_grad=True), torch.tensor([0, 2]), torch.eye(3).requires_grad_()
    grid = torch.zeros(2, 3, 3, 2)
    maxima, places = F.max_pool2d(image, 2, return_indices=True)
    results = {
        "nearest": [F.interpolate(y, scale_factor=2) for y in (line, image, volume)],
        "smooth": [F.interpolate(image, size=3, mode=mode) for mode in ("bilinear", "bicubic", "nearest-exact")],
        "linear": [F.interpolate(line, 3, mode="linear"), F.interpolate(volume, 3, mode="trilinear")],
        "antialias": F.interpolate(image, size=2, mode="bilinear", antialias=True),
        "pads": [F.pad(image, (1, 1, 1, 1), mode=mode) for mode in ("constant", "reflect", "replicate", "circular")],
        "group_norm": [F.group_norm(image, 2, ones, ones), F.batch_norm(image, ones.detach(), ones.detach())],
        "shuffles": [F.pixel_shuffle(image, 2), F.pixel_unshuffle(image, 2), F.channel_shuffle(image, 2)],
        "grid": F.grid_sample(image, grid, align_corners=False),
        "convolutions": [
            F.conv1d(line, torch.ones(1, 2, 3)),
            F.conv1d(line[0], torch.ones(1, 2, 3)),
            F.conv3d(volume, torch.ones(1, 1, 3, 3, 3)),
            F.conv_transpose3d(volume, torch.ones(1, 1, 3, 3, 3)),
        ],
        "pools": [F.max_pool3d(volume, 2), F.max_unpool2d(maxima, places, 2), F.avg_pool1d(line, 2)],
        "bags": F.embedding_bag(rows, x, torch.tensor([0, 1]), mode="sum"),
        "einsum": [
            torch.einsum(equation, *operands)
            for equation, *operands in (("ij,kj->ik", x, x), ("ij->i", x), ("ij->ji", x), ("i,j->ij", ones, ones))
        ],
        "diagonals": [torch.diag(ones), torch.diag(square), torch.diag_embed(ones), torch.block_diag(square, square)],
        "rows": [
            x.index_add(0, rows, x[:2]),
            x.index_copy(0, rows, x[:2]),
            x.clone().index_add_(0, rows, x[:2]),
            x.take(rows),
            x.scatter_reduce(0, torch.zeros(1, 4, dtype=torch.int64), x, "sum"),
            x.index_put((rows,), x[:2]),
            x.tile(2, 2),
            x.select_scatter(x[0], 0, 1),
        ],
        "reductions": [x.prod(), x.prod(0), x.median(), x.median(0)[0], x.nansum(), x.quantile(0.5), torch.cov(x)],
        "distances": [torch.dist(x, x + 1), F.pairwise_distance(x, x + 1), F.pdist(x)],
        "products": [torch.linalg.solve(square, x), torch.linalg.cross(square, square), torch.linalg.lu(square)[1]],
        "soft": F.cross_entropy(x, torch.full((3, 4), 0.25)),
    }

    def name(y):
        return [name(one) for one in y] if isinstance(y, list) else [type(y.grad_fn).__name__, y.grad_fn.name()[:40]]

    return {key: name(y) for key, y in results.items()}


@case()
def a_graph_that_entries_of_vmap_share(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    rows = torch.vmap(lambda v: torch.autograd.grad(y, x, v)[0])(torch.eye(3))
    try:
        torch.autograd.grad(y.sum(), x)
        again = "kept"
    except RuntimeError as error:
        again = str(error)[:40]
    return [rows, again]


@case(1e-5)
def hooks_of_leaves_see_whole_sums(torch):
    """Also where nodes behind the one that is shown bring the gradient."""
    F = torch.nn.functional
    found = {}
    for name, f in {
        "logsumexp": lambda x: x.logsumexp(1).sum(),
        "entropy": lambda x: F.binary_cross_entropy_with_logits(x, torch.full((3, 4), 0.25)),
        "mask": lambda x: x[x > 0].sum(),
        "spread": lambda x: torch.std_mean(x)[0],
        "repeat": lambda x: x.repeat(2, 1).sum(),
        "gather": lambda x: x.gather(1, torch.tensor([[0], [1], [2]])).sum(),
    }.items():
        x = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()
        calls = []
        x.register_hook(lambda g, calls=calls: calls.append(g.sum().item()))
        x.register_post_accumulate_grad_hook(lambda p, calls=calls: calls.append(p.grad.abs().sum().item()))
        first = f(x)
        (first + (x * 2).sum() + f(x * x)).backward()
        found[name] = calls
    return found
