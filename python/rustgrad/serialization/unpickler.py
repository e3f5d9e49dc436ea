"""A pickle machine that makes nothing but what it is given permission for, and runs nothing.

It knows the opcodes that picklers of plain data write, in protocols 0 to 5. What a pickle names goes through one
function, `find`, which gives a `Global` or refuses; every limit is checked before memory is taken.
"""

import struct
from collections import Counter, OrderedDict, defaultdict
from pickle import UnpicklingError

__all__ = ["Global", "Unpickler", "check_key"]

_MAX_PROTOCOL = 5
_MAX_DIGITS = 4000  # of a decimal number; Python itself refuses more than 4300
_MAX_KEY_DEPTH, _MAX_KEY_SIZE = 20, 256
_DICTS = (dict, OrderedDict, defaultdict, Counter)
_HASHED_AT_ONCE = (str, int, float, bool, bytes, complex, type(None))


class Global:
    """What a name in a pickle stands for.

    value: the object itself, which may be part of the data. call: what REDUCE does with it, if anything. new: how an
    instance is made without arguments of the file, if it may be. build: how such an instance takes its state.
    """

    __slots__ = ("build", "call", "new", "value")

    def __init__(self, value, call=None, new=None, build=None):
        self.value, self.call, self.new, self.build = value, call, new, build


def check_key(key) -> None:
    """Refuse a key of a dict, or a member of a set, whose hash would take very long or very deep a stack."""
    if type(key) in _HASHED_AT_ONCE or not isinstance(key, tuple):
        return
    rest, seen = [(key, 1)], 0
    while rest:
        entry, depth = rest.pop()
        seen += len(entry)
        if depth > _MAX_KEY_DEPTH or seen > _MAX_KEY_SIZE:
            raise UnpicklingError("a key of a dict, or a member of a set, is a tuple of too many parts")
        rest.extend((item, depth + 1) for item in entry if isinstance(item, tuple))


class _Mark:
    """Where the items of a container begin on the stack. There is one."""


_MARK: object = _Mark()


