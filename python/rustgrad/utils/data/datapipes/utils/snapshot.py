"""Bringing a pipe forward to where another was."""

from ...graph_settings import apply_random_seed
from .._hook_iterator import _SnapshotState
from ..datapipe import IterDataPipe


def _simple_graph_snapshot_restoration(datapipe: IterDataPipe, n_iterations: int, rng=None) -> None:
    """Read `n_iterations` elements, so that the next iterator goes on behind them.

    rng: seeds the pipes that draw. RuntimeError where the pipe has been brought forward already, or has fewer elements.
    """
    if datapipe._snapshot_state is _SnapshotState.Restored:
        raise RuntimeError(
            "Snapshot restoration cannot be applied. You can only restore simple snapshot to the graph if your graph "
            "has not been restored."
        )
    datapipe.reset()
    apply_random_seed(datapipe, rng)
    elements = iter(datapipe)
    for _ in range(n_iterations):
        try:
            next(elements)
        except StopIteration as end:
            raise RuntimeError(
                f"Fast-forward {datapipe} by {n_iterations} iterations exceeds the number of samples available."
            ) from end
    datapipe._fast_forward_iterator = elements
    datapipe._snapshot_state = _SnapshotState.Restored
