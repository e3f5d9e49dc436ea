"""Finding the torch names of a program in its syntax tree, without running it.

A name is followed from its import: through aliases (`import torch as th`, `from torch import nn`), chains of attributes
and assignments. Values are followed as far as they are sure to be tensors, layers or modules; of others only attributes
that nothing but PyTorch's classes has are looked at. What a program guards (`try` with `except ImportError` or
`AttributeError`, `hasattr`) is not reported.
"""

import ast
from dataclasses import dataclass, field

from . import is_module, kinds, knows, listed

__all__ = ["Finding", "scan"]


@dataclass(frozen=True, order=True)
class Finding:
    """A name that a program uses and rustgrad lacks."""

    line: int
    name: str
    """Dotted, as PyTorch calls it: `torch.nn.BatchNorm2d`."""
    note: str = ""
    """What is special about it: PyTorch has no such name either, or it was told by an attribute alone."""


@dataclass(frozen=True)
class Name:
    """A value that a dotted name of PyTorch means: a module, a class, a function."""

    path: str
    unread: bool = False
    """Whether a star import brought it, which does not tell whether it is used."""


@dataclass(frozen=True)
class Instance:
    """A value that is an instance of a class: of `torch.Tensor`, of a layer, or of a class of the program."""

    path: str


TENSOR = Instance("torch.Tensor")
GUARDS = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}


@dataclass
class Scope:
    """The names of a function, a class body or the module: what each is sure to be, or None."""

    outer: "Scope | None" = None
    values: dict = field(default_factory=dict)
    is_class: bool = False

    def find(self, name: str):
        scope, inner = self, True
        while scope is not None:
            if name in scope.values and (inner or not scope.is_class):
                return scope.values[name]
            scope, inner = scope.outer, False
        return None

    def assign(self, name: str, value) -> None:
        """A name with several values in a scope is known only if they agree."""
        self.values[name] = value if self.values.get(name, value) == value else None


def scan(source: str | bytes, name: str = "<program>") -> list[Finding]:
    """The names of PyTorch that a program uses and rustgrad lacks, by line.

    Raises SyntaxError where the source is not Python.
    """
    tree = ast.parse(source, name)
    reader = _Reader(tree)
    # Two rounds: in the second, names assigned below or in a loop have been seen, and only it reports.
    for reader.reports in (False, True):
        reader.scope = reader.top
        reader.block(tree.body)
    return sorted(set(reader.found))


