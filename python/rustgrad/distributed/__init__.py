"""Programs for several processes, run by one: a world of one process, in which every collective is its own result.

`init_process_group` with more than one process raises NotImplementedError.
"""

from .._names import lookup as _lookup
from .collectives import *
from .stores import FileStore, HashStore, PrefixStore, Store, TCPStore
from .world import *

__getattr__ = _lookup("torch.distributed")
