"""What programs import from PyTorch's smaller modules: control flow, causal masks by name, base classes of layers."""

import importlib
import warnings

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _module(torch, path):
    return importlib.import_module(f"{torch.__name__}.{path}")


@case()
def control_flow(torch):
    hops = _module(torch, "_higher_order_ops")
    x = torch.arange(12.0).reshape(4, 3)
    return {
        "cond": [torch.cond(x.sum() > k, lambda x: x + 1, lambda x: x - 1, (x,)) for k in (0, 100)],
        "while": torch.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (torch.tensor(0), torch.ones(2))),
        "scan": hops.scan(lambda c, x: (c + x, c * x), torch.zeros(3), x),
        "backwards": hops.scan(lambda c, x: (c + x, {"y": c * x}), torch.zeros(4), x, dim=1, reverse=True),
        "sums": hops.associative_scan(lambda a, b: a + b, x, 0, combine_mode="generic"),
        "pairs": hops.associative_scan(
            lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1]), (x / 8, x), 0, combine_mode="generic"
        ),
        "products": hops.associative_scan(lambda a, b: a * b, x, 1, reverse=True, combine_mode="generic"),
        "map": _module(torch, "_higher_order_ops.map").map(lambda row, y: row + y, x, torch.ones(3)),
    }


@case(1e-5, 1e-7)
def causal_biases(torch):
    bias = _module(torch, "nn.attention.bias")
    torch.manual_seed(0)
    query, key = torch.randn(1, 2, 3, 4), torch.randn(1, 2, 5, 4)
    masks = bias.causal_upper_left(3, 5), bias.causal_lower_right(3, 5), bias.causal_lower_right(3, 3)
    attention = torch.nn.functional.scaled_dot_product_attention
    return [
        [repr(mask) for mask in masks],
        [mask.variant.name for mask in masks],
        [isinstance(mask, torch.Tensor) for mask in masks],
        [attention(query, key, key, attn_mask=mask) for mask in masks[:2]],
        attention(query, key[:, :, :3], key[:, :, :3], masks[2]),
        raised(attention, query, key, key, attn_mask=masks[0], is_causal=True),
        raised(bias.causal_lower_right, 3),
    ]


@case()
def bases_of_layers(torch):
    """Which of their neighbours layers derive from: converters of models ask for these."""
    nn, wanted = torch.nn, {}
    names = "AvgPool1d AvgPool3d MaxPool2d AdaptiveMaxPool2d AdaptiveAvgPool1d MaxUnpool2d LPPool1d Dropout2d "
    for name in (names + "ReflectionPad2d ReplicationPad1d ConstantPad1d CircularPad1d").split():
        base = next(b for b in getattr(nn, name).__mro__ if b.__name__.endswith("Nd"))
        wanted[name] = [base.__name__, base.__module__.partition(".")[2]]
    return wanted, issubclass(nn.ZeroPad2d, nn.ConstantPad2d), issubclass(nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)


@case(1e-6)
def natives(torch):
    warnings.simplefilter("ignore")
    x = torch.arange(6.0).reshape(2, 3)
    byte = torch.ones(2, 3, dtype=torch.int8) * 100
    return [
        torch.nuclear_norm(x),
        torch.nuclear_norm(torch.ones(2, 2, 3), dim=(1, 2), keepdim=True),
        torch.nuclear_norm(x, True),
        torch.frobenius_norm(x, dim=(0, 1)),
        torch.frobenius_norm(x, [1], keepdim=True),
        torch._softmax(x, 1, False),
        torch._log_softmax(x, 1, False),
        torch._int_mm(byte, byte.t()),
        raised(torch._int_mm, byte, byte).partition("\n")[0],
        torch._weight_norm(x, torch.ones(2, 1), 0),
        _module(torch, "_VF").relu(x - 2),
        _module(torch, "nn.modules.module")._addindent("a\n\n b\nc", 2),
        str(_module(torch, "nn.common_types")._size_2_t),
        torch.mtia.is_available(),
    ]


@case()
def functions_in_python_are_taken_over(torch):
    """`__torch_function__` of a class and of a mode sees functions that are no ops here."""
    F, seen = torch.nn.functional, []

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    class Mode(_module(torch, "overrides").TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append("mode " + func.__name__)
            return func(*args, **(kwargs or {}))

    image = torch.ones(1, 4, 4, 4).as_subclass(Logged)
    results = [
        F.interpolate(image, scale_factor=2),
        F.group_norm(image, 2),
        F.pixel_shuffle(image, 2),
        F.conv1d(image[0], torch.ones(2, 4, 1)),
        F.grid_sample(image, torch.zeros(1, 2, 2, 2), align_corners=False),
        F.scaled_dot_product_attention(image, image, image),
    ]
    names = [name for name in seen if "get" not in name]
    seen.clear()
    with Mode():
        F.interpolate(torch.ones(1, 1, 2, 2), scale_factor=2)
    return names, [type(y).__name__ for y in results], seen[:1]
