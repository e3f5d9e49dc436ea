"""Trees of containers: taking lists, tuples, dicts and named tuples apart into leaves, and putting them together again.

A tree's structure is a TreeSpec: the type of a node, what else is needed to rebuild it (the context, such as a dict's
keys), and the structures of its children. A leaf's is a LeafSpec. Classes are registered with functions that take an
instance apart and rebuild it; a subclass of a registered class is a leaf.
"""

import dataclasses
import json
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from .._names import lookup as _lookup

__all__ = [
    "LeafSpec",
    "PyTree",
    "PyTreeSpec",
    "TreeSpec",
    "is_namedtuple",
    "is_namedtuple_class",
    "is_namedtuple_instance",
    "is_structseq",
    "is_structseq_class",
    "is_structseq_instance",
    "key_get",
    "keystr",
    "register_dataclass",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
    "treespec_dumps",
    "treespec_loads",
    "treespec_pprint",
]

PyTree = Any
Context = Any


class SequenceKey(NamedTuple):
    """A step to an item of a sequence."""

    idx: int

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, sequence):
        return sequence[self.idx]


class MappingKey(NamedTuple):
    """A step to a value of a mapping."""

    key: Any

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, mapping):
        return mapping[self.key]


class GetAttrKey(NamedTuple):
    """A step to an attribute."""

    name: str

    def __str__(self):
        return f".{self.name}"

    def get(self, obj):
        return getattr(obj, self.name)


class _Node(NamedTuple):
    """How a class is taken apart (into children and context), rebuilt, and what the steps to its children are."""

    flatten: Callable
    unflatten: Callable
    keys: Callable


def _sequence_keys(children, context):
    return [SequenceKey(i) for i in range(len(children))]


def _mapping_keys(children, context):
    return [MappingKey(key) for key in context]


def _dict_flatten(d: dict) -> tuple[list, list]:
    return list(d.values()), list(d)


def _dict_flatten_with_keys(d: dict) -> tuple[list, list]:
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _dict_unflatten(values: Iterable, context: list) -> dict:
    return dict(zip(context, values))


def _fields(x) -> tuple:
    return x._fields if hasattr(x, "_fields") else x.__match_args__


SUPPORTED_NODES: dict[type, _Node] = {
    list: _Node(lambda x: (list(x), None), lambda c, _: list(c), _sequence_keys),
    tuple: _Node(lambda x: (list(x), None), lambda c, _: tuple(c), _sequence_keys),
    dict: _Node(lambda x: (list(x.values()), list(x)), lambda c, keys: dict(zip(keys, c)), _mapping_keys),
    OrderedDict: _Node(lambda x: (list(x.values()), list(x)), lambda c, keys: OrderedDict(zip(keys, c)), _mapping_keys),
    defaultdict: _Node(
        lambda x: (list(x.values()), [x.default_factory, list(x)]),
        lambda c, context: defaultdict(context[0], zip(context[1], c)),
        lambda c, context: _mapping_keys(c, context[1]),
    ),
    deque: _Node(lambda x: (list(x), x.maxlen), lambda c, maxlen: deque(c, maxlen=maxlen), _sequence_keys),
}
_NAMEDTUPLE = _Node(
    lambda x: (list(x), type(x)),
    lambda c, kind: kind(*c),
    lambda c, kind: [GetAttrKey(name) for name in kind._fields],
)
_STRUCTSEQ = _Node(lambda x: (list(x), type(x)), lambda c, kind: kind(c), _sequence_keys)


@cache
def is_namedtuple_class(cls) -> bool:
    """Whether `cls` is a class that `namedtuple` made, or a subclass of one."""
    fields = getattr(cls, "_fields", None)
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(fields, tuple)


def is_namedtuple_instance(obj) -> bool:
    """Whether `obj` is an instance of such a class."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj) -> bool:
    """Whether `obj` is such a class, or an instance of one."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls) -> bool:
    """Whether `cls` is a class of results with named items, such as `return_types.max`."""
    return isinstance(cls, type) and cls.__bases__ == (tuple,) and hasattr(cls, "n_sequence_fields")


def is_structseq_instance(obj) -> bool:
    """Whether `obj` is an instance of such a class."""
    return is_structseq_class(type(obj))


