"""Autocast and GradScaler: the dtypes that ops compute in, the switches, warnings, scales and steps."""

import pickle
import warnings

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def dtypes(torch, fn, *kinds):
    """The dtype of a result for operands of each kind, under autocast."""
    out = []
    for kind in kinds:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            try:
                result = fn(getattr(torch, kind))
            except Exception as error:
                out.append(f"{type(error).__name__}")
                continue
        result = result[0] if isinstance(result, tuple) else result
        out.append(str(result.dtype).split(".")[-1])
    return out


KINDS = ("float32", "bfloat16", "float16", "float64")


@case()
def op_lists(torch):
    F = torch.nn.functional

    def x(dtype, *shape):
        return torch.linspace(0.1, 0.9, torch.Size(shape).numel()).reshape(shape).to(dtype)

    table = {
        "mm": lambda d: torch.mm(x(d, 2, 2), x(d, 2, 2)),
        "operator": lambda d: x(d, 2, 2) @ x(d, 2, 2),
        "matmul": lambda d: x(d, 2, 2).matmul(x(d, 2)),
        "bmm": lambda d: torch.bmm(x(d, 1, 2, 2), x(d, 1, 2, 2)),
        "baddbmm": lambda d: torch.baddbmm(x(d, 1, 2, 2), x(d, 1, 2, 2), x(d, 1, 2, 2)),
        "addmm": lambda d: torch.addmm(x(d, 2, 2), x(d, 2, 2), x(d, 2, 2)),
        "mv": lambda d: torch.mv(x(d, 2, 2), x(d, 2)),
        "dot": lambda d: torch.dot(x(d, 2), x(d, 2)),
        "linear": lambda d: F.linear(x(d, 2, 2), x(d, 2, 2), x(d, 2)),
        "conv1d": lambda d: F.conv1d(x(d, 1, 1, 4), x(d, 1, 1, 2)),
        "conv2d": lambda d: F.conv2d(x(d, 1, 1, 4, 4), x(d, 1, 1, 2, 2)),
        "conv3d": lambda d: F.conv3d(x(d, 1, 1, 3, 3, 3), x(d, 1, 1, 2, 2, 2)),
        "conv_transpose1d": lambda d: F.conv_transpose1d(x(d, 1, 1, 4), x(d, 1, 1, 2)),
        "conv_transpose2d": lambda d: F.conv_transpose2d(x(d, 1, 1, 4, 4), x(d, 1, 1, 2, 2)),
        "prelu": lambda d: F.prelu(x(d, 2, 2), x(d, 1)),
        "attention": lambda d: F.scaled_dot_product_attention(x(d, 1, 2, 4), x(d, 1, 2, 4), x(d, 1, 2, 4)),
        "einsum": lambda d: torch.einsum("ij,jk->ik", x(d, 2, 2), x(d, 2, 2)),
        "tensordot": lambda d: torch.tensordot(x(d, 2, 2), x(d, 2, 2), 1),
        "add": lambda d: x(d, 2) + x(d, 2),
        "relu": lambda d: F.relu(x(d, 2)),
        "exp": lambda d: x(d, 2).exp(),
        "softmax": lambda d: F.softmax(x(d, 2), 0),
        "log_softmax": lambda d: F.log_softmax(x(d, 2), 0),
        "layer_norm": lambda d: F.layer_norm(x(d, 2, 2), (2,)),
        "sum": lambda d: x(d, 2).sum(),
        "prod": lambda d: x(d, 2).prod(),
        "trace": lambda d: x(d, 2, 2).trace(),
        "cdist": lambda d: torch.cdist(x(d, 2, 2), x(d, 2, 2)),
        "norm": lambda d: x(d, 2).norm(),
        "cumsum": lambda d: x(d, 2).cumsum(0),
        "mse_loss": lambda d: F.mse_loss(x(d, 2), x(d, 2) + 1),
        "l1_loss": lambda d: F.l1_loss(x(d, 2), x(d, 2) + 1),
        "smooth_l1_loss": lambda d: F.smooth_l1_loss(x(d, 2), x(d, 2) + 1),
        "huber_loss": lambda d: F.huber_loss(x(d, 2), x(d, 2) + 1),
        "cross_entropy": lambda d: F.cross_entropy(x(d, 2, 3), torch.tensor([0, 1])),
        "nll_loss": lambda d: F.nll_loss(x(d, 2, 3), torch.tensor([0, 1])),
        "bce": lambda d: F.binary_cross_entropy(x(d, 2), x(d, 2)),
        "bce_logits": lambda d: F.binary_cross_entropy_with_logits(x(d, 2), x(d, 2)),
        "kl_div": lambda d: F.kl_div(x(d, 2), x(d, 2), reduction="sum"),
        "soft_margin": lambda d: F.soft_margin_loss(x(d, 2), x(d, 2)),
        "cosine_embedding": lambda d: F.cosine_embedding_loss(x(d, 2, 2), x(d, 2, 2), torch.tensor([1, -1])),
        "triplet": lambda d: F.triplet_margin_loss(x(d, 2, 2), x(d, 2, 2), x(d, 2, 2)),
        "margin_ranking": lambda d: F.margin_ranking_loss(x(d, 2), x(d, 2), x(d, 2)),
        "margin_ranking itself": lambda d: torch.margin_ranking_loss(x(d, 2), x(d, 2), x(d, 2)),
        "avg_pool1d": lambda d: F.avg_pool1d(x(d, 1, 1, 4), 2),
        "avg_pool2d": lambda d: F.avg_pool2d(x(d, 1, 1, 4, 4), 2),
        "avg_pool3d": lambda d: F.avg_pool3d(x(d, 1, 1, 2, 2, 2), 2),
        "max_pool2d": lambda d: F.max_pool2d(x(d, 1, 1, 4, 4), 2),
        "max_pool3d": lambda d: F.max_pool3d(x(d, 1, 1, 2, 2, 2), 2),
        "adaptive_avg_pool2d": lambda d: F.adaptive_avg_pool2d(x(d, 1, 1, 4, 4), 2),
        "adaptive_avg_pool3d": lambda d: F.adaptive_avg_pool3d(x(d, 1, 1, 2, 2, 2), 1),
        "grid_sample": lambda d: F.grid_sample(x(d, 1, 1, 2, 2), x(d, 1, 1, 1, 2), align_corners=False),
        "interpolate": lambda d: F.interpolate(x(d, 1, 1, 2, 2), scale_factor=2, mode="bilinear"),
        "cat": lambda d: torch.cat([x(d, 2), x(torch.bfloat16, 2)]),
        "stack": lambda d: torch.stack([x(torch.bfloat16, 2), x(d, 2)]),
        "index_copy": lambda d: torch.index_copy(x(torch.float32, 2), 0, torch.tensor([0]), x(torch.float32, 1)),
        "batch_norm": lambda d: F.batch_norm(x(d, 2, 2), None, None, training=True),
        "gelu": lambda d: F.gelu(x(d, 2)),
        "embedding": lambda d: F.embedding(torch.tensor([0]), x(d, 2, 2)),
        "inplace": lambda d: x(d, 2, 2).addmm_(x(d, 2, 2), x(d, 2, 2)),
        "out": lambda d: torch.mm(x(d, 2, 2), x(d, 2, 2), out=x(d, 2, 2)),
    }
    return {name: dtypes(torch, fn, *KINDS) for name, fn in table.items()}


