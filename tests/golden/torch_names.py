"""Write the names that PyTorch has: `python/rustgrad/_names/torch.txt`, and where it says that classes come from.

Usage: PYTHON_WITH_TORCH tests/golden/torch_names.py. One line a module or class, `torch.optim: * Adadelta Adagrad ...`,
where the star says that what lies below counts as PyTorch's too without being listed. `tests/golden/torch_paths.json`
holds the `__module__` of the public classes.
"""

import contextlib
import importlib
import inspect
import io
import json
import pkgutil
import sys
import types
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Packages whose own names are listed, but not their submodules: large, and seldom used by name.
CLOSED = [
    "torch.ao",
    "torch.contrib",
    "torch.distributed.algorithms",
    "torch.distributed.benchmarks",
    "torch.distributed.checkpoint",
    "torch.distributed.elastic",
    "torch.distributed.examples",
    "torch.distributed.flight_recorder",
    "torch.distributed.launcher",
    "torch.distributed.pipelining",
    "torch.distributed.rpc",
    "torch.export",
    "torch.fx.experimental",
    "torch.fx.passes",
    "torch.jit",
    "torch.masked",
    "torch.mtia",
    "torch.monitor",
    "torch.nativert",
    "torch.nn.intrinsic",
    "torch.nn.qat",
    "torch.nn.quantizable",
    "torch.nn.quantized",
    "torch.numa",
    "torch.onnx",
    "torch.package",
    "torch.quantization",
    "torch.sparse",
    "torch.testing",
    "torch.utils.benchmark",
    "torch.utils.bottleneck",
    "torch.utils.data.datapipes",
    "torch.utils.hipify",
    "torch.utils.jit",
    "torch.utils.model_dump",
    "torch.utils.serialization",
    "torch.utils.viz",
    "torch.xpu",
]
PRIVATE = ["torch.utils._pytree"]  # used by public programs all the same
CLASSES = [
    "torch.Tensor",
    "torch.nn.Module",
    "torch.optim.Optimizer",
    "torch.optim.lr_scheduler.LRScheduler",
    "torch.autograd.Function",
    "torch.Generator",
    "torch.Size",
]
# What cannot be imported without packages that PyTorch does not need.
ELSE = {"torch.utils.tensorboard": "FileWriter RecordWriter SummaryWriter"}
NO_NAMES = {"TYPE_CHECKING", "annotations"}


def modules():
    """The public modules, those that import."""
    found = {}

    def walk(package):
        for info in pkgutil.iter_modules(getattr(package, "__path__", []), f"{package.__name__}."):
            leaf = info.name.rpartition(".")[2]
            if leaf.startswith("_") and info.name not in PRIVATE:
                continue
            try:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    module = importlib.import_module(info.name)
            except Exception as error:
                print(f"not importable: {info.name}: {error}", file=sys.stderr)
                continue
            found[info.name] = module
            if info.ispkg and info.name not in CLOSED:
                walk(module)

    torch = importlib.import_module("torch")
    found["torch"] = torch
    walk(torch)
    return found


def belongs(module, name, value):
    """Whether a name of a module is its own or was put there for users, not merely imported for its code."""
    listed = getattr(module, "__all__", ())
    if name in listed:
        return True
    if name in NO_NAMES:
        return False
    if isinstance(value, types.ModuleType):
        return value.__name__ in (f"{module.__name__}.{name}", f"torch.{name}")
    source = getattr(value, "__module__", None)
    if isinstance(source, str) and not source.startswith("torch"):
        return False
    if module.__name__ == "torch" and source is None and callable(value):
        return False
    if module.__name__ == "torch.nn.functional" and callable(value) and not inspect.isclass(value):
        return not name.endswith("torch_function") and name not in ("assert_int_or_pair", "boolean_dispatch")
    is_package = (getattr(module, "__file__", None) or "").endswith("__init__.py")
    return source is None or is_package or source == module.__name__ or source.startswith("torch._C")


def main():
    warnings.simplefilter("ignore")
    found = modules()
    lines, paths = [], {}
    for where, module in sorted(found.items()):
        names = []
        for name in sorted(set(dir(module))):
            if name.startswith("_") and not (where == "torch" and name.startswith("_foreach_")):
                continue
            value = getattr(module, name, None)
            if not belongs(module, name, value):
                continue
            names.append(name)
            if inspect.isclass(value) and value.__module__.startswith("torch") and value.__name__ == name:
                paths[f"{where}.{name}"] = value.__module__
        closed = where in CLOSED
        if names or closed:
            lines.append(f"{where}: " + " ".join(["*"] * closed + names))
    for where in CLASSES:
        at = importlib.import_module("torch")
        for part in where.split(".")[1:]:
            at = getattr(at, part)
        names = [name for name in dir(at) if not name.startswith("_") and name not in dir(type)]
        if where == "torch.nn.Module":
            names = sorted({*names, "training"})
        lines.append(f"{where}: " + " ".join(names))
    lines += [f"{where}: {names}" for where, names in ELSE.items() if where not in found]
    text = "\n".join(sorted(lines)) + "\n"
    (ROOT / "python" / "rustgrad" / "_names" / "torch.txt").write_text(text)
    kept = {name: path for name, path in paths.items() if name.rpartition(".")[0] != path}
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(path)}" for name, path in sorted(kept.items()))
    (ROOT / "tests" / "golden" / "torch_paths.json").write_text("{\n" + rows + "\n}\n")
    print(f"{len(lines)} modules and classes, {len(text.split()) - len(lines)} names, {len(text)} bytes")


if __name__ == "__main__":
    main()
