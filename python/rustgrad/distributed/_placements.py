"""How a tensor would lie on several devices: values that libraries name in their tables. No tensor is laid out so."""

from dataclasses import dataclass

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


@dataclass(frozen=True)
class Placement:
    """How one dimension of a grid of devices divides a tensor."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether it divides the tensor, along `dim` if that is given."""
        return False

    def is_replicate(self) -> bool:
        """Whether each device has the whole tensor."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Whether each device has a part of a reduction, by `reduce_op` if that is given."""
        return False


@dataclass(frozen=True)
class Shard(Placement):
    """Each device has a piece of the tensor along `dim`."""

    dim: int

    def is_shard(self, dim: int | None = None) -> bool:
        return dim is None or self.dim == dim

    def __str__(self):
        return f"S({self.dim})"


@dataclass(frozen=True)
class Replicate(Placement):
    """Each device has the whole tensor."""

    def __str__(self):
        return "R"


@dataclass(frozen=True)
class Partial(Placement):
    """Each device has a summand of the tensor, or of another reduction."""

    reduce_op: str = "sum"

    def is_partial(self, reduce_op: str | None = None) -> bool:
        return reduce_op is None or self.reduce_op == reduce_op

    def __repr__(self):
        return f"Partial({self.reduce_op})"

    def __str__(self):
        return f"P({self.reduce_op})"