class _Reader:
    def __init__(self, tree):
        self.found: list[Finding] = []
        self.reports = False
        self.top = self.scope = Scope()
        self.scopes: dict = {}
        self.guarded = 0
        self.owner: str | None = None  # the class whose body is read, where it derives from one of PyTorch's
        self.members: dict = {}  # what `self.x` of each class is sure to be
        # Attributes that the program defines itself are no hint at PyTorch's classes.
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        self.own = {node.name for node in ast.walk(tree) if isinstance(node, functions)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                self.own.add(node.attr)

    def report(self, node, name: str, note: str = "") -> None:
        if self.reports and not self.guarded:
            self.found.append(Finding(node.lineno, name, note))

    # --- names

    def use(self, node, path: str):
        """The value of a dotted name that is used here; reports it where rustgrad lacks it."""
        if kinds.exists(path):
            return Name(path)
        owner, _, last = path.rpartition(".")
        if self.found and self.found[-1] == Finding(node.lineno, owner):
            self.found.pop()  # of a chain of names, the whole is reported
        if kinds.raises(path):
            note = "only raises an error"
        else:
            note = "" if is_module(path) or knows(owner, last) else "PyTorch 2.13 has no such public name either"
        self.report(node, path, note)
        return Name(path) if is_module(path) else None

    def module(self, name: str):
        """The value of a module that is imported from; None where neither rustgrad nor PyTorch has it."""
        return Name(name) if kinds.exists(name) or is_module(name) else None

    def import_(self, node):
        for alias in node.names:
            parts = alias.name.split(".")
            if parts[0] != "torch":
                self.scope.assign(alias.asname or parts[0], None)
                continue
            value = self.use(node, alias.name) if parts[1:] else Name("torch")
            self.scope.assign(alias.asname or "torch", value if alias.asname else Name("torch"))

    def import_from(self, node):
        if node.level or (node.module or "").split(".")[0] != "torch":
            for alias in node.names:
                self.scope.assign(alias.asname or alias.name, None)
            return
        module = self.module(node.module)
        if module is None:
            self.use(node, node.module)
        for alias in node.names:
            if alias.name == "*":
                for name in listed(node.module):
                    self.scope.assign(name, Name(f"{node.module}.{name}", unread=True) if module else None)
            else:
                value = self.use(node, f"{node.module}.{alias.name}") if module else None
                self.scope.assign(alias.asname or alias.name, value)

    def attribute(self, node):
        value = self.value(node.value)
        name = node.attr
        if isinstance(value, Name):
            if kinds.is_class(value.path) and not kinds.knows(value.path, name):
                return None  # an attribute of a class that is not listed
            return self.use(node, f"{value.path}.{name}")
        if isinstance(value, Instance):
            return self.member(node, value, name)
        if name not in self.own and (path := kinds.unmistakable(name)):
            self.report(node, path, "by its name alone")
        return None

    def member(self, node, value: Instance, name: str):
        known = self.members.get(value.path, {})
        if name in known:
            return known[name]
        is_tensor = value == TENSOR
        place = "torch.Tensor" if is_tensor else "torch.nn.Module"
        if isinstance(node.ctx, ast.Load) and name not in self.own and kinds.lacks_member(place, name):
            self.report(node, f"{place}.{name}")
        if is_tensor and name in ("T", "mT", "H", "mH", "data"):
            return TENSOR
        return None

    # --- expressions

    def value(self, node):
        """Read an expression: report what is missing in it, and return what it is sure to be, or None."""
        if node is None:
            return None
        read = getattr(self, f"read_{type(node).__name__}", None)
        if read is not None:
            return read(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.comprehension):
                self.value(child.iter)
                self.bind(child.target, None)
                for condition in child.ifs:
                    self.value(condition)
            elif isinstance(child, (ast.expr, ast.keyword)):
                self.value(child.value if isinstance(child, ast.keyword) else child)
        return None

    def read_Name(self, node):
        value = self.scope.find(node.id)
        return self.use(node, value.path) if isinstance(value, Name) and value.unread else value

    def read_Attribute(self, node):
        return self.attribute(node)

    def read_Call(self, node):
        function = node.func
        if isinstance(function, ast.Name) and function.id == "hasattr":
            return None
        callee = self.value(function)
        arguments = [self.value(argument) for argument in node.args]
        for keyword in node.keywords:
            self.value(keyword.value)
        if isinstance(function, ast.Name) and function.id == "getattr" and len(arguments) == 2:
            return self.constant_getattr(node, arguments[0])
        if isinstance(callee, Name):
            if kinds.returns_tensor(callee.path):
                return TENSOR
            return Instance(callee.path) if kinds.is_layer(callee.path) else None
        if isinstance(callee, Instance):
            return TENSOR if kinds.is_layer(callee.path) else None
        if isinstance(function, ast.Attribute) and self.value_again(function.value) == TENSOR:
            return TENSOR if kinds.method_gives_tensor(function.attr) else None
        if isinstance(function, ast.Name) and function.id in self.members:
            return Instance(function.id)
        return None

    def value_again(self, node):
        """The value of an expression that has been reported on."""
        self.guarded += 1
        try:
            return self.value(node)
        finally:
            self.guarded -= 1

    def constant_getattr(self, node, holder):
        name = node.args[1]
        if isinstance(holder, Name) and isinstance(name, ast.Constant) and isinstance(name.value, str):
            return self.use(node, f"{holder.path}.{name.value}")
        return None

    def read_BinOp(self, node):
        sides = self.value(node.left), self.value(node.right)
        text = isinstance(node.op, ast.Mod) and isinstance(node.left, (ast.Constant, ast.JoinedStr))
        return TENSOR if TENSOR in sides and not text else None

    def read_UnaryOp(self, node):
        value = self.value(node.operand)
        return value if value == TENSOR and not isinstance(node.op, ast.Not) else None

    def read_Compare(self, node):
        values = [self.value(node.left), *map(self.value, node.comparators)]
        plain = all(isinstance(op, (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)) for op in node.ops)
        return TENSOR if plain and len(node.ops) == 1 and TENSOR in values else None

    def read_Subscript(self, node):
        value = self.value(node.value)
        self.value(node.slice)
        return value if value == TENSOR else None

    def read_IfExp(self, node):
        self.value(node.test)
        first, second = self.value(node.body), self.value(node.orelse)
        return first if first == second else None

    def read_NamedExpr(self, node):
        value = self.value(node.value)
        self.bind(node.target, value)
        return value

    def read_Lambda(self, node):
        self.function(node, [ast.Expr(node.body)])

    # --- statements

    def block(self, statements) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, node) -> None:
        do = getattr(self, f"do_{type(node).__name__}", None)
        if do is not None:
            do(node)
            return
        for _, field_value in ast.iter_fields(node):
            items = field_value if isinstance(field_value, list) else [field_value]
            for item in items:
                if isinstance(item, ast.stmt):
                    self.statement(item)
                elif isinstance(item, ast.expr):
                    self.value(item)
                elif isinstance(item, ast.match_case):
                    self.value(item.guard)
                    self.block(item.body)

    def do_Import(self, node):
        self.import_(node)

    def do_ImportFrom(self, node):
        self.import_from(node)

    def do_Assign(self, node):
        value = self.value(node.value)
        for target in node.targets:
            self.bind(target, value, node.value)

    def do_AnnAssign(self, node):
        self.value(node.annotation)
        value = self.value(node.value)
        if node.value is not None:
            self.bind(node.target, value)

    def do_AugAssign(self, node):
        value = self.value(node.value)
        if isinstance(node.target, ast.Name):
            both = (self.scope.find(node.target.id), value)
            self.bind(node.target, TENSOR if TENSOR in both else None)
        else:
            self.value(node.target)

    def do_For(self, node):
        value = self.value(node.iter)
        self.bind(node.target, value if value == TENSOR else None)
        self.block(node.body)
        self.block(node.orelse)

    do_AsyncFor = do_For

    def do_With(self, node):
        for item in node.items:
            self.value(item.context_expr)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, None)
        self.block(node.body)

    do_AsyncWith = do_With

    def do_Try(self, node):
        guards = any(_catches(handler.type) for handler in node.handlers)
        self.guarded += guards
        self.block(node.body)
        self.guarded -= guards
        for handler in node.handlers:
            self.value(handler.type)
            if handler.name:
                self.scope.assign(handler.name, None)
            self.block(handler.body)
        self.block(node.orelse)
        self.block(node.finalbody)

    do_TryStar = do_Try

    def do_If(self, node):
        self.value(node.test)
        typing_only = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        guarded = typing_only or _asks_hasattr(node.test)
        self.guarded += guarded
        self.block(node.body)
        self.guarded -= guarded
        self.block(node.orelse)

    def do_FunctionDef(self, node):
        for decorator in node.decorator_list:
            self.value(decorator)
        self.scope.assign(node.name, None)
        self.function(node, node.body)

    do_AsyncFunctionDef = do_FunctionDef

    def do_ClassDef(self, node):
        for decorator in node.decorator_list:
            self.value(decorator)
        bases = [self.value(base) for base in node.bases]
        for keyword in node.keywords:
            self.value(keyword.value)
        paths = {base.path for base in bases if isinstance(base, (Name, Instance))}
        is_module = "torch.nn.Module" in paths or any(base in self.members for base in map(_plain, node.bases))
        self.scope.assign(node.name, None)
        outer, self.scope = self.scope, self.inner(node, is_class=True)
        owner, self.owner = self.owner, node.name if is_module else None
        if is_module:
            self.members.setdefault(node.name, {})
        self.block(node.body)
        self.scope, self.owner = outer, owner

    def inner(self, node, is_class=False) -> Scope:
        """The scope of a function or class, the same in both rounds."""
        return self.scopes.setdefault(id(node), Scope(self.scope, {}, is_class))

    def function(self, node, body) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            self.value(default)
        values = {one.arg: self.annotated(one.annotation) for one in every if one is not None}
        self.value(getattr(node, "returns", None))
        named = [*arguments.posonlyargs, *arguments.args]
        if self.owner and self.scope.is_class and named and named[0].arg == "self":
            values["self"] = Instance(self.owner)
        outer, self.scope = self.scope, self.inner(node)
        for name, value in values.items():
            self.scope.assign(name, value)
        owner, self.owner = self.owner, None
        self.block(body)
        self.scope, self.owner = outer, owner

    def annotated(self, node):
        """What a parameter with this annotation is sure to be."""
        value = self.value(node)
        return TENSOR if value == Name("torch.Tensor") else None

    def bind(self, target, value, source=None) -> None:
        """Assign a value to a target; `source` is the expression it came from, taken apart where both are tuples."""
        if isinstance(target, ast.Name):
            self.scope.assign(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = source.elts if isinstance(source, (ast.Tuple, ast.List)) else []
            parts = parts if len(parts) == len(target.elts) else [None] * len(target.elts)
            for one, part in zip(target.elts, parts):
                inner = self.value_again(part) if part is not None else value if value == TENSOR else None
                self.bind(one, inner)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, None)
        elif isinstance(target, ast.Attribute):
            holder = self.value(target.value)
            known = self.members.get(holder.path) if isinstance(holder, Instance) else None
            if known is not None:
                known[target.attr] = value if known.get(target.attr, value) == value else None
        else:
            self.value(target)


def _plain(node) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _catches(node) -> bool:
    """Whether an `except` clause takes the error of a missing name."""
    if node is None:
        return True
    return any(_plain(one) in GUARDS for one in (node.elts if isinstance(node, ast.Tuple) else [node]))


def _asks_hasattr(node) -> bool:
    return any(isinstance(one, ast.Call) and _plain(one.func) == "hasattr" for one in ast.walk(node))
