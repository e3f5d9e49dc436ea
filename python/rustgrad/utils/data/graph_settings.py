"""What a loader tells all the pipes of a pipeline: their share, whether to shuffle, their seeds."""

import inspect
import warnings
from typing import Any

from ..._rustgrad.torch import empty
from .datapipes.iter.sharding import SHARDING_PRIORITIES, _ShardingIterDataPipe
from .graph import traverse_dps

__all__ = [
    "apply_random_seed",
    "apply_sharding",
    "apply_shuffle_seed",
    "apply_shuffle_settings",
    "get_all_graph_pipes",
]


def get_all_graph_pipes(graph: dict[int, Any]) -> list[Any]:
    """Each pipe of a graph once, from the last to the first."""
    found: dict[int, Any] = {}

    def collect(graph):
        for key, (pipe, below) in graph.items():
            if key not in found:
                found[key] = pipe
                collect(below)

    collect(graph)
    return list(found.values())


def _has(pipe, *names: str) -> bool:
    return all(inspect.ismethod(getattr(pipe, name, None)) for name in names)


def apply_sharding(
    datapipe, num_of_instances: int, instance_id: int, sharding_group=SHARDING_PRIORITIES.DEFAULT
) -> Any:
    """Give each `sharding_filter` of a pipeline its share. RuntimeError where one reads another."""

    def share(graph, before):
        for pipe, below in graph.values():
            applied = before
            if isinstance(pipe, _ShardingIterDataPipe) or _has(pipe, "apply_sharding"):
                if before is not None:
                    raise RuntimeError(
                        "Sharding twice on a single pipeline is likely unintended and will cause data loss. Sharding "
                        f"already applied to {before} while trying to apply to {pipe}"
                    )
                # Older pipes know no groups.
                groups = len(inspect.signature(pipe.apply_sharding).parameters) >= 3
                pipe.apply_sharding(
                    num_of_instances, instance_id, **({"sharding_group": sharding_group} if groups else {})
                )
                applied = pipe
            share(below, applied)

    share(traverse_dps(datapipe), None)
    return datapipe


def apply_shuffle_settings(datapipe, shuffle: bool | None = None) -> Any:
    """Tell each shuffler whether to shuffle. Returns the pipeline, with a shuffler at its end if it had none."""
    if shuffle is None:
        return datapipe
    shufflers = [p for p in get_all_graph_pipes(traverse_dps(datapipe)) if _has(p, "set_shuffle", "set_seed")]
    if not shufflers and shuffle:
        warnings.warn(
            "`shuffle=True` was set, but the datapipe does not contain a `Shuffler`. Adding one at the end. "
            "Be aware that the default buffer size might not be sufficient for your task.",
            stacklevel=2,
        )
        datapipe = datapipe.shuffle()
        shufflers = [datapipe]
    for shuffler in shufflers:
        shuffler.set_shuffle(shuffle)
    return datapipe


def apply_shuffle_seed(datapipe, rng: Any) -> Any:
    """`apply_random_seed` under its older name."""
    warnings.warn(
        "`apply_shuffle_seed` is deprecated since 1.12 and will be removed in the future releases. Please use "
        "`apply_random_seed` instead.",
        FutureWarning,
        stacklevel=2,
    )
    return apply_random_seed(datapipe, rng)


def apply_random_seed(datapipe, rng) -> Any:
    """Seed each pipe that draws with a number that the generator draws."""
    for pipe in get_all_graph_pipes(traverse_dps(datapipe)):
        if _has(pipe, "set_seed"):
            pipe.set_seed(seed_of(rng))
    return datapipe


def seed_of(rng=None) -> int:
    """A number of 63 bits, drawn by the generator or the default one."""
    from ..._rustgrad import int64

    return int(empty((), dtype=int64).random_(generator=rng).item())
