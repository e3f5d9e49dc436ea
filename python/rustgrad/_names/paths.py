"""Where PyTorch keeps what rustgrad keeps elsewhere. Paths are dotted and begin behind the library's name."""

# Modules of rustgrad by their path, and the path of PyTorch's module with the same names.
PLACES = {
    "amp.state": "",
    "amp.unscale": "",
    "transforms": "",
    "grad_mode": "autograd.grad_mode",
    "limits": "",
    "nn.module": "nn.modules.module",
    "nn.modules.norm": "nn.modules.normalization",
    "nn.utils.convert": "nn.utils.convert_parameters",
    "utils.data.collate": "utils.data._utils.collate",
    "utils.data.loader": "utils.data.dataloader",
}

# What PyTorch keeps below `ao` too.
_BELOW_AO = ("quantization.", "nn.quantized.", "nn.intrinsic.", "nn.qat.")

# The files of PyTorch that define the classes of quantized layers, by rustgrad's module and the class; "" is for all.
QUANTIZED = {
    "torch.ao.nn.intrinsic": {"": "torch.ao.nn.intrinsic.modules.fused"},
    "torch.ao.nn.qat": {"Conv2d": "torch.ao.nn.qat.modules.conv", "Linear": "torch.ao.nn.qat.modules.linear"},
    "torch.ao.nn.quantized": {
        "Conv2d": "torch.ao.nn.quantized.modules.conv",
        "DeQuantize": "torch.ao.nn.quantized.modules",
        "FloatFunctional": "torch.ao.nn.quantized.modules.functional_modules",
        "Linear": "torch.ao.nn.quantized.modules.linear",
        "QFunctional": "torch.ao.nn.quantized.modules.functional_modules",
        "Quantize": "torch.ao.nn.quantized.modules",
    },
    "torch.ao.nn.quantized.pointwise": {
        "": "torch.ao.nn.quantized.modules.activation",
        "BatchNorm2d": "torch.ao.nn.quantized.modules.batchnorm",
        "Dropout": "torch.ao.nn.quantized.modules.dropout",
        "LayerNorm": "torch.ao.nn.quantized.modules.normalization",
    },
}

HOMES = {theirs: ours for ours, theirs in PLACES.items() if theirs}


def theirs(home: str) -> str:
    """PyTorch's name of a module of rustgrad: `torch.autograd.grad_mode` for `rustgrad.grad_mode`."""
    path = home.removeprefix("rustgrad").removeprefix(".")
    path = PLACES.get(path, path)
    return f"torch.{path}" if path else "torch"


def ours(name: str) -> list[str]:
    """Where rustgrad may keep a module of PyTorch: `rustgrad.grad_mode` for `torch.autograd.grad_mode`."""
    path = name.removeprefix("torch").removeprefix(".")
    if path.startswith("ao.nn.") and ".modules" in path:
        return [f"rustgrad.{path.partition('.modules')[0]}"]
    if f"{path}.".startswith(_BELOW_AO):
        return [f"rustgrad.{path}", f"rustgrad.ao.{path}"]
    return [f"rustgrad.{one}" if one else "rustgrad" for one in dict.fromkeys((path, HOMES.get(path, path)))]