def is_structseq(obj) -> bool:
    """Whether `obj` is such a class, or an instance of one."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def register_pytree_node(
    cls: type,
    flatten_fn: Callable,
    unflatten_fn: Callable,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable | None = None,
    from_dumpable_context: Callable | None = None,
    flatten_with_keys_fn: Callable | None = None,
) -> None:
    """Let trees have nodes of a class. Raises ValueError where it is registered already.

    flatten_fn(x) gives (children, context), unflatten_fn(children, context) the instance again.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")

    def keys(children, context):
        return [MappingKey(i) for i in range(len(children))]

    SUPPORTED_NODES[cls] = _Node(flatten_fn, unflatten_fn, keys)
    if flatten_with_keys_fn is not None:
        _WITH_KEYS[cls] = flatten_with_keys_fn
    _NAMES[cls] = serialized_type_name
    if to_dumpable_context is not None and from_dumpable_context is not None:
        _DUMPS[cls] = to_dumpable_context, from_dumpable_context


_register_pytree_node = register_pytree_node
_WITH_KEYS: dict[type, Callable] = {}
_NAMES: dict[type, str | None] = {}
_DUMPS: dict[type, tuple[Callable, Callable]] = {}


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None) -> None:
    """Let trees have nodes of a dataclass; its fields are the children."""
    names = list(field_names) if field_names is not None else [f.name for f in dataclasses.fields(cls) if f.init]
    names = [name for name in names if name not in (drop_field_names or ())]

    def apart(x):
        present = [name for name in names if getattr(x, name) is not None]
        absent = [name for name in names if getattr(x, name) is None]
        return [getattr(x, name) for name in present], (present, absent)

    def together(children, context):
        present, absent = context
        return cls(**dict(zip(present, children)), **dict.fromkeys(absent))

    register_pytree_node(cls, apart, together, serialized_type_name=serialized_type_name)


def _kind(tree) -> type | None:
    """The registered class that a tree's root is of; None for a leaf."""
    kind = type(tree)
    if kind in SUPPORTED_NODES:
        return kind
    if is_namedtuple_class(kind):
        return namedtuple_
    return kind if is_structseq_class(kind) else None


_get_node_type = _kind  # PyTorch's name


class namedtuple_:
    """Stands for all classes of named tuples in a TreeSpec, whose context is the class."""


def _node(kind) -> _Node:
    if kind is namedtuple_:
        return _NAMEDTUPLE
    return SUPPORTED_NODES.get(kind, _STRUCTSEQ)


def tree_is_leaf(tree, is_leaf=None) -> bool:
    """Whether `tree` is a leaf: of no registered class, or `is_leaf(tree)`."""
    return (is_leaf is not None and is_leaf(tree)) or _kind(tree) is None