class Unpickler:
    """Reads one pickle.

    read, readline: of a file; `read` may be asked for any number of bytes and gives what there is.
    find: (module, name) -> Global, or raises UnpicklingError.
    persistent: gives the object of a persistent id.
    encoding: of the byte strings that Python 2 wrote; "bytes" leaves them as they are.
    """

    def __init__(self, read, readline, find, persistent, encoding="utf-8"):
        self._read_some = read
        self._readline_some = readline
        self._find = find
        self._persistent = persistent
        self.encoding = encoding
        self._protocol = 0
        self._stack: list = []
        self._memo: dict = {}
        self._globals: dict[int, Global] = {}
        self._made: dict[
            int, tuple
        ] = {}  # instances by id, with the Global that made them, until they have their state

    def load(self):
        """The object that the pickle holds."""
        read, table = self._read_some, _TABLE
        while True:
            code = read(1)
            if code == b".":
                break
            action = table.get(code)
            if action is None:
                self._refuse(code)
            action(self)
        value = self._pop()
        if self._stack:
            raise UnpicklingError("the pickle ends with objects left over")
        return value

    def _refuse(self, code):
        if not code:
            raise EOFError("Ran out of input")
        raise UnpicklingError(f"Unsupported operand {code[0]}")

    # --- input

    def _read(self, count: int) -> bytes:
        data = self._read_some(count)
        if len(data) < count:
            raise EOFError("pickle data was truncated")
        return data

    def _line(self, limit: int = 1 << 16) -> bytes:
        line = self._readline_some(limit)
        if not line.endswith(b"\n"):
            raise UnpicklingError("a line of the pickle is too long or cut short")
        return line[:-1]

    def _number(self, form: str) -> int:
        return struct.unpack(form, self._read(struct.calcsize(form)))[0]

    # --- stack

    def _pop(self):
        if not self._stack or self._stack[-1] is _MARK:
            raise UnpicklingError("the pickle takes an object from an empty stack")
        return self._stack.pop()

    def _top(self):
        if not self._stack or self._stack[-1] is _MARK:
            raise UnpicklingError("the pickle uses an object of an empty stack")
        return self._stack[-1]

    def _items(self) -> list:
        """What stands above the last mark, which goes with it."""
        stack = self._stack
        for at in range(len(stack) - 1, -1, -1):
            if stack[at] is _MARK:
                items = stack[at + 1 :]
                del stack[at:]
                return items
        raise UnpicklingError("the pickle ends a container that it did not begin")

    def _push(self, value) -> None:
        self._stack.append(value)

    # --- names

    def _global(self, module: str, name: str) -> None:
        found = self._find(module, name, self._protocol)
        self._globals[id(found.value)] = found
        self._push(found.value)

    def _known(self, value) -> Global:
        """The permission for a value that REDUCE or NEWOBJ wants to use."""
        found = self._globals.get(id(value))
        if found is None:
            raise UnpicklingError(f"the pickle calls a {type(value).__name__}, which is no name that it was given")
        return found

    def _reduce(self):
        args, func = self._pop(), self._pop()
        found = self._known(func)
        if found.call is None:
            raise UnpicklingError(f"the pickle calls {_described(func)}, which may only be part of data")
        if not isinstance(args, tuple):
            raise UnpicklingError("the pickle calls a function with something other than a tuple")
        value = found.call(*args)
        if isinstance(value, Global):  # what copyreg makes of a class
            self._instance(value)
            return
        if found.build is not None:
            self._made[id(value)] = (value, found)
        self._push(value)

    def _new(self, named: bool):
        kwargs = self._pop() if named else {}
        args, cls = self._pop(), self._pop()
        found = self._known(cls)
        if args != () and isinstance(args, tuple) and found.call is not None and found.new is not None:
            if type(kwargs) is not dict:
                raise UnpicklingError("the pickle makes an object with options that are no dict")
            value = found.value.__new__(found.value, *args, **kwargs)
            self._made[id(value)] = (value, found)
            self._push(value)
            return
        if args != () or kwargs != {}:
            raise UnpicklingError(f"the pickle makes {_described(cls)} with arguments, which is not allowed")
        self._instance(found)

    def _instance(self, found: Global):
        if found.new is None:
            raise UnpicklingError(f"the pickle makes an instance of {_described(found.value)}, which is not allowed")
        value = found.new()
        self._made[id(value)] = (value, found)
        self._push(value)

    def reconstructed(self, cls, base: object = object, state=None) -> Global:
        """`copyreg._reconstructor` and `copyreg.__newobj__`: the permission to make an instance of `cls`."""
        if base is not object or state is not None:
            raise UnpicklingError(f"the pickle makes {_described(cls)} from a {_described(base)}, which is not allowed")
        return self._known(cls)

    def _build(self):
        state, value = self._pop(), self._top()
        made = self._made.get(id(value))
        if made is not None and made[1].build is not None:
            made[1].build(value, state)
        elif type(value) is OrderedDict:
            if type(state) is not dict or not all(type(key) is str for key in state):
                raise UnpicklingError("the attributes of an OrderedDict are no dict")
            value.__dict__.update(state)
        else:
            raise UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
                f"{type(value)}"
            )

    # --- containers

    def _append(self, values):
        target = self._top()
        if type(target) is list:
            target.extend(values)
        elif id(target) in self._made and hasattr(target, "append"):
            for value in values:
                target.append(value)
        else:
            raise UnpicklingError(f"Can only append to lists, but got {type(target)}")

    def _set_items(self, items):
        if len(items) % 2:
            raise UnpicklingError("a dict of the pickle has a key without a value")
        target = self._top()
        if type(target) not in _DICTS and not (id(target) in self._made and hasattr(target, "__setitem__")):
            raise UnpicklingError(f"Can only set items of dicts, but got {type(target)}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            target[key] = value

    def _add_items(self, items):
        target = self._top()
        if type(target) is not set:
            raise UnpicklingError(f"Can only add items to sets, but got {type(target)}")
        target.update(members(items))

    # --- memo

    def _get(self, key):
        if key not in self._memo:
            raise UnpicklingError(f"the pickle uses entry {key} of its memo, which it did not write")
        self._push(self._memo[key])

    def _put(self, key):
        self._memo[key] = self._top()

    # --- plain values

    def _text(self, count: int) -> str:
        return str(self._read(count), "utf-8", "surrogatepass")

    def _old_bytes(self, count: int):
        data = self._read(count)
        return data if self.encoding == "bytes" else str(data, self.encoding)

    def _counted(self, form: str, most: int = 1 << 62) -> int:
        count = self._number(form)
        if not 0 <= count <= most:
            raise UnpicklingError(f"the pickle holds a string of {count} bytes")
        return count

    def _decimal(self, suffix: bytes = b"") -> int:
        line = self._line()
        if len(line) > _MAX_DIGITS:
            raise UnpicklingError("the pickle holds a number of too many digits")
        return int(line.removesuffix(suffix))

    def _proto(self):
        self._protocol = self._number("<B")
        if self._protocol > _MAX_PROTOCOL:
            raise UnpicklingError(f"unsupported pickle protocol: {self._protocol}")

    def _int(self):
        line = self._line(64)
        self._push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line))

    def _stack_global(self):
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise UnpicklingError("STACK_GLOBAL requires str")
        self._global(module, name)

    def _text_global(self):
        module, name = str(self._line(), "utf-8"), str(self._line(), "utf-8")
        self._global(module, name)

    def _tuple(self, count: int):
        if count:
            items = [self._pop() for _ in range(count)]
            self._push(tuple(reversed(items)))
        else:
            self._push(tuple(self._items()))

    def _dict(self):
        items = self._items()
        self._push({})
        self._set_items(items)

    def _frozen_set(self):
        self._push(frozenset(members(self._items())))

    def _pop_any(self):
        if not self._stack:
            raise UnpicklingError("the pickle takes an object from an empty stack")
        self._stack.pop()

    def _persistent_text(self):
        self._push(self._persistent(str(self._line(), "ascii")))


