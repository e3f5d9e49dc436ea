"""Anomaly mode: backward says which line of the forward call made the node that failed, and stops at NaN."""

import warnings

from .._names import lookup as _lookup
from .._rustgrad import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from .._rustgrad import is_anomaly_enabled as is_anomaly_enabled
from .._rustgrad import set_anomaly_enabled as set_anomaly_enabled

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class detect_anomaly:
    """A `with` block in which nodes keep the lines that made them: an error in backward is preceded by a warning with
    these lines. check_nan: a gradient that holds NaN is an error, RuntimeError. For debugging: it costs time.
    """

    def __init__(self, check_nan=True) -> None:
        self.prev = is_anomaly_enabled()
        self.check_nan = check_nan
        self.prev_check_nan = is_anomaly_check_nan_enabled()
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.prev, self.prev_check_nan = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *_) -> None:
        set_anomaly_enabled(self.prev, self.prev_check_nan)


class set_detect_anomaly:
    """Switch anomaly mode: at once, and back at the end if used in a `with`. check_nan as in `detect_anomaly`."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev, self.prev_check_nan = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_) -> None:
        set_anomaly_enabled(self.prev, self.prev_check_nan)


__getattr__ = _lookup("torch.autograd.anomaly_mode")