class TreeSpec:
    """The structure of a tree: equal for trees whose leaves can be exchanged."""

    __slots__ = ("children_specs", "context", "num_children", "num_leaves", "num_nodes", "type")

    def __init__(self, type, context, children_specs):
        self.type = type
        self.context = context
        self.children_specs = list(children_specs)
        self.num_children = len(self.children_specs)
        self.num_leaves = 1 if type is None else sum(child.num_leaves for child in self.children_specs)
        self.num_nodes = 1 + sum(child.num_nodes for child in self.children_specs)

    def is_leaf(self) -> bool:
        """Whether this is the structure of a leaf."""
        return self.type is None

    def children(self) -> list:
        """The structures of the children."""
        return list(self.children_specs)

    def child(self, index: int):
        """The structure of one child."""
        return self.children_specs[index]

    def __eq__(self, other):
        if not isinstance(other, TreeSpec):
            return NotImplemented
        mine, theirs = (self.type, self.context), (other.type, other.context)
        return mine == theirs and self.children_specs == other.children_specs

    def __hash__(self):
        context = self.context
        hashable = tuple(map(str, context)) if isinstance(context, list) else context
        return hash((self.type, hashable, tuple(self.children_specs)))

    def __repr__(self, indent=0):
        if self.type is None:
            return "*"
        name = "namedtuple" if self.type is namedtuple_ else self.type.__name__
        context = None if is_structseq_class(self.type) else self.context
        deeper = " " * (indent + 2)
        children = [child.__repr__(indent + 2) for child in self.children_specs]
        return f"TreeSpec({name}, {context}, [" + f",\n{deeper}".join(children) + "])"

    def flatten_up_to(self, tree) -> list:
        """The subtrees of `tree` where this structure has leaves. Raises ValueError where `tree` is not like it."""
        found: list = []
        self._up_to(tree, found)
        return found

    def _up_to(self, tree, found) -> None:
        if self.type is None:
            found.append(tree)
            return
        kind = _kind(tree)
        if kind is not self.type:
            wanted = self.context if self.type is namedtuple_ else self.type
            raise ValueError(f"Node type mismatch; expected {wanted!r}, but got {type(tree)!r}.")
        children, context = _node(kind).flatten(tree)
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if kind in (dict, OrderedDict) and set(context) != set(self.context):
            raise ValueError(f"Node keys mismatch; expected {self.context!r}, but got {context!r}.")
        if kind in (dict, OrderedDict):
            children = [tree[key] for key in self.context]
        for child, spec in zip(children, self.children_specs):
            spec._up_to(child, found)

    def unflatten(self, leaves: Iterable):
        """The tree of this structure with other leaves. Raises ValueError where their number differs."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return self._rebuild(iter(leaves))

    def _rebuild(self, leaves):
        if self.type is None:
            return next(leaves)
        children = [child._rebuild(leaves) for child in self.children_specs]
        return _node(self.type).unflatten(children, self.context)


PyTreeSpec = TreeSpec


class LeafSpec(TreeSpec):
    """The structure of a leaf."""

    __slots__ = ()

    def __init__(self):
        super().__init__(None, None, [])


def _flatten(tree, leaves: list, is_leaf) -> TreeSpec:
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        leaves.append(tree)
        return LeafSpec()
    children, context = _node(kind).flatten(tree)
    return TreeSpec(kind, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_flatten(tree, is_leaf=None) -> tuple[list, TreeSpec]:
    """The leaves of a tree from left to right, and its structure. None is a leaf."""
    leaves: list = []
    spec = _flatten(tree, leaves, is_leaf)
    return leaves, spec


def tree_unflatten(leaves, treespec: TreeSpec):
    """The tree of a structure with these leaves. Raises ValueError where their number differs."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"tree_unflatten(leaves, treespec): Expected `treespec` to be instance of PyTreeSpec but got item of type "
            f"{type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_leaves(tree, is_leaf=None) -> list:
    """The leaves of a tree from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree, is_leaf=None):
    """The leaves of a tree, one after the other."""
    yield from tree_leaves(tree, is_leaf)


def tree_structure(tree, is_leaf=None) -> TreeSpec:
    """The structure of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func, tree, *rests, is_leaf=None):
    """A tree of the results of `func` on each leaf, and on the subtrees of `rests` in the same place."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *[spec.flatten_up_to(rest) for rest in rests]))


def tree_map_(func, tree, *rests, is_leaf=None):
    """Call `func` as `tree_map` does, for what it does, and return `tree`."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for arguments in zip(leaves, *[spec.flatten_up_to(rest) for rest in rests]):
        func(*arguments)
    return tree


def map_only(type_or_types_or_pred, /):
    """A decorator: the function then leaves values alone that are not of the types, or that the predicate refuses."""
    is_kind = isinstance(type_or_types_or_pred, (type, tuple)) or not callable(type_or_types_or_pred)
    kinds: Any = type_or_types_or_pred

    def chosen(x):
        return isinstance(x, kinds) if is_kind else kinds(x)

    return lambda func: lambda x: func(x) if chosen(x) else x


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map` over the leaves of some types, or that a predicate chooses; the others stay."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map_` over the leaves of some types, or that a predicate chooses."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None) -> bool:
    """Whether `pred` holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None) -> bool:
    """Whether `pred` holds for any leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None) -> bool:
    """Whether `pred` holds for all leaves of some types."""
    return all(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None) -> bool:
    """Whether `pred` holds for any leaf of some types."""
    return any(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, type_or_types))


