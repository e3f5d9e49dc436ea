"""Schemas of ops: `ns::name.overload(Tensor x, int n=2) -> Tensor`, read from text or from a function's type hints."""

import ast
import inspect
import re
import typing
from collections.abc import Sequence
from types import UnionType

from .._rustgrad import Tensor, device, dtype

__all__ = ["Argument", "Schema", "Type", "infer_schema"]

_NUMBERS = {int: "SymInt", float: "float", bool: "bool", int | float | bool: "Scalar"}
_PLAIN = {Tensor: "Tensor", **_NUMBERS, str: "str", dtype: "ScalarType", device: "Device"}
_NAMES = {
    "Tensor": Tensor,
    "device": device,
    "dtype": dtype,
    "Optional": typing.Optional,
    "List": list,
    "Sequence": Sequence,
    "Union": typing.Union,
}
# The Python types of values, by the name of a schema type; schema types that are not here take anything.
_CLASSES = {
    "Tensor": Tensor,
    "str": str,
    "bool": bool,
    "Scalar": (int, float, complex),
    "ScalarType": dtype,
    "Device": (device, str),
}


class Type:
    """A type of a schema: `base` with `[]`, `[2]` and `?` behind it."""

    def __init__(self, text: str):
        self.text = text
        self.base = re.match(r"\w*", text)[0]  # pyright: ignore[reportOptionalSubscript]
        self.listed = re.search(r"\[(\d*)\]", text)
        self.optional = text.endswith("?")
        self.optional_items = "?[" in text

    def __str__(self):
        return self.text.replace("SymInt", "int")

    __repr__ = __str__

    def convert(self, value):
        """`value` as this type; raises TypeError with PyTorch's reason where it is not of it."""
        if value is None and self.optional:
            return None
        if self.listed:
            if self.listed[1] and isinstance(value, (int, float)):
                return [self._item(value)] * int(self.listed[1])
            if not isinstance(value, (list, tuple)):
                raise TypeError(f"Unable to cast {value!r} to List")
            return [None if item is None and self.optional_items else self._item(item) for item in value]
        return self._item(value)

    def _item(self, value):
        wanted = _CLASSES.get(self.base, object)
        if self.base in ("int", "SymInt", "float"):
            wanted = int if self.base != "float" else (int, float)
            if hasattr(value, "__index__") and not isinstance(value, Tensor):
                value = int(value)
            elif self.base == "float" and hasattr(value, "__float__") and not isinstance(value, (Tensor, str)):
                value = float(value)
        if not isinstance(value, wanted):
            raise TypeError(f"Unable to cast {value!r} to {self}")
        if self.base == "float":
            return float(value)
        return device(value) if self.base == "Device" and isinstance(value, str) else value


class Argument:
    """An argument or a result of an op."""

    def __init__(self, text: str, kwarg_only: bool = False):
        words = re.match(r"\s*([\w.]+)(\([^)]*\))?((?:\[\d*\]|\?)*)\s*(\w*)\s*(?:=\s*(.*\S))?\s*$", text, re.DOTALL)
        if words is None:
            raise RuntimeError(f"cannot read {text.strip()!r} in the schema of an op")
        base, self.alias, behind, self.name, default = words.groups()
        self.type, self.real_type = Type(base + behind), base + behind
        self.kwarg_only, self.written = kwarg_only, bool(self.alias and "!" in self.alias)
        self.has_default = default is not None
        self.default_value = self._value(default) if default is not None else None
        self.alias_info = None if self.alias is None else _Alias(self.written)

    def _value(self, text: str):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text  # names such as Mean or contiguous_format
        return float(value) if self.type.base == "float" and isinstance(value, int) else value

    def __str__(self):
        alias, behind = self.alias or "", self.real_type[len(self.type.base) :]
        text = f"{self.type.base}{alias}{behind} {self.name}".rstrip()
        return f"{text}={_literal(self.default_value)}" if self.has_default else text

    __repr__ = __str__


class _Alias:
    def __init__(self, is_write: bool):
        self.is_write = is_write


