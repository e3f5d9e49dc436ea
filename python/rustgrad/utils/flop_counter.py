"""Floating-point operations of products, convolutions and attention, forward and backward, by module and by op.

The extension counts calls with their shapes where all ops pass, those of backward and inside of composites
included; the formulas here are applied to them later. While no counter is open, nothing is counted anywhere.
"""

import threading
import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from math import prod
from typing import Any

from .. import ops
from .._names import lookup as _lookup
from .._rustgrad import Size, Tensor
from .._rustgrad.torch import _count_calls, empty
from ..library import op as _library
from ..overrides import TorchFunctionMode
from ._pytree import tree_map, tree_map_
from .module_tracker import ModuleTracker

__all__ = ["FlopCounterMode", "register_flop_formula"]

aten = ops.aten
flop_registry: dict[Any, Callable] = {}


def get_shape(i):
    """The shape of a tensor; anything else as it is."""
    return i.shape if isinstance(i, Tensor) else i


def shape_wrapper(f):
    """`f` on shapes, as a function of tensors."""

    @wraps(f)
    def formula(*args, out_val=None, **kwargs):
        args, kwargs, out_shape = tree_map(get_shape, (args, kwargs, out_val))
        return f(*args, out_shape=out_shape, **kwargs)

    vars(formula)["_of_shapes"] = True
    return formula


def register_flop_formula(targets, get_raw: bool = False) -> Callable:
    """A decorator: the function gives the operations of a call of `targets`, such as `torch.ops.ns.name`, or several.

    It is called with the op's arguments, tensors replaced by their shapes, and `out_shape=`; with `get_raw` with the
    tensors themselves and `out_val=`. ValueError where a target is no op, RuntimeError where it has a formula.
    """

    def register(formula):
        kept = formula if get_raw else shape_wrapper(formula)

        def add(target) -> None:
            if not isinstance(target, (ops._Packet, _library.Packet)):
                raise ValueError(
                    "register_flop_formula(targets): expected each target to be OpOverloadPacket (i.e. "
                    f"torch.ops.mylib.foo), got {target} which is of type {type(target)}"
                )
            if target in flop_registry:
                raise RuntimeError(f"duplicate registrations for {target}")
            flop_registry[target] = kept

        tree_map_(add, targets)
        return kept

    return register


# --- formulas: a product and a sum of two numbers are two operations


@register_flop_formula(aten.mm)
def mm_flop(a_shape, b_shape, *args, out_shape=None, **kwargs) -> int:
    """(m, k) times (k, n)."""
    (m, k), (inner, n) = a_shape, b_shape
    if k != inner:
        raise AssertionError(f"matmul: inner dimensions must match (k == k2), got {k} and {inner}")
    return 2 * m * k * n


@register_flop_formula(aten.addmm)
def addmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """The product alone."""
    return mm_flop(a_shape, b_shape)