def _with_paths(tree, path, is_leaf):
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        yield path, tree
        return
    if kind in _WITH_KEYS:
        pairs, _ = _WITH_KEYS[kind](tree)
    else:
        node = _node(kind)
        children, context = node.flatten(tree)
        pairs = zip(node.keys(children, context), children)
    for key, child in pairs:
        yield from _with_paths(child, (*path, key), is_leaf)


def tree_leaves_with_path(tree, is_leaf=None) -> list:
    """Each leaf with the steps that lead to it."""
    return list(_with_paths(tree, (), is_leaf))


def tree_flatten_with_path(tree, is_leaf=None) -> tuple[list, TreeSpec]:
    """Each leaf with the steps that lead to it, and the tree's structure."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """`tree_map`, whose function gets the steps to the leaf first."""
    paths, spec = tree_flatten_with_path(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return spec.unflatten(func(path, leaf, *rest) for (path, leaf), *rest in zip(paths, *others))


def keystr(kp) -> str:
    """The steps to a leaf as Python writes them: `['a'][0].b`."""
    return "".join(map(str, kp))


def key_get(obj, kp):
    """What the steps lead to in `obj`."""
    for key in kp:
        obj = key.get(obj)
    return obj


def _broadcast_to_and_flatten(tree, treespec: TreeSpec, is_leaf=None) -> list | None:
    """The leaves of `tree`, each repeated for all leaves that `treespec` has in its place; None where they differ."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    kind = _kind(tree)
    if treespec.is_leaf() or kind is not treespec.type:
        return None
    children, context = _node(kind).flatten(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    found: list = []
    for child, spec in zip(children, treespec.children_specs):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        found += part
    return found


# --- as text


def _type_name(kind) -> str:
    if kind is namedtuple_:
        return "collections.namedtuple"
    return _NAMES.get(kind) or f"{kind.__module__}.{kind.__qualname__}"


def _dumpable(spec: TreeSpec) -> dict:
    if spec.type is None:
        return {"type": None, "context": None, "children_spec": []}
    context = spec.context
    if spec.type in _DUMPS:
        context = _DUMPS[spec.type][0](context)
    elif spec.type is namedtuple_:
        context = _NAMES.get(context) or f"{context.__module__}.{context.__qualname__}"
    elif spec.type is defaultdict:
        factory, keys = context
        name = None if factory is None else f"{factory.__module__}.{factory.__qualname__}"
        context = {"default_factory_module_name": name, "dict_context": keys}
    try:
        text = json.dumps(context)
    except TypeError as error:
        raise TypeError(
            "Unable to serialize context. Please make the context json dump-able, or register a custom serializer "
            "using _register_pytree_node."
        ) from error
    return {
        "type": _type_name(spec.type),
        "context": text,
        "children_spec": [_dumpable(child) for child in spec.children_specs],
    }


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """A structure as text. Raises ValueError for a protocol other than 1, TypeError for a context JSON cannot hold."""
    if protocol not in (None, 1):
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return json.dumps((1, _dumpable(treespec)))


def _imported(name: str):
    from importlib import import_module

    module, _, rest = name.rpartition(".")
    return getattr(import_module(module), rest)


def _loaded(data: dict) -> TreeSpec:
    if data["type"] is None:
        return LeafSpec()
    context = json.loads(data["context"])
    children = [_loaded(child) for child in data["children_spec"]]
    kinds = {_type_name(kind): kind for kind in SUPPORTED_NODES}
    kind = namedtuple_ if data["type"] == "collections.namedtuple" else kinds.get(data["type"])
    if kind is None:
        raise NotImplementedError(f"Deserializing {data['type']} in pytree is not registered.")
    if kind in _DUMPS:
        context = _DUMPS[kind][1](context)
    elif kind is namedtuple_:
        context = _imported(context)
    elif kind is defaultdict:
        name = context["default_factory_module_name"]
        context = [None if name is None else _imported(name), context["dict_context"]]
    return TreeSpec(kind, context, children)


def treespec_loads(serialized: str) -> TreeSpec:
    """The structure that `treespec_dumps` wrote."""
    protocol, data = json.loads(serialized)
    if protocol != 1:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return _loaded(data)


class _Star:
    def __repr__(self):
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """A structure as its tree with stars for leaves."""
    return repr(treespec.unflatten([_Star()] * treespec.num_leaves))


__getattr__ = _lookup("torch.utils._pytree")