@case()
def switches(torch):
    out = [torch.is_autocast_enabled(), torch.is_autocast_enabled("cpu"), torch.is_autocast_cache_enabled()]
    out += [str(torch.get_autocast_dtype(d)) for d in ("cpu", "cuda", "mps", "xla", "xpu")]
    out += [torch.amp.is_autocast_available("cpu"), torch.amp.is_autocast_available("cuda")]
    for name in ("cpu", "gpu", "xla", "ipu"):
        out.append(str(warned(getattr(torch, f"get_autocast_{name}_dtype"))[1]))
    for name in ("cpu", "xla", "ipu"):
        out.append(warned(getattr(torch, f"is_autocast_{name}_enabled"))[1])
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    x = torch.ones(2, 2)
    out.append([str((x @ x).dtype), torch.is_autocast_enabled("cpu")])
    torch.set_autocast_enabled("cpu", False)
    torch.set_autocast_dtype("cpu", torch.bfloat16)
    out.append([torch.autocast_increment_nesting(), torch.autocast_decrement_nesting(), torch.clear_autocast_cache()])
    out.append(raised(torch.is_autocast_enabled, "foo").split(":")[0])
    return out


@case()
def blocks(torch):
    x = torch.ones(2, 2)
    out = []
    with torch.autocast("cpu") as entered:
        out.append([type(entered).__name__, torch.is_autocast_enabled("cpu"), str((x @ x).dtype)])
        with torch.autocast("cpu", enabled=False):
            out.append([torch.is_autocast_enabled("cpu"), str((x @ x).dtype)])
        with torch.autocast("cpu", dtype=torch.float16, cache_enabled=False):
            out.append([str((x @ x).dtype), torch.is_autocast_cache_enabled()])
        out.append([str((x @ x).dtype), torch.is_autocast_cache_enabled()])
    out.append(str((x @ x).dtype))
    again = torch.autocast(device_type="cpu", dtype=torch.bfloat16)
    for _ in range(2):  # (PyTorch leaves autocast on where one object is entered within itself)
        with again:
            out.append(torch.is_autocast_enabled("cpu"))
    out.append(torch.is_autocast_enabled("cpu"))

    @torch.autocast("cpu")
    def product(a):
        "Its text."
        return a @ a

    out += [str(product(x).dtype), product.__name__, product.__doc__]
    try:
        with again:
            raise KeyError
    except KeyError:
        out.append(torch.is_autocast_enabled("cpu"))
    return out


