"""Stores: values by key that all processes of a world see, which is this one."""

import threading
from datetime import timedelta

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store", "TCPStore"]


def _bytes(value) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


class Store:
    """Values of bytes by key. `get` and `wait` wait for keys that others set, up to a timeout."""

    def __init__(self):
        self._values: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self.timeout = timedelta(seconds=300)

    def set_timeout(self, timeout: timedelta) -> None:
        """How long `get` and `wait` wait."""
        self.timeout = timeout

    def set(self, key: str, value) -> None:
        """Set a value: text or bytes."""
        with self._changed:
            self._values[key] = _bytes(value)
            self._changed.notify_all()

    def wait(self, keys, timeout: timedelta | None = None) -> None:
        """Wait until all keys are set. Raises DistStoreError when the time is over."""
        from .world import DistStoreError

        seconds = (timeout or self.timeout).total_seconds()
        with self._changed:
            if not self._changed.wait_for(lambda: all(key in self._values for key in keys), seconds):
                raise DistStoreError(f"wait timeout after {int(1000 * seconds)}ms, keys: /{', /'.join(keys)}")

    def get(self, key: str) -> bytes:
        """The value, once it is set."""
        self.wait([key])
        return self._values[key]

    def add(self, key: str, amount: int) -> int:
        """Add to a number that is kept as text, from 0, and return it."""
        with self._changed:
            total = int(self._values.get(key, b"0")) + amount
            self._values[key] = str(total).encode()
            self._changed.notify_all()
        return total

    def append(self, key: str, value) -> None:
        """Add to the end of a value."""
        with self._changed:
            self._values[key] = self._values.get(key, b"") + _bytes(value)
            self._changed.notify_all()

    def check(self, keys) -> bool:
        """Whether all keys are set."""
        return all(key in self._values for key in keys)

    def compare_set(self, key: str, expected_value, desired_value) -> bytes:
        """Set a value if it is the expected one, or is not set and nothing was expected; returns what is there then."""
        with self._changed:
            present = self._values.get(key)
            if present == _bytes(expected_value) or (present is None and not expected_value):
                self._values[key] = _bytes(desired_value)
                self._changed.notify_all()
            return self._values.get(key, _bytes(expected_value))

    def delete_key(self, key: str) -> bool:
        """Remove a key; whether it was there."""
        return self._values.pop(key, None) is not None

    def num_keys(self) -> int:
        """How many keys are set."""
        return len(self._values)


class HashStore(Store):
    """A store in this process."""


class FileStore(Store):
    """A store that PyTorch keeps in a file; in a world of one it stays in this process."""

    def __init__(self, file_name: str, world_size: int = -1):
        super().__init__()
        _one_process("FileStore", world_size)
        self.path = file_name


class TCPStore(Store):
    """A store that PyTorch keeps in a server; in a world of one it stays in this process."""

    def __init__(
        self,
        host_name: str,
        port: int = 0,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: timedelta = timedelta(seconds=300),
        wait_for_workers: bool = True,
        multi_tenant: bool = False,
        **options,
    ):
        super().__init__()
        _one_process("TCPStore", world_size)
        self.host, self.port, self.timeout = host_name, port, timeout


class PrefixStore(Store):
    """A part of another store: the keys that begin with a prefix."""

    def __init__(self, prefix: str, store: Store):
        self.prefix = prefix
        self.underlying_store = store
        self.timeout = store.timeout

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    def set(self, key, value) -> None:
        self.underlying_store.set(self._key(key), value)

    def wait(self, keys, timeout=None) -> None:
        self.underlying_store.wait([self._key(key) for key in keys], timeout)

    def get(self, key) -> bytes:
        return self.underlying_store.get(self._key(key))

    def add(self, key, amount) -> int:
        return self.underlying_store.add(self._key(key), amount)

    def append(self, key, value) -> None:
        self.underlying_store.append(self._key(key), value)

    def check(self, keys) -> bool:
        return self.underlying_store.check([self._key(key) for key in keys])

    def compare_set(self, key, expected_value, desired_value) -> bytes:
        return self.underlying_store.compare_set(self._key(key), expected_value, desired_value)

    def delete_key(self, key) -> bool:
        return self.underlying_store.delete_key(self._key(key))

    def num_keys(self) -> int:
        return self.underlying_store.num_keys()


def _one_process(what: str, world_size: int | None) -> None:
    if world_size not in (None, -1, 1):
        raise NotImplementedError(f"{what}: rustgrad works in one process so far, but got {world_size}")
