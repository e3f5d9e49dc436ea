"""PyTorch programs run unchanged: `python -m rustgrad.as_torch`, and what it makes of modules, names and processes."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import rustgrad

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))


def run(*arguments, cwd=None, **options):
    """A fresh interpreter with these arguments; what it printed, and its exit code."""
    command = [sys.executable, *map(str, arguments)]
    path = os.pathsep.join([str(Path(rustgrad.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "RUSTGRAD_GPU": "off"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, **options)


def as_torch(*arguments, **options):
    return run("-W", "error", "-m", "rustgrad.as_torch", *arguments, **options)


def told(code, **options):
    """What a text prints that is run as a PyTorch program."""
    done = as_torch("-c", code, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_programs_print_what_pytorch_prints(path):
    done = as_torch(path)
    assert done.stderr == ""
    assert done.stdout == path.with_suffix(".txt").read_text()


def test_modules_and_classes_are_the_same_under_both_names():
    code = """
import sys
import torch, rustgrad, torch.nn, torch.utils.data.dataloader, torch.nn.modules.module, torch.autograd.grad_mode
import torch.nn.functional as F
from torch import nn, optim
from torch.optim.optimizer import Optimizer
print(torch is rustgrad, nn is rustgrad.nn, F is rustgrad.nn.functional, Optimizer is rustgrad.optim.Optimizer)
twice = {}
for name, module in sys.modules.items():
    if getattr(module, "__file__", None) and "rustgrad" in module.__file__:
        twice.setdefault(module.__file__, set()).add(id(module))
print([file for file, ids in twice.items() if len(ids) > 1])
print(torch.__name__, torch.nn.__name__, torch.nn.__spec__.name, "torch.nn" in sys.modules)
"""
    assert told(code) == "True True True True\n[]\ntorch torch.nn rustgrad.nn True\n"


def test_classes_name_the_file_that_pytorch_has_them_in():
    paths = json.loads((HERE / "golden" / "torch_paths.json").read_text())
    code = """
import json, sys
import torch
from rustgrad import _names
wrong = {}
for name, path in json.load(sys.stdin).items():
    owner, _, last = name.rpartition(".")
    places = ("torch.nn", "torch.optim", "torch.utils.data")
    module = _names.module(owner) if owner.startswith(places) else None
    kind = getattr(module, last, None)
    if isinstance(kind, type) and kind.__module__ != path:
        wrong[name] = kind.__module__
print(wrong)
"""
    assert told(code, input=json.dumps(paths)) == "{}\n"


def test_classes_of_files_that_rustgrad_splits_and_of_the_extension_say_where_pytorch_has_them():
    code = """
import pickle
import torch
kinds = [torch.Generator, torch.linalg.LinAlgError, torch.UntypedStorage, torch.FloatStorage]
kinds += [torch.optim.lr_scheduler.StepLR, torch.distributions.ExpTransform]
print([kind.__module__ + "." + kind.__name__ for kind in kinds])
print(all(pickle.loads(pickle.dumps(kind, protocol)) is kind for kind in kinds for protocol in (0, 2, 4, 5)))
"""
    assert told(code).splitlines() == [
        "['torch._C.Generator', 'torch._C._LinAlgError', 'torch.storage.UntypedStorage', 'torch.FloatStorage', "
        "'torch.optim.lr_scheduler.StepLR', 'torch.distributions.transforms.ExpTransform']",
        "True",
    ]


def test_what_a_program_prints_of_an_error_is_pytorchs_text_and_the_hint_is_a_note():
    code = """
import torch
from torch import nn
layer = nn.Linear(4, 3)
optimizer = torch.optim.SGD(layer.parameters(), 0.1)
loss = layer(torch.ones(2, 4, requires_grad=True)).sum()
loss.backward(retain_graph=True)
optimizer.step()
w = torch.ones(2, requires_grad=True)
y = w.exp()
y += 1
kept = torch.ones(2, dtype=torch.float64)
z = (w * kept).sum()
kept += 1
calls = [lambda: torch.ones(3, 4) @ torch.ones(5, 4), loss.backward, y.sum().backward, z.backward]
calls += [lambda: nn.Conv2d(1, 2, 1)(torch.ones(1, 1, 2, 2).double())]
for call in calls:
    try:
        call()
    except RuntimeError as error:
        print(error)
        print([note[:5] for note in error.__notes__][0])
