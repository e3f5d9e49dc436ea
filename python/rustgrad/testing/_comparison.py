"""`assert_close`: whether tensors, numbers, or containers of them are equal within tolerances, and where not."""

from collections.abc import Callable, Mapping, Sequence

from .. import _rustgrad
from .._rustgrad import Tensor, complex128
from .._rustgrad.torch import where, zeros_like

__all__ = ["assert_allclose", "assert_close"]

# The relative and the absolute tolerance of each dtype; 0 for those that are not named.
TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex32": (1e-3, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


class _Mismatch(Exception):
    """What is not close, in words, and the way to it through containers."""

    def __init__(self, kind: type, text: str, path: tuple = ()):
        self.kind = kind
        self.text = text
        self.path = path


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise AssertionError unless |actual - expected| <= atol + rtol |expected| for each element.

    Tensors, arrays and numbers are compared, in sequences and mappings item by item. Without tolerances, those of the
    dtypes are taken. Shapes must be equal; the checks say what else. `msg` replaces the message, or makes it of the one
    there is. Raises ValueError where only one tolerance is given, TypeError for what cannot be compared.
    """
    if (rtol is None) != (atol is None):
        missing = "atol" if atol is None else "rtol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    options = {
        "allow_subclasses": allow_subclasses,
        "rtol": rtol,
        "atol": atol,
        "equal_nan": equal_nan,
        "device": check_device,
        "dtype": check_dtype,
        "layout": check_layout,
        "stride": check_stride,
    }
    try:
        _compare(actual, expected, options, ())
    except _Mismatch as found:
        text = found.text
        if found.path:
            text += f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in found.path)}"
        if found.kind is AssertionError and msg is not None:
            text = msg(text) if callable(msg) else msg
        error = found.kind(text)
    else:
        return
    raise error


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg="") -> None:
    """`assert_close` of before: any dtypes, and wider tolerances. Use `assert_close`."""
    if not isinstance(actual, Tensor):
        actual = _rustgrad.tensor(actual)
    if not isinstance(expected, Tensor):
        expected = _rustgrad.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        wider = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}
        pairs = [wider.get(_dtype_name(x), (0.0, 0.0)) for x in (actual, expected)]
        rtol, atol = max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


def _dtype_name(x) -> str:
    return str(x.dtype).rpartition(".")[2]


def _is_array(x) -> bool:
    return isinstance(x, Tensor) or (hasattr(x, "__array__") and hasattr(x, "dtype"))


def _compare(actual, expected, options, path) -> None:
    texts = (str, bytes)
    both = (actual, expected)
    if all(isinstance(x, Sequence) and not isinstance(x, texts) for x in both):
        if len(actual) != len(expected):
            counts = f"{len(actual)} != {len(expected)}"
            raise _Mismatch(AssertionError, f"The length of the sequences mismatch: {counts}", path)
        for i, (a, e) in enumerate(zip(actual, expected)):
            _compare(a, e, options, (*path, i))
    elif all(isinstance(x, Mapping) for x in both):
        missing, more = expected.keys() - actual.keys(), actual.keys() - expected.keys()
        if missing or more:
            text = "The keys of the mappings do not match:\n"
            text += f"Missing keys in the actual mapping: {sorted(missing)}\n" if missing else ""
            text += f"Additional keys in the actual mapping: {sorted(more)}\n" if more else ""
            raise _Mismatch(AssertionError, text.rstrip("\n"), path)
        for key in sorted(actual) if all(isinstance(k, type(next(iter(actual)))) for k in actual) else actual:
            _compare(actual[key], expected[key], options, (*path, key))
    elif actual is None or expected is None:
        if actual is not expected:
            raise _Mismatch(AssertionError, f"None mismatch: {actual} is not {expected}", path)
    elif all(isinstance(x, bool) for x in both):
        if actual is not expected:
            raise _Mismatch(AssertionError, f"Booleans mismatch: {actual} is not {expected}", path)
    elif all(isinstance(x, (int, float, complex)) for x in both):
        _compare_numbers(actual, expected, options, path)
    elif all(_is_array(x) for x in both) and (options["allow_subclasses"] or type(actual) is type(expected)):
        tensors = [x if isinstance(x, Tensor) else _rustgrad.tensor(x) for x in both]
        _compare_tensors(tensors[0], tensors[1], options, path)
    else:
        kinds = f"{type(actual)} and {type(expected)}"
        text = f"No comparison pair was able to handle inputs of type {kinds}."
        raise _Mismatch(TypeError, text, path)


def _tolerances(options, *names: str) -> tuple[float, float]:
    if options["rtol"] is not None:
        return options["rtol"], options["atol"]
    pairs = [TOLERANCES.get(name, (0.0, 0.0)) for name in names]
    return max(rtol for rtol, _ in pairs), max(atol for _, atol in pairs)


def _compare_numbers(actual, expected, options, path) -> None:
    kinds = {int: "int64", float: "float64", complex: "complex128"}
    names = [next(name for kind, name in kinds.items() if isinstance(x, kind)) for x in (actual, expected)]
    if options["dtype"] and type(actual) is not type(expected):
        text = f"The (d)types do not match: {type(actual)} != {type(expected)}."
        raise _Mismatch(AssertionError, text, path)
    rtol, atol = _tolerances(options, *names)
    if not _close_numbers(actual, expected, rtol, atol, options["equal_nan"]):
        raise _Mismatch(AssertionError, _number_text(actual, expected, rtol, atol), path)


def _close_numbers(actual, expected, rtol, atol, equal_nan) -> bool:
    if actual == expected or (equal_nan and actual != actual and expected != expected):
        return True
    difference = abs(actual - expected)
    return difference < float("inf") and difference <= atol + rtol * abs(expected)


def _number_text(actual, expected, rtol, atol) -> str:
    difference = abs(actual - expected)
    relative = difference / abs(expected) if expected else float("inf")
    return _differences(
        f"Scalars are not {{}}!\n\nExpected {expected} but got {actual}.\n",
        ("Absolute difference: ", difference, ""),
        ("Relative difference: ", relative, ""),
        rtol,
        atol,
    )


def _differences(head, absolute, relative, rtol, atol) -> str:
    """The lines on the differences; where nothing but equality is allowed, no limit is named."""
    exact = rtol == 0 and atol == 0
    lines = [
        f"{words}{value}{at}" + ("" if exact else f" (up to {limit} allowed)")
        for (words, value, at), limit in ((absolute, atol), (relative, rtol))
    ]
    return head.format("equal" if exact else "close") + "\n".join(lines)


def _compare_tensors(actual: Tensor, expected: Tensor, options, path) -> None:
    def differ(what, a, e):
        text = f"The values for attribute '{what}' do not match: {a} != {e}."
        raise _Mismatch(AssertionError, text, path)

    if actual.shape != expected.shape:
        differ("shape", actual.shape, expected.shape)
    if options["layout"] and actual.layout != expected.layout:
        differ("layout", actual.layout, expected.layout)
    if options["stride"] and actual.stride() != expected.stride():
        differ("stride()", actual.stride(), expected.stride())
    if options["device"] and actual.device != expected.device:
        differ("device", actual.device, expected.device)
    if options["dtype"] and actual.dtype != expected.dtype:
        differ("dtype", actual.dtype, expected.dtype)
    rtol, atol = _tolerances(options, _dtype_name(actual), _dtype_name(expected))
    if actual.is_meta and expected.is_meta:
        return  # as alike as they can be
    actual, expected = (x.detach().cpu() for x in (actual, expected))
    if actual.dtype != expected.dtype:
        common = _rustgrad.torch.promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(common), expected.to(common)
    close = _close(actual, expected, rtol, atol, options["equal_nan"])
    if not bool(close.all()):
        raise _Mismatch(AssertionError, _tensor_text(actual, expected, close, rtol, atol), path)


def _close(a: Tensor, e: Tensor, rtol, atol, equal_nan) -> Tensor:
    close = a == e
    if equal_nan and (a.is_floating_point() or a.is_complex()):
        close = close | ((a != a) & (e != e))
    if rtol == 0 and atol == 0:
        return close
    if a.is_complex():
        a, e = a.to(complex128), e.to(complex128)
    elif not a.is_floating_point():
        a, e = a.double(), e.double()
    error = (a - e).abs()
    return close | ((error < float("inf")) & (error <= atol + (rtol * e).abs()))


def _tensor_text(a: Tensor, e: Tensor, close: Tensor, rtol, atol) -> str:
    if a.numel() == 1 and a.ndim == 0:
        return _number_text(a.item(), e.item(), rtol, atol)
    if not (a.is_floating_point() or a.is_complex()):
        a, e = a.long(), e.long()
    absolute = (a - e).abs()
    relative = absolute / e.abs()
    wrong = a.numel() - int(close.sum())
    head = f"Tensor-likes are not {{}}!\n\nMismatched elements: {wrong} / {a.numel()} ({wrong / a.numel():.1%})\n"
    worst = []
    for words, values in (("Greatest absolute difference: ", absolute), ("Greatest relative difference: ", relative)):
        values = where(close, zeros_like(values), values).flatten()
        at = int(values.argmax())
        worst.append((words, values[at].item(), f" at index {_index(at, a.shape)}"))
    return _differences(head, worst[0], worst[1], rtol, atol)


def _index(flat: int, shape) -> tuple[int, ...]:
    found = []
    for size in reversed(shape):
        flat, i = divmod(flat, size)
        found.append(i)
    return tuple(reversed(found))
