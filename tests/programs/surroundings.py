"""What stands around the tensors of programs: version tests, devices, flags, jit, compile, hub, trees, assertions."""

import os
import sys
import tempfile
from collections import OrderedDict, namedtuple

import torch
import torch.backends.cudnn as cudnn
import torch.distributed as dist
import torch.nn as nn
from torch.testing import assert_close, make_tensor
from torch.utils import benchmark
from torch.utils._pytree import keystr, tree_flatten, tree_map, tree_map_with_path, tree_unflatten

version = torch.__version__.split("+")[0]
print(version, tuple(int(part) for part in version.split(".")[:2]) >= (2, 0), torch.__version__ >= "1.13")
print(
    torch.__version__ < (3, 0), torch.version.__version__ == torch.__version__, torch.version.hip, torch.version.debug
)
print(
    torch.cuda.is_available(),
    torch.cuda.device_count(),
    torch.cuda.memory_allocated(),
    torch.accelerator.is_available(),
)
print(torch.backends.mps.is_available(), torch.mps.device_count(), torch.xpu.is_available(), torch.cpu.device_count())
torch.cuda.manual_seed_all(1)
torch.cuda.empty_cache()
device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
print(device, cudnn.benchmark, cudnn.deterministic, cudnn.enabled)
cudnn.benchmark = True
with cudnn.flags(enabled=False, deterministic=True):
    print(cudnn.benchmark, cudnn.deterministic, cudnn.enabled)
print(cudnn.benchmark, torch.backends.cuda.matmul.allow_tf32)
torch.set_float32_matmul_precision("high")
torch.use_deterministic_algorithms(True, warn_only=True)
print(torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32, torch.get_deterministic_debug_mode())
print(torch.inf, torch.pi, torch.nan, torch.e, torch.newaxis)


@torch.jit.ignore
def left_alone(x):
    return x


@torch.jit.unused
def unused(x: torch.Tensor) -> torch.Tensor:
    return left_alone(x)


@torch.compile
def compiled(x):
    return x * 2


@torch.compile(mode="reduce-overhead", dynamic=True)
def compiled_too(x):
    return compiled(x) + 1


class Scaled(nn.Module):
    factor: torch.jit.Final[int]

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    @torch.jit.export
    def forward(self, x):
        return x if torch.jit.is_scripting() or torch.jit.is_tracing() else x * self.factor


print(
    torch.jit.annotate(int, 3), torch.jit.isinstance([1], list[int]), torch.jit.isinstance({"a": 1.0}, dict[str, int])
)
print(unused(torch.ones(1)), Scaled(3)(torch.ones(2)), torch.compiler.is_compiling())
if "--compiled" in sys.argv:  # PyTorch needs a C++ compiler for it
    print(compiled_too(torch.ones(2)))

Pair = namedtuple("Pair", "a b")
tree = {"x": [1, (2, None)], "y": Pair(3, OrderedDict(z=4))}
leaves, spec = tree_flatten(tree)
print(leaves, spec, tree_unflatten(leaves, spec) == tree, sep="\n")
print(tree_map(lambda x: x and 2 * x, tree), tree_map_with_path(lambda path, x: keystr(path), tree))

torch.manual_seed(3)
print(make_tensor(2, 2, dtype=torch.float32, device="cpu"), make_tensor((3,), dtype=torch.int64, device="cpu", low=0))
assert_close(torch.ones(2), torch.ones(2) + 1e-7)
for pair in (
    (torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 2.5]])),
    ({"a": 1}, {"a": 2}),
    (torch.ones(2), torch.ones(3)),
):
    try:
        assert_close(*pair)
    except AssertionError as error:
        print(error)
print(torch._foreach_add([torch.ones(2), torch.ones(1)], 2), torch._foreach_mul([torch.ones(1)], [torch.ones(1) * 3]))

os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29517", RANK="0", WORLD_SIZE="1")
print(dist.is_available(), dist.is_initialized())
if "--world" in sys.argv:  # opens a port in PyTorch
    dist.init_process_group("gloo")
gathered = [torch.zeros(2)]
if dist.is_initialized():
    dist.all_gather(gathered, torch.ones(2))
    dist.all_reduce(gathered[0])
    print(dist.get_rank(), dist.get_world_size(), gathered, nn.parallel.DistributedDataParallel(nn.Linear(1, 1)))
    dist.destroy_process_group()
print(nn.DataParallel(nn.Linear(2, 1)))

folder = tempfile.mkdtemp()
with open(os.path.join(folder, "hubconf.py"), "w") as file:
    file.write(
        "dependencies = ['torch']\nfrom torch import nn\n\n"
        "def tiny(size=1):\n    'A tiny model.'\n    return nn.Linear(size, 1)\n"
    )
print(torch.hub.load(folder, "tiny", source="local", size=2))
os.environ["TORCH_HOME"] = folder
print(torch.hub.get_dir() == os.path.join(folder, "hub"))
measured = benchmark.Measurement(
    10, [1e-5, 2e-5, 3e-5], benchmark.TaskSpec("x + 1", "pass", label="add", description="one")
)
print(str(measured).split("\n", 1)[1], benchmark.Compare([measured]), sep="\n")