@register_flop_formula(aten.bmm)
def bmm_flop(a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """(b, m, k) times (b, k, n)."""
    (b, *a), (batch, *other) = a_shape, b_shape
    if b != batch:
        raise AssertionError(f"bmm: batch dimensions must match (b == b2), got {b} and {batch}")
    return b * mm_flop(a, other)


@register_flop_formula(aten.baddbmm)
def baddbmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """The product alone."""
    return bmm_flop(a_shape, b_shape)


def conv_flop_count(x_shape, w_shape, out_shape, transposed: bool = False) -> int:
    """A convolution without its bias: the kernel at each place of the output, or with `transposed` of the input."""
    places = (x_shape if transposed else out_shape)[2:]
    return 2 * x_shape[0] * prod(places) * prod(w_shape)


@register_flop_formula(aten.convolution)
def conv_flop(x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, *args, out_shape=None, **kwargs):
    """A convolution without its bias."""
    return conv_flop_count(x_shape, w_shape, out_shape, transposed)


@register_flop_formula(aten.convolution_backward)
def conv_backward_flop(
    grad_out_shape,
    x_shape,
    w_shape,
    _bias,
    _stride,
    _padding,
    _dilation,
    transposed,
    _output_padding,
    _groups,
    output_mask,
    out_shape,
    **kwargs,
) -> int:
    """The gradients of input and weight that `output_mask` asks for; the weight's as if there were one group."""
    total = 0
    if output_mask[0]:
        total += conv_flop_count(grad_out_shape, w_shape, get_shape(out_shape[0]), not transposed)
    if output_mask[1]:
        many, other = (x_shape, grad_out_shape) if transposed else (grad_out_shape, x_shape)
        total += 2 * prod(many) * other[1] * prod(get_shape(out_shape[1])[2:])
    return total


def _heads(shape) -> tuple[int, int, int, int]:
    """(batch, heads, length, width) of an operand of attention."""
    *lead, length, width = shape
    return prod(lead[:-1]), lead[-1] if lead else 1, length, width


def _checked_heads(name: str, query_shape, key_shape, value_shape):
    q, k, v = _heads(query_shape), _heads(key_shape), _heads(value_shape)
    if q[0] != k[0] or k[:3] != v[:3] or q[3] != k[3]:
        raise AssertionError(
            f"{name}: query/key/value shapes are incompatible: q={query_shape}, k={key_shape}, v={value_shape}"
        )
    if q[1] < k[1] or q[1] % k[1]:
        raise AssertionError(f"{name}: query heads ({q[1]}) must be a multiple of key/value heads ({k[1]})")
    return q[0] * q[1], q[2], k[2], q[3], v[3]


def sdpa_flop_count(query_shape, key_shape, value_shape) -> int:
    """The two products of attention; a causal one counts like any other."""
    n, length, keys, width, out = _checked_heads("sdpa_flop_count", query_shape, key_shape, value_shape)
    return 2 * n * length * keys * (width + out)


def sdpa_flop(query_shape, key_shape, value_shape, *args, out_shape=None, **kwargs) -> int:
    """The two products of attention."""
    return sdpa_flop_count(query_shape, key_shape, value_shape)


def sdpa_backward_flop_count(grad_out_shape, query_shape, key_shape, value_shape) -> int:
    """The scores once more, and two products for the gradient of each of the two of attention."""
    n, length, keys, width, out = _checked_heads("sdpa_backward_flop_count", query_shape, key_shape, value_shape)
    return 2 * n * length * keys * (3 * width + 2 * out)


def sdpa_backward_flop(grad_out_shape, query_shape, key_shape, value_shape, *args, out_shape=None, **kwargs) -> int:
    """The five products of attention's backward."""
    return sdpa_backward_flop_count(grad_out_shape, query_shape, key_shape, value_shape)


# PyTorch has formulas for its other attention kernels, and counts nothing where its kernel for the CPU runs.
_ATTENTION = aten._scaled_dot_product_flash_attention_for_cpu
_ATTENTION_BACKWARD = aten._scaled_dot_product_flash_attention_for_cpu_backward
register_flop_formula(_ATTENTION)(sdpa_flop)
register_flop_formula(_ATTENTION_BACKWARD)(sdpa_backward_flop)


# --- from the extension's ops to those that have formulas


def _product(op, lead, batch, a, y):
    """Arguments of a product of a, transposed or not, that gave y; the second is known by them."""
    m, n = prod(y[len(batch) : -1]), y[-1]
    size = prod(batch)
    k = prod(a) // (size * m) if size * m else 0
    dims = (size,) if batch or op in (aten.bmm, aten.baddbmm) else ()
    return op, (*lead, Size((*dims, m, k)), Size((*dims, k, n))), Size((*dims, m, n)), 1


def _mm(within, x, y):
    return [_product(aten.mm, (), (), x[0], y[0])]


def _linear(within, x, y):
    return [_product(aten.addmm, (Size(x[2]),), (), x[0], y[0])]


def _bmm(within, x, y):
    return [_product(aten.bmm, (), y[0][:-2], x[0], y[0])]


def _addmm(within, x, y):
    return [(aten.addmm, tuple(map(Size, x)), Size(y[0]), 1)]


def _baddbmm(within, x, y):
    return [(aten.baddbmm, tuple(map(Size, x)), Size(y[0]), 1)]


def _forward(x, w, bias, y, transposed):
    args = (Size(x), Size(w), bias, None, None, None, transposed, None, None)
    return [(aten.convolution, args, Size(y), 1)]


def _input_grad(g, w, y, transposed):
    args = (Size(g), Size(y), Size(w), None, None, None, None, transposed, None, None, [True, False, False])
    return [(aten.convolution_backward, args, (Size(y), None, None), 1)]


def _conv(within, x, y):
    if within == "conv2d_input_grad":  # the gradient of a transposed convolution's input
        return _input_grad(x[0], x[1], y[0], True)
    return _forward(x[0], x[1], Size(x[2]) if len(x) > 2 else None, y[0], False)


def _conv_input_grad(within, x, y):
    if within.startswith("conv2d"):
        return _input_grad(x[0], x[1], y[0], False)
    return _forward(x[0], x[1], None, y[0], True)


def _conv_weight_grad(within, x, y):
    transposed = within == "conv2d_input_grad"
    g, image = (x[1], x[0]) if transposed else x
    args = (Size(g), Size(image), Size(y[0]), None, None, None, None, transposed, None, None, [False, True, False])
    return [(aten.convolution_backward, args, (None, Size(y[0]), None), 1)]


def _attention(within, x, y):
    return [(_ATTENTION, tuple(map(Size, x[:3])), Size(y[0]), 1)]


def _attention_backward(within, x, y):
    return [(_ATTENTION_BACKWARD, tuple(map(Size, x[:4])), tuple(map(Size, y)), 1)]


def _lstm(within, x, y):
    # As step by step: of all steps the product of the state with its weight.
    (steps, batch, wide), (_, n) = x[:2]
    return [(aten.addmm, (Size([wide]), Size([batch, n]), Size([n, wide])), Size([batch, wide]), steps)]


def _lstm_backward(within, x, y):
    # The first state is not asked for.
    (steps, batch, wide), (_, n) = x[1], x[0]
    return [(aten.mm, (Size([batch, wide]), Size([wide, n])), Size([batch, n]), steps - 1)]


_OPS = {
    "mm": _mm,
    "linear": _linear,
    "bmm": _bmm,
    "matmul": _bmm,
    "addmm": _addmm,
    "baddbmm": _baddbmm,
    "conv2d": _conv,
    "conv2d_input_grad": _conv_input_grad,
    "conv2d_weight_grad": _conv_weight_grad,
    "scaled_dot_product_attention": _attention,
    "scaled_dot_product_attention_backward": _attention_backward,
    "lstm": _lstm,
    "lstm_backward": _lstm_backward,
}
_KNOWN = frozenset(flop_registry)
_NAMES = list(_OPS)


class _Here(threading.local):
    """The counters that are open in this thread, the innermost last."""

    def __init__(self):
        self.open: list[FlopCounterMode] = []


_here = _Here()


def _take(more: bool = True) -> None:
    """Give the open counters what was counted since the last time; without `more` counting ends."""
    rows = _count_calls(_NAMES if more else None)
    for name, within, x, y, times in rows:
        for op, args, out, each in _OPS[name](within, x, y):
            for counter in _here.open:
                counter._count(op, args, out, times * each)


def _around(op, args, kwargs):
    """A call of an op of the program's own. Its formula counts, if it has one, and never what its kernels call."""
    packet = _library.packets.get(op.schema.name)
    counters = [one for one in _here.open if packet in one.flop_registry]
    if not _here.open or (not counters and "CompositeImplicitAutograd" in op.kernels):
        return op._run(args, kwargs)
    _take()
    kept, _here.open = _here.open, []
    try:
        out = op._run(args, kwargs)
        _take()
    finally:
        _here.open = kept
    for counter in counters:
        counter._add(packet, counter.flop_registry[packet](*args, **kwargs, out_val=out))
    return out


class _Calls(TorchFunctionMode):
    """Counts calls of ops of `aten` that only a formula of the program's makes countable."""

    def __init__(self, counter, packets):
        self.counter = counter
        self.names = {packet.__name__: packet for packet in packets}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = getattr(func, "__name__", "").removeprefix("__").removesuffix("__")
        packet = self.names.get(name)
        if packet is not None:
            self.counter._add(packet, self.counter.flop_registry[packet](*args, **kwargs, out_val=out))
        return out


def _shaped(x):
    """A tensor that has a shape and no elements, for formulas that ask for tensors."""
    return empty(x, device="meta") if isinstance(x, Size) else x


class _Tracker(ModuleTracker):
    """Settles what was counted before the modules that run are others."""

    def _change(self) -> None:
        if _here.open:
            _take()


# --- the table

suffixes = ["", "K", "M", "B", "T"]


def get_suffix_str(number: int) -> str:
    """The suffix that a number is best written with: thousands from five digits on."""
    return suffixes[max(0, min(len(suffixes) - 1, (len(str(number)) - 2) // 3))]


def convert_num_with_suffix(number: int, suffix: str) -> str:
    """The number in units of the suffix, with three decimals."""
    return f"{number / 1000 ** suffixes.index(suffix):.3f}{suffix}"


def convert_to_percent_str(num: int, denom: int) -> str:
    """A part in percent."""
    return "0%" if denom == 0 else f"{num / denom:.2%}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _lines(rows: list[list[str]]) -> str:
    """Rows under their titles: names to the left, numbers to the right."""
    if all(_is_number(row[1]) for row in rows):  # without a suffix: no zeros that say nothing
        rows = [[name, f"{float(count):g}", part] for name, count, part in rows]
    rows = [["Module", "FLOP", "% Total"], *rows]
    wide = [max(len(row[i]) + (2 if r == 0 else 0) for r, row in enumerate(rows)) for i in range(3)]
    lines = ["  ".join((a.ljust(wide[0]), b.rjust(wide[1]), c.rjust(wide[2]))).rstrip() for a, b, c in rows]
    lines.insert(1, "  ".join("-" * n for n in wide))
    return "\n".join(lines)


class FlopCounterMode:
    """A `with` block that counts the floating-point operations of products, convolutions and attention in it.

    They are counted for each module whose forward or backward runs (see `ModuleTracker`), and for `Global`. At the end
    a table down to `depth` is printed, unless `display` is False. `custom_mapping` has formulas by op, as
    `register_flop_formula` takes them, for this counter alone. `mods` is not needed any more.

    Attention counts as PyTorch's does on other devices than the CPU, and LSTMs as GRUs do.

        >>> model = torch.nn.Linear(10, 2)
        >>> with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        ...     loss = model(torch.ones(4, 10)).sum()
        ...     loss.backward()
        >>> counter.get_total_flops()
        320
    """

    def __init__(
        self,
        mods: Any = None,
        depth: int = 2,
        display: bool = True,
        custom_mapping: dict[Any, Any] | None = None,
    ) -> None:
        if mods is not None:
            warnings.warn("mods argument is not needed anymore, you can stop passing it", stacklevel=2)
        self._counts: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
        self.depth = depth
        self.display = display
        own = {op: f if getattr(f, "_get_raw", False) else shape_wrapper(f) for op, f in (custom_mapping or {}).items()}
        self.flop_registry = {**flop_registry, **own}
        self.mod_tracker = _Tracker()
        self._calls: _Calls | None = None

    @property
    def flop_counts(self) -> dict[str, dict[Any, int]]:
        """Operations by module, then by op."""
        if self in _here.open:
            _take()
        return self._counts

    def get_total_flops(self) -> int:
        """All operations that were counted."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """Operations by the module's name, then by op."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """A table of the modules down to `depth`, None for that of the counter."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        suffix = get_suffix_str(total)
        whole = False  # whether a module has all that was counted

        def rows_of(name: str, level: int) -> list[list[str]]:
            nonlocal whole
            counts = self._counts[name]
            mine = sum(counts.values())
            whole = whole or mine >= total
            named = [(name, mine), *((f" - {op}", n) for op, n in counts.items())]
            return [
                [" " * level + text, convert_num_with_suffix(n, suffix), convert_to_percent_str(n, total)]
                for text, n in named
            ]

        rows = []
        for name in sorted(self._counts):
            level = name.count(".")
            if name != "Global" and (depth is None or level < depth):
                rows += rows_of(name, level)
        if "Global" in self._counts and not whole:
            rows = rows_of("Global", 0) + [[" " + text, *rest] for text, *rest in rows]
        return _lines(rows or [["Global", "0", "0%"]])

    def __enter__(self):
        if _here.open:
            _take()
        self._counts.clear()
        self.mod_tracker.__enter__()
        _here.open.append(self)
        _take()
        _library.around = _around
        others = [op for op in self.flop_registry if op not in _KNOWN and isinstance(op, ops._Packet)]
        if others:
            self._calls = _Calls(self, others)
            self._calls.__enter__()
        return self

    def __exit__(self, *exception):
        if self._calls is not None:
            self._calls.__exit__(*exception)
            self._calls = None
        _take()
        _here.open.remove(self)
        _take(bool(_here.open))
        self.mod_tracker.__exit__()
        if self.display:
            print(self.get_table(self.depth))
        return False

    def _add(self, packet, flops: int) -> None:
        for name in self.mod_tracker.parents:
            self._counts[name][packet] += flops

    def _count(self, packet, args, out, times: int) -> None:
        formula = self.flop_registry.get(packet)
        if formula is None:
            return
        if not getattr(formula, "_of_shapes", False):
            args, out = tree_map(_shaped, (args, out))
        self._add(packet, times * formula(*args, out_val=out))


__getattr__ = _lookup("torch.utils.flop_counter")
