"""What older programs pass to loaders of pipes."""

import warnings


def worker_init_fn(worker_id) -> None:
    """Nothing: loaders give each worker its share themselves."""
    warnings.warn(
        "Usage of `backward_compatibility.worker_init_fn` is deprecated as `DataLoader` automatically applies sharding "
        "in every worker",
        FutureWarning,
        stacklevel=2,
    )