def members(items) -> list:
    """Items that may be members of a set."""
    for item in items:
        check_key(item)
    return items


def _described(value) -> str:
    name = getattr(value, "__qualname__", None)
    return f"{getattr(value, '__module__', '')}.{name}" if name else f"a {type(value).__name__}"


_TABLE = {
    b"\x80": Unpickler._proto,
    b"\x95": lambda s: s._read(8) and None,  # FRAME: a hint for readers of streams
    b"N": lambda s: s._push(None),
    b"\x88": lambda s: s._push(True),
    b"\x89": lambda s: s._push(False),
    b"I": Unpickler._int,
    b"L": lambda s: s._push(s._decimal(b"L")),
    b"F": lambda s: s._push(float(s._line(64))),
    b"K": lambda s: s._push(s._read(1)[0]),
    b"M": lambda s: s._push(s._number("<H")),
    b"J": lambda s: s._push(s._number("<i")),
    b"\x8a": lambda s: s._push(int.from_bytes(s._read(s._read(1)[0]), "little", signed=True)),
    b"\x8b": lambda s: s._push(int.from_bytes(s._read(s._counted("<i")), "little", signed=True)),
    b"G": lambda s: s._push(struct.unpack(">d", s._read(8))[0]),
    b"V": lambda s: s._push(str(s._line(1 << 30), "raw-unicode-escape")),
    b"X": lambda s: s._push(s._text(s._number("<I"))),
    b"\x8c": lambda s: s._push(s._text(s._read(1)[0])),
    b"\x8d": lambda s: s._push(s._text(s._counted("<Q"))),
    b"U": lambda s: s._push(s._old_bytes(s._read(1)[0])),
    b"T": lambda s: s._push(s._old_bytes(s._counted("<i"))),
    b"C": lambda s: s._push(s._read(s._read(1)[0])),
    b"B": lambda s: s._push(s._read(s._number("<I"))),
    b"\x8e": lambda s: s._push(s._read(s._counted("<Q"))),
    b"\x96": lambda s: s._push(bytearray(s._read(s._counted("<Q")))),
    b"(": lambda s: s._push(_MARK),
    b")": lambda s: s._push(()),
    b"]": lambda s: s._push([]),
    b"}": lambda s: s._push({}),
    b"\x8f": lambda s: s._push(set()),
    b"t": lambda s: s._tuple(0),
    b"\x85": lambda s: s._tuple(1),
    b"\x86": lambda s: s._tuple(2),
    b"\x87": lambda s: s._tuple(3),
    b"l": lambda s: s._push(s._items()),
    b"d": Unpickler._dict,
    b"a": lambda s: s._append([s._pop()]),
    b"e": lambda s: s._append(s._items()),
    b"s": lambda s: s._set_items([s._pop(), s._pop()][::-1]),
    b"u": lambda s: s._set_items(s._items()),
    b"\x90": lambda s: s._add_items(s._items()),
    b"\x91": Unpickler._frozen_set,
    b"0": Unpickler._pop_any,
    b"1": lambda s: s._items() and None,
    b"c": Unpickler._text_global,
    b"\x93": Unpickler._stack_global,
    b"R": lambda s: s._reduce(),
    b"\x81": lambda s: s._new(False),
    b"\x92": lambda s: s._new(True),
    b"b": lambda s: s._build(),
    b"P": Unpickler._persistent_text,
    b"Q": lambda s: s._push(s._persistent(s._pop())),
    b"g": lambda s: s._get(s._decimal()),
    b"h": lambda s: s._get(s._read(1)[0]),
    b"j": lambda s: s._get(s._number("<I")),
    b"p": lambda s: s._put(s._decimal()),
    b"q": lambda s: s._put(s._read(1)[0]),
    b"r": lambda s: s._put(s._number("<I")),
    b"\x94": lambda s: s._put(len(s._memo)),
}


class Scanner(Unpickler):
    """Goes through a pickle without making anything: `find` sees the names, all else is a stand-in."""

    def _stand_in(self, count: int) -> None:
        for _ in range(count):
            self._pop()
        self._push(None)

    def _reduce(self):
        self._stand_in(2)

    def _new(self, named: bool):
        self._stand_in(3 if named else 2)

    def _build(self):
        self._pop()

    def _append(self, values):
        pass

    def _set_items(self, items):
        pass

    def _add_items(self, items):
        pass
