"""`summary`: the layers of a model in a table, with the shapes they give and the parameters they have."""

from typing import Any

from ._rustgrad import Tensor
from ._rustgrad.torch import zeros

__all__ = ["ModelSummary", "summary"]


class Row:
    """One module of the table, as often as it stands in the model."""

    def __init__(self, name: str, module, depth: int):
        self.name = name
        self.module = module
        self.depth = depth
        self.kind = type(module).__name__
        self.calls = 0
        self.output = ""
        # A module that stands in the model twice has its parameters counted once.
        self.again = False
        self.params = 0


class ModelSummary:
    """What `summary` returns: `str` is the table; the numbers below it are attributes."""

    def __init__(self, rows: list[Row], total: int, trainable: int, size: int, inputs: int | None, depth: int):
        self.rows = rows
        self.total_params = total
        self.trainable_params = trainable
        self.param_bytes = size
        self.input_bytes = inputs
        self.depth = depth

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        shown = [row for row in self.rows if row.depth <= self.depth]
        lines = [("Layer", "Output shape", "Params")]
        for row, lead in zip(shown, _leads(shown)):
            name = f"{lead}{row.name}: {row.kind}" if row.name else f"{lead}{row.kind}"
            output = f"{row.output} x{row.calls}" if row.calls > 1 else row.output
            params = "(again)" if row.again else f"{row.params:,}" if row.params else "--"
            lines.append((name, output or "--", params))
        widths = [max(len(line[i]) for line in lines) for i in range(3)]
        text = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in lines]
        rule = "=" * max(max(map(len, text)), 40)
        text[1:1] = [rule]
        text[:0] = [rule]
        numbers = [
            ("Total params", f"{self.total_params:,}"),
            ("Trainable params", f"{self.trainable_params:,}"),
            ("Non-trainable params", f"{self.total_params - self.trainable_params:,}"),
            ("Params size (MB)", f"{self.param_bytes / 1e6:.2f}"),
        ]
        if self.input_bytes is not None:
            numbers.append(("Input size (MB)", f"{self.input_bytes / 1e6:.2f}"))
        return "\n".join([*text, rule, *(f"{name}: {number}" for name, number in numbers), rule])


def _leads(rows: list[Row]) -> list[str]:
    """The lines of the tree in front of each row: whether another child follows decides how they look."""
    leads = []
    open_at: set[int] = set()
    for row in reversed(rows):
        lead = ""
        if row.depth:
            lead = "".join("│  " if depth in open_at else "   " for depth in range(1, row.depth))
            lead += "├─ " if row.depth in open_at else "└─ "
        open_at = {depth for depth in open_at if depth < row.depth} | {row.depth}
        leads.append(lead)
    return leads[::-1]


def _shapes(output) -> str:
    """The shape of what a module gave: of each tensor where there are several."""
    if isinstance(output, Tensor):
        return str(list(output.shape))
    if isinstance(output, dict):
        return "{" + ", ".join(f"{key}: {_shapes(value)}" for key, value in output.items()) + "}"
    if isinstance(output, (list, tuple)):
        return "(" + ", ".join(map(_shapes, output)) + ")"
    return type(output).__name__


def _is_size(value) -> bool:
    return isinstance(value, (tuple, list)) and bool(value) and all(type(size) is int for size in value)


def _arguments(inputs: tuple, dtype) -> tuple:
    """The arguments of the call: tensors as they are, sizes as zeros."""
    made = []
    for value in inputs:
        if _is_size(value):
            made.append(zeros(value, dtype=dtype))
        elif isinstance(value, (tuple, list)) and value and all(map(_is_size, value)):
            made.extend(zeros(size, dtype=dtype) for size in value)
        else:
            made.append(value)
    return tuple(made)


def _rows(model) -> list[Row]:
    rows: list[Row] = []
    modules: set[int] = set()
    counted: set[int] = set()

    def walk(name: str, module, depth: int) -> None:
        row = Row(name, module, depth)
        rows.append(row)
        row.again = id(module) in modules
        modules.add(id(module))
        if row.again:
            return
        for parameter in module.parameters(recurse=False):
            if id(parameter) not in counted:
                counted.add(id(parameter))
                row.params += parameter.numel()
        for child_name, child in module.named_children():
            walk(child_name, child, depth + 1)

    walk("", model, 0)
    return rows


def _run(model, arguments: tuple, kwargs: dict, rows: list[Row]) -> None:
    """Call the model with hooks that fill in the rows, and leave it and the random streams as they were."""
    from .grad_mode import no_grad
    from .random import fork_rng

    by_module: dict[int, list[Row]] = {}
    for row in rows:
        by_module.setdefault(id(row.module), []).append(row)

    def filled(module, _, output):
        for row in by_module[id(module)]:
            row.calls += 1
            row.output = _shapes(output)

    training = [(module, module.training) for module in model.modules()]
    handles = [module.register_forward_hook(filled) for module in model.modules()]
    try:
        # In evaluation mode, so that running means and the like stay as they are.
        model.eval()
        with no_grad(), fork_rng():
            model(*arguments, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
        for module, was in training:
            module.training = was


def summary(model, *inputs, depth: int = 3, dtype: Any = None, **kwargs) -> ModelSummary:
    """A table of a model's modules: the shape of what each gives, and how many parameters it has itself.

    `inputs` and other keywords are what the model is called with, once, in evaluation mode and without gradients; a
    tuple of ints stands for zeros of that size (`dtype`, by default that of the first parameter). Without inputs the
    model is not called, and there are no shapes. `depth` says how deep the table goes: 1 is the model's own children.
    The model stays as it was. What is returned prints as the table: `print(rustgrad.summary(net, (1, 3, 32, 32)))`.

    Raises TypeError for what is no module; exceptions of the model pass through.
    """
    if not hasattr(model, "named_children"):
        raise TypeError(f"summary expects a Module, but got {type(model).__name__}")
    parameters = list(model.parameters())
    rows = _rows(model)
    if dtype is None:
        dtype = next((parameter.dtype for parameter in parameters if parameter.is_floating_point()), None)
    arguments = _arguments(inputs, dtype)
    size: int | None = None
    if inputs or kwargs:
        _run(model, arguments, kwargs, rows)
        tensors = [value for value in (*arguments, *kwargs.values()) if isinstance(value, Tensor)]
        size = sum(tensor.numel() * tensor.itemsize for tensor in tensors)
    total = sum(parameter.numel() for parameter in parameters)
    trainable = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    held = sum(parameter.numel() * parameter.itemsize for parameter in parameters)
    return ModelSummary(rows, total, trainable, held, size, depth)
