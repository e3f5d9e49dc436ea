"""`draw`: the graph that autograd keeps of a tensor, as text for Graphviz, and as a picture where that is installed."""

import os
from collections.abc import Mapping
from typing import Any

from .._rustgrad import Tensor

__all__ = ["Drawing", "draw"]


class Drawing:
    """A drawing in Graphviz' language: `print` shows the text, a notebook the picture."""

    def __init__(self, source: str):
        self.source = source

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<Drawing of {self.source.count(chr(10))} lines; print() shows them>"

    def _drawn(self, kind: str) -> bytes:
        import shutil
        import subprocess

        dot = shutil.which("dot")
        if dot is None:
            raise RuntimeError(
                f"a drawing as {kind} needs Graphviz' program dot, which was not found\n"
                "hint: install graphviz, or show str(drawing) at another place that draws this language"
            )
        done = subprocess.run([dot, f"-T{kind}"], input=self.source.encode(), capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"dot could not draw this: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def svg(self) -> str:
        """The picture as SVG. RuntimeError where Graphviz is not installed."""
        return self._drawn("svg").decode()

    def save(self, path) -> None:
        """Write a file of the kind that its name ends in: text for `.dot` and `.gv`, else a picture, as `.svg`.

        RuntimeError for a picture where Graphviz is not installed.
        """
        kind = os.path.splitext(path)[1].lstrip(".").lower()
        data = self.source.encode() if kind in ("dot", "gv") else self._drawn(kind or "svg")
        with open(path, "wb") as file:
            file.write(data)

    def _repr_svg_(self) -> str | None:
        # Asked by notebooks, which show the text if there is no picture.
        import shutil

        return self.svg() if shutil.which("dot") else None


def _names(params) -> dict[int, str]:
    """Names of tensors by identity."""
    if params is None:
        return {}
    if hasattr(params, "named_parameters"):
        params = dict(params.named_parameters())
    if isinstance(params, Tensor) or not isinstance(params, (Mapping, list, tuple)):
        raise TypeError(f"params should be a module or a dict of tensors, but got {type(params).__name__}")
    pairs = params.items() if isinstance(params, Mapping) else params
    return {id(tensor): str(name) for name, tensor in pairs}


def _quoted(*lines: str) -> str:
    text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines if line)
    return f'"{text}"'


def draw(tensor, params=None) -> Drawing:
    """The graph behind a tensor, or behind several: what `backward` would walk, from the leaves at the top down to it.

    `params` names leaves: a module, or a dict from names to tensors. Boxes are tensors with their shape, ovals the
    nodes by their `name()`. Raises RuntimeError for a tensor that has no graph, TypeError for what is no tensor.
    """
    outputs = list(tensor) if isinstance(tensor, (list, tuple)) else [tensor]
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(f"draw expects a tensor or a list of tensors, but got {type(output).__name__}")
        if not output.requires_grad:
            raise RuntimeError("draw: the tensor does not require grad, so there is no graph behind it")
    names = _names(params)
    boxes, edges = [], []
    ids: dict[Any, str] = {}
    waiting: list[Any] = []

    def box(tensor, name: str, colour: str) -> str:
        number = f"t{len(boxes)}"
        label = _quoted(name, f"{tuple(tensor.shape)} {str(tensor.dtype).rpartition('.')[2]}")
        boxes.append(f'  {number} [shape=box, style=filled, fillcolor="{colour}", label={label}];')
        return number

    def known(node) -> str:
        if node in ids:
            return ids[node]
        variable = getattr(node, "variable", None)
        if variable is not None:
            ids[node] = box(variable, names.get(id(variable), ""), "lightblue")
        else:
            ids[node] = f"n{len(ids)}"
            boxes.append(f"  {ids[node]} [label={_quoted(node.name())}];")
            waiting.append(node)
        return ids[node]

    for output in outputs:
        node = output.grad_fn
        if node is None:
            box(output, names.get(id(output), ""), "lightblue")
        else:
            start = known(node)
            edges.append(f"  {start} -> {box(output, names.get(id(output), ''), 'palegreen')};")
    while waiting:
        node = waiting.pop()
        for before, _ in node.next_functions:
            if before is not None:
                edges.append(f"  {known(before)} -> {ids[node]};")
    lines = ["digraph {", '  node [fontname="monospace", fontsize=10];', *boxes, *edges, "}"]
    return Drawing("\n".join(lines) + "\n")