@case()
def warnings_without_a_device(torch):
    cuda, cpu = torch.cuda.amp, torch.cpu.amp
    calls = [
        lambda: torch.autocast("cuda"),
        lambda: torch.autocast("cuda", enabled=False),
        lambda: torch.autocast("cuda", dtype=torch.bfloat16),
        lambda: torch.autocast("cpu", dtype=torch.float64),
        lambda: torch.autocast("cpu", dtype=torch.float32),
        lambda: torch.autocast("cpu", dtype=torch.float16),
        lambda: cuda.autocast(),
        lambda: cuda.autocast(enabled=False),
        lambda: cuda.autocast(False, torch.bfloat16),
        lambda: cpu.autocast(),
        lambda: cuda.GradScaler(),
        lambda: cuda.GradScaler(enabled=False),
        lambda: cpu.GradScaler(),
        lambda: torch.amp.GradScaler(),
        lambda: torch.amp.GradScaler("cpu"),
        lambda: torch.amp.GradScaler("cuda", enabled=False),
    ]
    out = []
    for call in calls:
        said, made = warned(call)
        enabled = made.is_enabled() if hasattr(made, "is_enabled") else made._enabled
        out.append([said, enabled, type(made).__name__])
    out += [raised(torch.autocast, 3), raised(torch.autocast, "foo").split(":")[0], cuda.amp_definitely_not_available()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autocast("cuda"), cuda.autocast():
            x = torch.ones(2, 2)
            out.append([str((x @ x).dtype), torch.is_autocast_enabled()])
    return out


@case(rtol=1e-2)
def training(torch):
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))
    x, y = torch.randn(5, 6), torch.tensor([0, 1, 2, 0, 1])
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    out = []
    for _ in range(3):
        opt.zero_grad()
        with torch.autocast("cpu"):
            z = model(x)
            loss = nn.functional.cross_entropy(z, y)
        loss.backward()
        opt.step()
        out.append([str(z.dtype), str(loss.dtype), str(model[0].weight.grad.dtype), loss])
    return out


@case(rtol=1e-2)
def modules(torch):
    torch.manual_seed(0)
    nn = torch.nn
    out = []
    x = torch.randn(2, 5, 8)
    made = [
        nn.MultiheadAttention(8, 2, batch_first=True),
        nn.Conv1d(5, 3, 3),
        nn.BatchNorm1d(5),
        nn.GroupNorm(1, 5),
        nn.Bilinear(8, 8, 2),
    ]
    for module in made:
        with torch.autocast("cpu"):
            args = (x, x, x) if isinstance(module, nn.MultiheadAttention) else (x,)
            args = (x, x) if isinstance(module, nn.Bilinear) else args
            result = module(*args)
        result = result[0] if isinstance(result, tuple) else result
        out.append([str(result.dtype), result.float().abs().sum()])
    return out


@case()
def casts_are_kept(torch):
    w = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        with torch.no_grad():
            torch.mm(w, w)
        first, second = torch.mm(w, w), torch.mm(w, w)
        same = first.grad_fn.next_functions[0][0] == second.grad_fn.next_functions[0][0]
        with torch.no_grad():
            w.add_(1)
        stale = torch.mm(w, w)
    with torch.autocast("cpu"):
        fresh = torch.mm(w, w)
    (first + second).sum().backward()
    return [same, stale, fresh, w.grad, str(w.grad.dtype)]