def _literal(value) -> str:
    if isinstance(value, float):
        text = f"{value:.17g}"
        return f"{text}." if re.fullmatch(r"-?\d+", text) else text
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _split(text: str) -> list[str]:
    """The pieces between the commas that stand in no brackets and no quotes."""
    pieces, depth, quote, start = [], 0, "", 0
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif letter == "," and not depth:
            pieces.append(text[start:i])
            start = i + 1
    return [piece for piece in [*pieces, text[start:]] if piece.strip()]


class Schema:
    """The arguments and results of an op."""

    def __init__(self, text: str):
        found = re.fullmatch(r"\s*([\w:]+)(?:\.(\w+))?\s*\((.*)\)\s*->\s*(.*?)\s*", text, re.DOTALL)
        if found is None:
            raise RuntimeError(f"cannot read the schema {text!r}: it must be of the form `name(Tensor x) -> Tensor`")
        self.name, self.overload_name = found[1], found[2] or ""
        self.arguments: list[Argument] = []
        only = False
        for piece in _split(found[3]):
            if piece.strip() == "*":
                only = True
            else:
                self.arguments.append(Argument(piece, only))
        returns = found[4]
        self.one_return = not returns.startswith("(")
        self.returns = [Argument(piece) for piece in _split(returns.strip("()") if not self.one_return else returns)]

    def __str__(self):
        given, only = [], False
        for argument in self.arguments:
            if argument.kwarg_only and not only:
                given.append("*")
                only = True
            given.append(str(argument))
        returns = ", ".join(map(str, self.returns))
        name = f"{self.name}.{self.overload_name}" if self.overload_name else self.name
        return f"{name}({', '.join(given)}) -> {returns if self.one_return else f'({returns})'}"

    __repr__ = __str__

    @property
    def is_mutable(self) -> bool:
        return any(argument.written for argument in self.arguments)

    def bind(self, args: tuple, kwargs: dict) -> list:
        """The value of each argument, converted, in the schema's order. Raises RuntimeError as PyTorch does."""
        places = [argument for argument in self.arguments if not argument.kwarg_only]
        if len(args) > len(places):
            raise RuntimeError(
                f"{self.name}() expected at most {len(places)} argument(s) but received {len(args)} argument(s). "
                f"Declaration: {self}"
            )
        left, values = dict(kwargs), []
        for i, argument in enumerate(self.arguments):
            if i < len(args) and not argument.kwarg_only:
                values.append(self._convert(i, argument, args[i]))
            elif argument.name in left:
                values.append(self._convert(i, argument, left.pop(argument.name)))
            elif argument.has_default:
                values.append(argument.default_value)
            else:
                raise RuntimeError(
                    f"{self.name}() is missing value for argument '{argument.name}'. Declaration: {self}"
                )
        for name in left:
            raise RuntimeError(f"Unknown keyword argument '{name}' for operator '{self.name}'. Schema: {self}")
        return values

    def _convert(self, place: int, argument: Argument, value):
        try:
            return argument.type.convert(value)
        except TypeError as error:
            raise RuntimeError(
                f"{self.name}() Expected a value of type '{argument.type}' for argument '{argument.name}' but instead "
                f"found type '{type(value).__name__}'.\nPosition: {place}\nValue: {value!r}\nDeclaration: {self}\n"
                f"Cast error details: {error}"
            ) from None

    def split(self, values: list) -> tuple[tuple, dict]:
        """How a kernel is called: without values that are the defaults, where none follows that is not."""
        args, kwargs = [], {}
        for argument, value in zip(self.arguments, values):
            if argument.kwarg_only:
                if not (argument.has_default and _same(value, argument.default_value)):
                    kwargs[argument.name] = value
            else:
                args.append(value)
        places = [argument for argument in self.arguments if not argument.kwarg_only]
        while args and places[len(args) - 1].has_default and _same(args[-1], places[len(args) - 1].default_value):
            args.pop()
        return tuple(args), kwargs


