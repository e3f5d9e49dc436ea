"""PyTorch's dispatch keys, as far as kernels in Python name them: a call below autograd, a call without autocast."""

from .op import _below

__all__ = ["DispatchKey", "DispatchKeySet", "_AutoDispatchBelowAutograd", "_ExcludeDispatchKeyGuard"]


class DispatchKey:
    """A key of PyTorch's dispatcher: only its name. `DispatchKey.AutocastCPU`."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self):
        return f"DispatchKey.{self.name}"


for _backend in ("CPU", "CUDA", "XPU", "MPS", "PrivateUse1"):
    for _name in (_backend, f"Autograd{_backend}", f"Autocast{_backend}"):
        setattr(DispatchKey, _name, DispatchKey(_name))
DispatchKey.Meta, DispatchKey.Autograd = DispatchKey("Meta"), DispatchKey("Autograd")  # pyright: ignore


class DispatchKeySet:
    """Some keys; `|` joins sets."""

    def __init__(self, key: DispatchKey):
        self._keys = {key.name}

    def __or__(self, other):
        both = DispatchKeySet.__new__(DispatchKeySet)
        both._keys = self._keys | other._keys
        return both

    def has(self, key: DispatchKey) -> bool:
        """Whether the key is in the set."""
        return key.name in self._keys

    def __repr__(self):
        return f"DispatchKeySet({', '.join(sorted(self._keys))})"


class _AutoDispatchBelowAutograd:
    """A `with` block in which ops that a program defined take their kernels below autograd, and nothing is recorded."""

    def __enter__(self):
        from ..grad_mode import no_grad

        self._guard = no_grad()
        self._guard.__enter__()
        _below.depth = getattr(_below, "depth", 0) + 1
        return self

    def __exit__(self, *error):
        _below.depth -= 1
        self._guard.__exit__(*error)
        return False


class _ExcludeDispatchKeyGuard:
    """A `with` block without autocast, for sets of its keys. Raises NotImplementedError for other keys."""

    def __init__(self, keys: DispatchKeySet):
        other = sorted(name for name in keys._keys if not name.startswith("Autocast"))
        if other:
            raise NotImplementedError(f"rustgrad has no kernels of {', '.join(other)} to leave out")
        self._keys = keys

    def __enter__(self):
        from ..amp import autocast

        kinds = [name.removeprefix("Autocast").lower() for name in self._keys._keys]
        self._guards = [autocast(kind, enabled=False) for kind in kinds if kind in ("cpu", "cuda")]
        for guard in self._guards:
            guard.__enter__()
        return self

    def __exit__(self, *error):
        for guard in reversed(self._guards):
            guard.__exit__(*error)
        return False