@case()
def custom_functions(torch):
    seen = []

    class Double(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, x, more):
            seen.append([str(x.dtype), torch.is_autocast_enabled("cpu"), str(more["a"].dtype)])
            return x * 2

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            seen.append(torch.is_autocast_enabled("cpu"))
            return g, None

    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu")
        def forward(ctx, x):
            seen.append(str((x @ x).dtype))
            return x * 2

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            seen.append([torch.is_autocast_enabled("cpu"), str((g @ g).dtype)])
            return g

    x = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    m = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        a, b = Double.apply(x, {"a": x}), Product.apply(m)
    a.sum().backward()
    b.sum().backward()
    Double.apply(x, {"a": x}).sum().backward()
    Product.apply(m).sum().backward()
    return [
        seen,
        raised(torch.amp.custom_fwd, device_type=3),
        raised(torch.amp.custom_bwd, device_type=3),
        warned(torch.cuda.amp.custom_fwd, lambda ctx: 1)[0],
        warned(torch.cuda.amp.custom_bwd, lambda ctx: 1)[0],
    ]


def _scaler(torch, **options):
    p = torch.nn.Parameter(torch.ones(2))
    return torch.amp.GradScaler("cpu", **options), p, torch.optim.SGD([p], lr=0.125)


@case()
def scaler(torch):
    s, p, opt = _scaler(torch, init_scale=4.0, growth_interval=2)
    out = [s.state_dict(), s.get_scale(), s.is_enabled(), raised(s.step, opt), raised(s.update)]
    loss = (p * 2).sum()
    out += [s.scale(loss), s.scale([loss, (loss, loss)]), raised(s.scale, 3)]
    s.scale(loss).backward()
    out.append(p.grad.clone())
    s.unscale_(opt)
    out += [p.grad.clone(), raised(s.unscale_, opt)]
    out += [s.step(opt), raised(s.step, opt), raised(s.unscale_, opt), p.data.clone()]
    s.update()
    out += [s.get_scale(), s._get_growth_tracker()]
    for bad in (False, False, True, False, False):
        opt.zero_grad()
        s.scale((p * (float("inf") if bad else 1)).sum()).backward()
        s.step(opt)
        s.update()
        out.append([s.get_scale(), s._get_growth_tracker(), p.data.clone()])
    s.update(8.0)
    out.append(s.get_scale())
    s.update(torch.tensor(16.0))
    out += [s.get_scale(), raised(s.update, torch.tensor([16.0, 1])).split(".")[0]]
    out.append([s.get_growth_factor(), s.get_backoff_factor(), s.get_growth_interval()])
    s.set_growth_factor(3.0)
    s.set_backoff_factor(0.25)
    s.set_growth_interval(7)
    out.append(s.state_dict())
    s.load_state_dict(
        {"scale": 2.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 3, "_growth_tracker": 1}
    )
    out += [s.state_dict(), raised(s.load_state_dict, {})]
    return out


@case()
def scaler_edges(torch):
    s, p, opt = _scaler(torch, enabled=False)
    loss = p.sum()
    out = [s.state_dict(), s.get_scale(), s.scale(loss) is loss, s.update(), s.unscale_(opt), s.load_state_dict({})]
    out += [
        raised(torch.amp.GradScaler, "cpu", growth_factor=1.0),
        raised(torch.amp.GradScaler, "cpu", backoff_factor=1.0),
    ]
    s, p, opt = _scaler(torch)
    out.append(pickle.loads(pickle.dumps(s)).state_dict())
    s.scale(p.sum()).backward()
    s.unscale_(opt)
    out += [raised(pickle.dumps, s), raised(s.step, opt, closure=lambda: 1)]
    fresh, _, other = _scaler(torch)
    fresh.scale(torch.ones(1))
    out.append(raised(fresh.step, other))
    h = torch.nn.Parameter(torch.ones(2, dtype=torch.float16))
    h.grad = torch.ones(2, dtype=torch.float16)
    out.append(raised(fresh.unscale_, torch.optim.SGD([h], lr=0.1)))
    grads, found = [torch.tensor([1.0, 2.0]), torch.tensor([float("nan")])], torch.zeros(1)
    torch._amp_foreach_non_finite_check_and_unscale_(grads, found, torch.tensor([0.5]))
    out.append([grads[0], found])
    scale, tracker = torch.tensor([4.0]), torch.tensor([1], dtype=torch.int32)
    torch._amp_update_scale_(scale, tracker, torch.tensor([0.0]), 2.0, 0.5, 2)
    out.append([scale, tracker])
    return out
