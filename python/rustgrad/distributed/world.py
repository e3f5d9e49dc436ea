"""The process group: who is in the world. It has one member, this process, with rank 0."""

import os
from datetime import timedelta

__all__ = [
    "Backend",
    "DistBackendError",
    "DistError",
    "DistNetworkError",
    "DistStoreError",
    "GroupMember",
    "ProcessGroup",
    "default_pg_timeout",
    "destroy_process_group",
    "get_backend",
    "get_backend_config",
    "get_default_backend_for_device",
    "get_global_rank",
    "get_group_rank",
    "get_node_local_rank",
    "get_pg_count",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "is_ucc_available",
    "is_xccl_available",
    "new_group",
    "new_subgroups",
]

default_pg_timeout = timedelta(minutes=30)


class DistError(RuntimeError):
    """Something went wrong between processes."""


class DistBackendError(DistError):
    """A backend failed."""


class DistNetworkError(DistError):
    """The network failed."""


class DistStoreError(DistError):
    """A store failed."""


class Backend(str):
    """The word for a way between processes: gloo, nccl, mpi, ucc. In a world of one none is used."""

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"

    def __new__(cls, name: str):
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return super().__new__(cls, name.lower())


class ProcessGroup:
    """Processes that work together: this one."""

    def __init__(self, backend: Backend, name: str, member: bool = True):
        self._backend = backend
        self.group_name = name
        self._member = member

    def rank(self) -> int:
        """The number of this process: 0."""
        return 0

    def size(self) -> int:
        """How many processes there are: 1."""
        return 1

    def name(self) -> str:
        """The backend's word."""
        return str(self._backend)


class GroupMember:
    """`WORLD`: the group of all processes, None before `init_process_group`; `NON_GROUP_MEMBER`: one without us."""

    WORLD: ProcessGroup | None = None
    NON_GROUP_MEMBER = -100