"""
    changed = "one of the variables needed for gradient computation has been modified by an inplace operation: [torch."
    advice = (
        " instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )
    assert told(code).splitlines() == [
        "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x4)",
        "hint:",
        f"{changed}FloatTensor [4, 3]], which is output 0 of AsStrided, is at version 2; expected version 1{advice}",
        "hint:",
        f"{changed}FloatTensor [2]], which is output 0 of Exp, is at version 1; expected version 0{advice}",
        "hint:",
        f"{changed}DoubleTensor [2]] is at version 1; expected version 0{advice}",
        "hint:",
        "Input type (double) and bias type (float) should be the same",
        "hint:",
    ]


def test_pickles_are_read_in_both_kinds_of_program(tmp_path):
    file = tmp_path / "pickles"
    code = """
import pickle, sys
import torch
from torch import nn
values = [nn.Linear(2, 1), nn.Embedding, torch.float32, torch.Size([2]), torch.no_grad, torch.ones(2)]
values += [torch.nn.functional.relu, torch.max(torch.ones(2, 2), 0), nn.utils.clip_grad_norm_, torch.Generator()]
print([pickle.dumps(values, protocol) for protocol in (0, 1, 2, 4, 5)])
"""
    pickles = eval(told(code))
    for data in pickles:
        assert b"torch.nn" not in data
        linear, embedding, dtype, size, no_grad, ones, relu, most, *_ = pickle.loads(data)
        assert type(linear) is rustgrad.nn.Linear and embedding is rustgrad.nn.Embedding
        assert (dtype, size, no_grad) == (rustgrad.float32, rustgrad.Size([2]), rustgrad.no_grad)
        assert ones.tolist() == [1, 1] and relu is rustgrad.nn.functional.relu and most.indices.tolist() == [0, 0]
    file.write_bytes(pickle.dumps([rustgrad.nn.Linear(2, 1), rustgrad.nn.ReLU, rustgrad.ones(1)]))
    assert told(f"import pickle; print(pickle.load(open({str(file)!r}, 'rb')))") == (
        "[Linear(in_features=2, out_features=1, bias=True), <class 'torch.nn.modules.activation.ReLU'>, tensor([1.])]\n"
    )


def test_a_torch_that_is_installed_is_not_touched(tmp_path):
    for name in ("torch", "torch/nn"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the real torch was imported')\n")
    (tmp_path / "torch" / "only_there.py").write_text("x = 1\n")
    code = (
        "import torch, torch.nn, importlib.util\nprint(torch.ones(1), importlib.util.find_spec('torch.only_there'))\n"
    )
    assert told(code, cwd=tmp_path) == "tensor([1.]) None\n"


def test_packages_that_look_for_torch_find_it(tmp_path):
    (tmp_path / "package.py").write_text("import torch\n\n\ndef ones(n):\n    return torch.ones(n)\n")
    code = """
import importlib.metadata, importlib.util
import package
print(package.ones(1), importlib.util.find_spec("torch") is not None, importlib.metadata.version("torch"))
"""
    assert told(code, cwd=tmp_path) == "tensor([1.]) True 2.13.0+rustgrad\n"


def test_missing_names_say_so():
    code = """
import torch
codes = ["torch.nn.functional.nothing_here", "torch.hsmm", "torch.Tensor.hsmm", "torch.ones(1).to_mkldnn"]
for code in [*codes, "torch.nn.Linear(1, 1).x"]:
    try:
        eval(code)
    except AttributeError as error:
        print(str(error).split("\\n")[0])
for line in ("import torch.nothing", "import torch.nativert", "from torch.nn import nothing", "from torch import hsmm"):
    try:
        exec(line)
    except ImportError as error:
        print(type(error).__name__, str(error).split("\\n")[0].split(" (")[0])