def _same(a, b) -> bool:
    return a is b or (type(a) is type(b) and not isinstance(a, Tensor) and bool(a == b))


def infer_schema(prototype_function, /, *, mutates_args, op_name=None, tags=()) -> str:
    """The schema that a function's type hints say; `mutates_args` names the tensors that it writes to, or "unknown"."""
    signature = inspect.signature(prototype_function)

    def fail(what: str) -> typing.NoReturn:
        raise ValueError(f"infer_schema(func): {what} Got func with signature {signature})")

    def hint(annotation):
        if isinstance(annotation, str):
            try:
                return eval(annotation, {**_NAMES, **getattr(prototype_function, "__globals__", {})})
            except Exception as error:
                fail(f"Unsupported type annotation {annotation}. It is not a type. ({type(error).__name__}: {error})")
        return annotation

    if isinstance(mutates_args, str) and mutates_args != "unknown":
        raise ValueError(
            "mutates_args must either be a sequence of the names of the arguments that are mutated or the string "
            "'unknown'. "
        )
    written = None if isinstance(mutates_args, str) else tuple(mutates_args)
    pieces, only = [], False
    for i, (name, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            fail("We do not support positional-only args, varargs, or varkwargs.")
        if parameter.kind == parameter.KEYWORD_ONLY and not only:
            pieces.append("*")
            only = True
        if parameter.annotation is parameter.empty:
            fail(f"Parameter {name} must have a type annotation.")
        kind = _type(hint(parameter.annotation))
        if kind is None:
            fail(f"Parameter {name} has unsupported type {parameter.annotation}.")
        if (written is None and kind.startswith("Tensor")) or (written is not None and name in written):
            if not kind.startswith("Tensor"):
                fail(f"Parameter {name} is in mutable_args but only Tensors or collections of Tensors can be mutated")
            kind = f"Tensor(a{i}!){kind[6:]}"
        default = "" if parameter.default is parameter.empty else f"={_default(parameter.default, fail, name)}"
        pieces.append(f"{kind} {name}{default}")
    unknown = set(written or ()) - set(signature.parameters)
    if unknown:
        fail(
            f"{sorted(unknown)} in mutates_args were not found in the custom op's signature. mutates_args should "
            "contain the names of all args that the custom op mutates, or just the string 'unknown' if you don't know."
        )
    if signature.return_annotation is signature.empty:
        fail("No return type annotation was provided. Please add one.")
    return f"{op_name or ''}({', '.join(pieces)}) -> {_returned(hint(signature.return_annotation), fail)}"


def _type(annotation) -> str | None:
    """A type of Python as a schema calls it; None for one that it cannot have."""
    if isinstance(annotation, typing.Hashable) and annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, UnionType):
        rest = [one for one in inner if one is not type(None)]
        if len(rest) < len(inner):
            kind = _type(rest[0] if len(rest) == 1 else typing.Union[tuple(rest)])  # noqa: UP007 - of a list of types
            return None if kind is None else f"{kind}?"
        return "Scalar" if set(rest) == {int, float, bool} else None
    if origin in (list, Sequence) and len(inner) == 1:
        kind = _type(inner[0])
        return None if kind is None or "[" in kind else f"{kind}[]"
    return None


def _default(value, fail, name: str) -> str:
    if value is None or isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (str, device)):
        return f'"{value}"'
    if isinstance(value, dtype):
        return f'"{str(value).rpartition(".")[2]}"'
    return fail(
        f"Parameter {name} has an unsupported default value type {type(value)}. Please file an issue on GitHub."
    )


def _returned(annotation, fail) -> str:
    if annotation in (None, type(None)):
        return "()"
    if typing.get_origin(annotation) is tuple:
        kinds = [_type(one) for one in typing.get_args(annotation) if one is not ...]
        if kinds and None not in kinds and ... not in typing.get_args(annotation):
            return f"({', '.join(map(str, kinds))})"
    kind = _type(annotation)
    if kind is None or kind.endswith("?"):
        fail(f"Return has unsupported type {annotation}.")
    return str(kind)