class _GroupClass(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        return GroupMember.WORLD

    @WORLD.setter
    def WORLD(cls, value) -> None:
        GroupMember.WORLD = value


class group(metaclass=_GroupClass):
    """`group.WORLD`: the group of all processes."""


_groups: list[ProcessGroup] = []


def is_available() -> bool:
    """True: a world of one process always works."""
    return True


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return GroupMember.WORLD is not None


def is_gloo_available() -> bool:
    """True: programs for CPUs take it, and a world of one needs none of it."""
    return True


def is_nccl_available() -> bool:
    """False: there is no NCCL."""
    return False


def is_mpi_available() -> bool:
    """False: there is no MPI."""
    return False


def is_ucc_available() -> bool:
    """False: there is no UCC."""
    return False


def is_xccl_available() -> bool:
    """False: there is no XCCL."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether the backend of that word is here: gloo's is."""
    return backend.lower() == "gloo"


def is_torchelastic_launched() -> bool:
    """Whether `torchrun` started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """$LOCAL_RANK, else the fallback. Raises RuntimeError where there is neither."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )


def _from_environment(name: str) -> int:
    if name not in os.environ:
        raise ValueError(
            "Error initializing torch.distributed using env:// rendezvous: "
            f"environment variable {name} expected, but not set"
        )
    return int(os.environ[name])


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store=None,
    group_name: str = "",
    pg_options=None,
    device_id=None,
    _ranks=None,
) -> None:
    """Begin a world of one process. Size and rank come from the arguments, else from $WORLD_SIZE and $RANK.

    Raises NotImplementedError for more processes than one, ValueError where it was called before, or where neither the
    arguments nor the environment say how many there are.
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    if timeout is not None and not isinstance(timeout, timedelta):
        raise TypeError(f"Expected timeout argument to be of type datetime.timedelta, got {timeout}")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    from_environment = store is None and (init_method is None or init_method.startswith("env://"))
    if rank < 0 and from_environment:
        rank = _from_environment("RANK")
    if world_size < 0 and from_environment:
        world_size = _from_environment("WORLD_SIZE")
    if world_size != 1 or rank not in (0, -1):
        raise NotImplementedError(
            f"init_process_group: rustgrad works in one process so far, but got rank {rank} of {world_size} processes\n"
            "hint: start the program once, with WORLD_SIZE=1 and RANK=0"
        )
    words = backend or "gloo"
    word = words.split(",")[0].rpartition(":")[2] if ":" in words else words
    GroupMember.WORLD = ProcessGroup(Backend(word), group_name or "default_pg")
    _groups.append(GroupMember.WORLD)


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """End a group, or the world. Raises AssertionError where there is none."""
    group = GroupMember.WORLD if group is None else group
    if group is None:
        raise AssertionError("Process group cannot be None")
    if group is GroupMember.WORLD:
        GroupMember.WORLD = None
        _groups.clear()
    elif group in _groups:
        _groups.remove(group)


def _of(group) -> ProcessGroup | None:
    """The group that a call means; None for a group that this process is not in.

    Raises ValueError where the world was not begun.
    """
    if not is_initialized():
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    if group == GroupMember.NON_GROUP_MEMBER:
        return None
    return GroupMember.WORLD if group is None else group


def get_rank(group: ProcessGroup | None = None) -> int:
    """0; -1 for a group that this process is not in."""
    return -1 if _of(group) is None else 0


def get_world_size(group: ProcessGroup | None = None) -> int:
    """1; -1 for a group that this process is not in."""
    return -1 if _of(group) is None else 1


def get_backend(group: ProcessGroup | None = None) -> Backend:
    """The word that `init_process_group` was given."""
    found = _of(group)
    if found is None:
        raise ValueError("Invalid process group specified")
    return found._backend


def get_backend_config(group: ProcessGroup | None = None) -> str:
    """The backend of each device."""
    word = get_backend(group)
    return f"cpu:{word},cuda:{word}"


def get_default_backend_for_device(device) -> str:
    """The word that programs use for a device: gloo, or nccl for cuda."""
    kind = device if isinstance(device, str) else device.type
    return {"cpu": "gloo", "cuda": "nccl", "mps": "gloo", "xpu": "xccl"}.get(kind.partition(":")[0], "gloo")


def get_pg_count() -> int:
    """How many groups there are."""
    return len(_groups)


def get_process_group_ranks(group: ProcessGroup | None) -> list[int]:
    """The ranks in a group."""
    return [] if _of(group) is None else [0]


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the world of a rank in a group."""
    if group_rank != 0:
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return 0


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of a rank in the world."""
    if global_rank != 0:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return 0


def new_group(
    ranks=None,
    timeout=None,
    backend=None,
    pg_options=None,
    use_local_synchronization: bool = False,
    group_desc=None,
    device_id=None,
    sort_ranks: bool = True,
):
    """A group of some processes of the world, of which there is one.

    Raises ValueError for more ranks than the world has, RuntimeError for a rank that it has not.
    """
    world = _of(None)
    assert world is not None
    ranks = [0] if ranks is None else list(ranks)
    if len(ranks) > 1:
        raise ValueError(
            "the new group's world size should be less or equal to the world size set by init_process_group"
        )
    if any(rank != 0 for rank in ranks):
        raise ValueError("The new group's rank should be within the world_size set by init_process_group")
    if not ranks:
        return GroupMember.NON_GROUP_MEMBER
    made = ProcessGroup(world._backend if backend is None else Backend(backend), f"group_{len(_groups)}")
    _groups.append(made)
    return made


def new_subgroups(group_size=None, group=None, timeout=None, backend=None, pg_options=None, group_desc=None):
    """Groups of equal size: one, of this process. Returns it and the list of all."""
    if group_size not in (None, 1):
        raise ValueError(f"The arg 'group_size' ({group_size}) must not exceed the world size (1)")
    made = new_group([0], backend=backend)
    return made, [made]