"""
    assert told(code).splitlines() == [
        "module 'torch.nn.functional' has no attribute 'nothing_here'",
        "rustgrad has no torch.hsmm yet",
        "type object 'Tensor' has no attribute 'hsmm'",
        "rustgrad has no torch.Tensor.to_mkldnn yet",
        "'Linear' object has no attribute 'x'",
        "ModuleNotFoundError No module named 'torch.nothing'",
        "ModuleNotFoundError rustgrad has no torch.nativert yet",
        "ImportError cannot import name 'nothing' from 'torch.nn'",
        "ImportError rustgrad has no torch.hsmm yet",
    ]


SCRIPT = """
import sys
import torch
print(__name__, __file__, sys.argv, sys.path[0], __spec__, sys.modules["__main__"].__dict__ is globals())


class Local:
    pass


import pickle
pickle.loads(pickle.dumps(Local()))


def fail():
    raise {error}


fail()
"""


@pytest.mark.parametrize(
    "error",
    ["ValueError('no')", "SystemExit(3)", "SystemExit('bye')", "KeyboardInterrupt", "BaseException('b') from None"],
)
def test_a_script_runs_as_with_python(tmp_path, error):
    """`sys.argv`, `__main__`, `sys.path`, tracebacks and exit codes are those of `python script.py`."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "torch.py").write_text("")  # what plain Python imports
    (scripts / "program.py").write_text(SCRIPT.replace("{error}", error))
    plain = run("scripts/program.py", "a", "-b", cwd=tmp_path)
    mine = as_torch("scripts/program.py", "a", "-b", cwd=tmp_path)
    assert (mine.stdout, mine.stderr, mine.returncode) == (plain.stdout, plain.stderr, plain.returncode)


