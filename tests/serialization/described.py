"""Objects of rustgrad or PyTorch as plain data, so that equal data mean equal objects, bit for bit."""

import numpy as np


class Described:
    """Describes objects of one library. offsets: whether views have theirs."""

    def __init__(self, lib, offsets: bool):
        self.lib, self.offsets = lib, offsets
        self.storages: dict[int, int] = {}
        self.seen: dict[int, int] = {}
        self.alive = []  # nothing may take the address of another object meanwhile

    def __call__(self, x):
        lib = self.lib
        name = type(x).__name__
        if isinstance(x, (type(None), bool, int, str, bytes, bytearray)):
            return name, x
        if isinstance(x, (float, complex)):
            return name, repr(x)
        if isinstance(x, (lib.dtype, lib.layout)):
            return name, str(x).rpartition(".")[2]
        if isinstance(x, lib.device):
            return name, str(x)
        if isinstance(x, (np.generic, np.ndarray)):
            return name, str(x.dtype), np.shape(x), x.tobytes()
        if isinstance(x, (range, slice)):
            return name, repr(x)
        if id(x) in self.seen:
            return "seen", self.seen[id(x)]
        self.seen[id(x)] = len(self.seen)
        self.alive.append(x)
        if isinstance(x, lib.Tensor):
            return self.tensor(x, name)
        if isinstance(x, lib.nn.Module):
            return self.module(x, name)
        if isinstance(x, lib.optim.Optimizer):
            return name, self(x.state_dict()), self(dict(x.defaults))
        if isinstance(x, (set, frozenset)):
            return name, sorted(map(repr, x))
        if isinstance(x, dict):
            name = "OrderedDict" if name in ("StateDict", "HookDict") else name
            attributes = {k: self(v) for k, v in getattr(x, "__dict__", {}).items()}
            return name, [(self(k), self(v)) for k, v in x.items()], attributes
        if isinstance(x, (list, tuple)):
            return name, [self(item) for item in x]
        raise TypeError(f"the corpus has a {type(x)}")

    def tensor(self, x, name):
        plain = x.detach()
        at = plain.untyped_storage().data_ptr() if plain.numel() else 0
        storage = self.storages.setdefault(at, len(self.storages)) if at else None
        offset = plain.storage_offset() if self.offsets and plain.numel() else None
        data = bits(plain)
        attributes = {k: self(v) for k, v in vars(x).items()}
        shape = tuple(plain.shape)
        return name, str(x.dtype), shape, plain.stride(), offset, storage, x.requires_grad, data, attributes

    def module(self, x, name):
        members = {*x._parameters, *x._buffers, *x._modules}
        own = {k for k in vars(x) if not k.startswith("_") and k not in members}
        state = {k: self(v) for k, v in x.state_dict(keep_vars=True).items()}
        buffers = [(k, self(v)) for k, v in x.named_buffers()]
        return name, x.training, state, buffers, [(k, self(m)) for k, m in x.named_children()], sorted(own), repr(x)


def bits(t) -> bytes:
    """The elements in C order."""
    t = t.contiguous()
    size, storage = t.element_size(), t.untyped_storage()
    data = bytes(storage.tolist())
    return data[t.storage_offset() * size :][: t.numel() * size]


def same(a, b) -> bool:
    """Equal but for the libraries' own names."""
    return repr(a).replace("rustgrad.", "torch.") == repr(b).replace("rustgrad.", "torch.")