def test_modules_folders_archives_and_texts_run_as_with_python(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(
        "import sys\nprint(__name__, __package__, __spec__.name, __file__, sys.argv)\n"
    )
    (package / "one.py").write_text(
        "import sys\nfrom . import two\nprint(__name__, __package__, sys.argv[1:], two.x)\n"
    )
    (package / "two.py").write_text("x = 1 / 0 if False else 2\n")
    (tmp_path / "bad.py").write_text("x = (\n")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("__main__.py", "import sys, other\nprint(__name__, sys.argv, sys.path[0], other.x)\n")
        archive.writestr("other.py", "x = 5\n")
    for arguments in (
        ("-m", "package", "x"),
        ("-m", "package.one", "x", "-m"),
        ("package", "y"),
        ("archive.zip", "z"),
        ("-c", "import sys; print(sys.argv, sys.path[0] == '', __name__, '__file__' in globals())", "-q"),
        ("-c", "1 +"),
        ("-c", "raise ValueError('no')"),
        ("bad.py",),
        ("-m", "nothing_there"),
        ("-m", "package.three"),
        ("nothing_there.py",),
    ):
        plain, mine = run(*arguments, cwd=tmp_path), as_torch(*arguments, cwd=tmp_path)
        assert (mine.stdout, mine.stderr, mine.returncode) == (plain.stdout, plain.stderr, plain.returncode), arguments
    mine = as_torch("-", "x", input="import sys, torch; print(sys.argv, torch.ones(1))", cwd=tmp_path)
    assert mine.stdout == "['-', 'x'] tensor([1.])\n"


def test_the_command_line_explains_itself():
    for arguments, code in (((), 2), (("-h",), 0), (("-m",), 2), (("-x",), 2)):
        done = as_torch(*arguments)
        assert done.returncode == code
        assert "python -m rustgrad.as_torch SCRIPT" in done.stdout + done.stderr


def test_a_notebook_calls_it():
    code = """
import rustgrad
before = rustgrad.nn.Linear, str(rustgrad.float32), rustgrad.__version__
rustgrad.as_torch()
rustgrad.as_torch()
import torch
print(before[1:], torch.float32, torch.nn.Linear is before[0], torch.nn.Linear, torch.__version__)
"""
    done = run("-W", "error", "-c", code)
    shown = (
        f"('rustgrad.float32', '{rustgrad.__version__}') torch.float32 True <class 'torch.nn.modules.linear.Linear'> "
    )
    assert done.stdout == shown + "2.13.0+rustgrad\n", done.stderr
    other = "import sys, types; sys.modules['torch'] = types.ModuleType('torch'); import rustgrad; rustgrad.as_torch()"
    done = run("-c", other)
    assert done.returncode == 1
    assert "RuntimeError: as_torch: another torch is imported already" in done.stderr


def test_processes_that_are_started_anew_call_it_torch_too(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        "import multiprocessing, torch\n\n\n"
        "def child(i, queue):\n    queue.put((i, str(torch.float32), torch.ones(2)))\n\n\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    queue = context.Queue()\n"
        "    process = context.Process(target=child, args=(3, queue))\n"
        "    process.start()\n"
        "    print(queue.get())\n"
        "    process.join()\n"
    )
    done = as_torch(script)
    assert (done.stdout, done.stderr) == ("(3, 'torch.float32', tensor([1., 1.]))\n", "")


@pytest.mark.gpu
def test_cuda_means_the_gpu_where_there_is_one():
    """What programs see on hardware, on any GPU that there is: the switch is the test's."""
    code = """
import torch
from rustgrad import _rustgrad
if not _rustgrad.gpu_is_available():
    raise SystemExit("none")
print(torch.cuda.is_available(), torch.accelerator.is_available())
_rustgrad._call_gpu_cuda(True)
x = torch.ones(2, device="cuda")
print(torch.cuda.is_available(), torch.cuda.device_count(), torch.cuda.current_device())
print(x, x.device, x.is_cuda, x.cuda() is x, x.to("cuda:0") is x, torch.device("cuda"), x.device == torch.device(0))
print(x.type(), isinstance(x, torch.cuda.FloatTensor), (x + 1).cpu(), x.cpu().cuda(0).device, torch.ones(1).is_cuda)
torch.cuda.synchronize()
start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
start.record()
end.record()
print(start.elapsed_time(end) >= 0, torch.cuda.memory_allocated() > 0, isinstance(torch.cuda.get_device_name(), str))
torch.cuda.reset_peak_memory_stats()
print(torch.cuda.max_memory_allocated() == torch.cuda.memory_allocated(), torch.cuda.get_device_capability())
import pickle
print(pickle.dumps(x.device, 0).count(b"gpu:0"), torch.nn.DataParallel(torch.nn.Linear(2, 1))(x).device)
with torch.cuda.device(0), torch.cuda.stream(torch.cuda.Stream()):
    print(torch.cuda.current_stream().query())
try:
    torch.ones(1, device="cuda:1")
except RuntimeError as error:
    print(str(error).split(chr(10))[0])
"""
    done = subprocess.run([sys.executable, "-m", "rustgrad.as_torch", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "False False",
        "True 1 0",
        "tensor([1., 1.], device='cuda:0') cuda:0 True True True cuda True",
        "torch.cuda.FloatTensor True tensor([2., 2.]) cuda:0 False",
        "True True True",
        "True (0, 0)",
        "1 cuda:0",
        "True",
        "ones: there is no GPU with index 1; one GPU is used at a time",
    ]


def test_functorch_is_there():
    program = (
        "import functorch, torch; f, p = functorch.make_functional(torch.nn.Linear(2, 1)); x = torch.ones(3, 2);"
        "print(f(p, x).shape, functorch.grad(lambda v: (v * v).sum())(x[0]).tolist());"
        "g, p, b = functorch.combine_state_for_ensemble([torch.nn.BatchNorm1d(2) for _ in range(4)]);"
        "print(functorch.vmap(g, in_dims=(0, 0, None))(p, b, x).shape)"
    )
    assert told(program) == "torch.Size([3, 1]) [2.0, 2.0]\ntorch.Size([4, 3, 2])\n"
