"""What stands around tensors in programs and is rustgrad's own to decide: devices that are not there, hub, profiles."""

import json
import subprocess
import sys

import pytest

import rustgrad as torch
from rustgrad import backends, hub, profiler
from rustgrad.distributed import HashStore, PrefixStore, TCPStore
from rustgrad.utils import benchmark

# --- devices that are not there


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.cuda.current_device(),
        lambda: torch.cuda.set_device(0),
        lambda: torch.cuda.get_device_name(),
        lambda: torch.cuda.synchronize(),
        lambda: torch.cuda.reset_peak_memory_stats(),
        lambda: torch.cuda.Stream(),
        lambda: torch.cuda.Event().record(),
    ],
)
def test_cuda_calls_say_that_it_is_not_there(call):
    with pytest.raises(
        AssertionError, match="Torch not compiled with CUDA enabled\nhint: rustgrad has no CUDA backend"
    ):
        call()


def test_cuda_answers_where_it_is_not_there():
    cuda = torch.cuda
    assert [cuda.memory_allocated(), cuda.max_memory_reserved(), cuda.device_count(), cuda.get_rng_state_all()] == [
        0,
        0,
        0,
        [],
    ]
    assert cuda.memory_stats() == {} and not cuda.is_initialized()
    cuda.empty_cache()
    cuda.seed_all()
    with cuda.stream(None), cuda.device(-1), cuda.device_of(torch.ones(1)):
        pass
    with pytest.raises(RuntimeError, match="rustgrad has no cuda device"):
        torch.ones(1).cuda()
    with pytest.raises(RuntimeError, match="NVTX functions not installed"):
        cuda.nvtx.range_push("x")
    with pytest.raises(RuntimeError, match="without MPS backend"):
        torch.mps.synchronize()


@pytest.mark.gpu
def test_the_accelerator_is_the_gpu():
    assert torch.accelerator.is_available() and torch.accelerator.device_count() == 1
    assert torch.accelerator.current_accelerator() == torch.device("gpu")
    x = torch.ones(1000, device="gpu")
    torch.accelerator.synchronize()
    assert torch.accelerator.memory_allocated() >= x.nbytes
    torch.accelerator.reset_peak_memory_stats()
    assert torch.accelerator.max_memory_allocated() == torch.accelerator.memory_allocated()
    with torch.accelerator.device_index(0):
        torch.accelerator.set_device_index(0)
    with pytest.raises(RuntimeError, match="there is one accelerator, number 0"):
        torch.accelerator.set_device_index(1)
    with profiler.profile() as seen:
        (x * 2).sum().item()
    assert any(event.device_time_total for event in seen.key_averages()) and "GPU total" in str(seen.key_averages())


def test_backends_answer():
    assert [backends.mkl.is_available(), backends.openmp.is_available(), backends.cuda.is_built()] == [False] * 3
    assert backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
    assert "rustgrad" in torch.__config__.show() and "get_num_threads" in torch.__config__.parallel_info()
    with backends.mkldnn.flags(enabled=False), backends.mkldnn.verbose(1), backends.mkl.verbose(1):
        assert not backends.mkldnn.enabled
    assert backends.mkldnn.enabled
    with pytest.raises(RuntimeError, match="Choose from"):
        backends.cuda.preferred_linalg_library("lapack")


# --- programs of other kinds


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.export.export(torch.nn.Linear(1, 1), (torch.ones(1),)),
        lambda: torch.fx.symbolic_trace(torch.nn.Linear(1, 1)),
        lambda: torch.jit.save(torch.nn.Linear(1, 1), "file"),
        lambda: torch.distributed.rpc.init_rpc("name"),
        lambda: torch.distributed.fsdp.FullyShardedDataParallel(torch.nn.Linear(1, 1)),
        lambda: torch.distributed.init_process_group("gloo", rank=0, world_size=2),
        lambda: TCPStore("localhost", 1, 2),
    ],
)
def test_what_cannot_be_done_says_so(call):
    with pytest.raises(NotImplementedError, match=r"rustgrad (does not|works in one process)"):
        call()


def test_onnx_raises_its_own_error():
    with pytest.raises(torch.onnx.OnnxExporterError, match="does not capture programs yet"):
        torch.onnx.export(torch.nn.Linear(1, 1), torch.ones(1), "file")


def test_a_world_of_one():
    dist = torch.distributed
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        dist.get_rank()
    dist.init_process_group("gloo", rank=0, world_size=1)
    try:
        assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
        x, out = torch.arange(3.0), [torch.zeros(3)]
        dist.all_gather(out, x)
        assert dist.all_reduce(x, op=dist.ReduceOp.AVG, async_op=True).wait()
        total = torch.zeros(3)
        dist.reduce_scatter(total, [x])
        assert out[0].tolist() == x.tolist() == total.tolist() == [0, 1, 2]
        found = [None]
        dist.all_gather_object(found, {"a": 1})
        assert found == [{"a": 1}]
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 1))
        with model.no_sync():
            model(x).backward()
        assert list(model.state_dict()) == ["module.weight", "module.bias"] and model.module.weight.grad is not None
        with pytest.raises(ValueError, match="should not be the same as the rank"):
            dist.send(x, 0)
        with pytest.raises(RuntimeError, match="invalid root rank: 1"):
            dist.broadcast(x, src=1)
        assert dist.get_process_group_ranks(dist.new_group([0])) == [0]
    finally:
        dist.destroy_process_group()
    assert not dist.is_initialized()


def test_stores():
    store = HashStore()
    part = PrefixStore("p", store)
    part.set("a", "1")
    assert (part.get("a"), store.get("p/a"), part.add("n", 2), part.add("n", 3)) == (b"1", b"1", 2, 5)
    assert part.compare_set("a", "1", "2") == b"2" and part.check(["a", "n"]) and store.num_keys() == 2
    assert part.delete_key("a") and not part.check(["a"])


def test_hub_loads_from_a_folder(tmp_path, monkeypatch):
    (tmp_path / "neighbour.py").write_text("scale = 3\n")
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['json']\n\ndef model(n=1):\n    'Its text.'\n"
        "    import neighbour\n    return n * neighbour.scale\n"
    )
    assert hub.load(str(tmp_path), "model", 2, source="local") == 6
    assert hub.list(str(tmp_path)) == ["model"] and hub.help(str(tmp_path), "model") == "Its text."
    with pytest.raises(RuntimeError, match=r"Cannot find callable other in hubconf"):
        hub.load(str(tmp_path), "other", source="local")
    with pytest.raises(ValueError, match='Unknown source: "web"'):
        hub.load(str(tmp_path), "model", source="web")
    monkeypatch.setattr(hub, "_dir", str(tmp_path / "hub"))
    with pytest.raises(RuntimeError, match="rustgrad does not download"):
        hub.load("owner/project", "model")
    cached = tmp_path / "hub" / "owner_project_main"
    cached.mkdir(parents=True)
    (cached / "hubconf.py").write_text("dependencies = ['no_such_package']\n")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_package"):
        hub.load("owner/project", "model")
    torch.save({"w": torch.ones(2)}, str(tmp_path / "weights.safetensors"))
    url = (tmp_path / "weights.safetensors").as_uri()
    assert hub.load_state_dict_from_url(url)["w"].tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="fetches nothing from a network"):
        hub.load_state_dict_from_url("https://example.org/other.pt")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.download_url_to_file(url, str(tmp_path / "copy"), hash_prefix="00000000")


# --- measuring


def test_a_timer_measures():
    timer = benchmark.Timer("y = x + n", "n = 2", globals={"x": torch.ones(2)}, label="add", description="small")
    found = timer.blocked_autorange(min_run_time=0.002)
    assert found.median > 0 and found.number_per_run >= 1 and len(found.times) == len(found.raw_times)
    assert timer.timeit(3).number_per_run == 3
    assert "add\nsmall\nsetup: n = 2\n" in repr(found)
    assert "Times are in" in str(benchmark.Compare([found]))
    with pytest.raises(ValueError, match="Expected an instance of `Measurement`"):
        benchmark.Compare([3])
    assert benchmark.select_unit(3e-4) == ("us", 1e-6) and benchmark.trim_sigfig(3.14159, 3) == 3.14


def test_a_profile_sees_calls(tmp_path):
    x = torch.ones(3, requires_grad=True)
    with profiler.profile(activities=[profiler.ProfilerActivity.CPU]) as seen:
        with profiler.record_function("block"):
            y = x.exp().sum()
        torch.relu(x)
        y.backward()
    sums = {event.key: event for event in seen.key_averages()}
    assert {"block", "aten::exp", "aten::sum", "aten::relu", "aten::backward"} <= set(sums)
    assert sums["block"].cpu_time_total >= sums["aten::exp"].cpu_time_total > 0 and sys.getprofile() is None
    table = seen.key_averages().table(sort_by="cpu_time_total", row_limit=2)
    assert (
        "Self CPU %" in table and "Self CPU time total" in table and table.count("aten::") + table.count("block") == 2
    )
    seen.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"block", "aten::exp"} <= {event["name"] for event in events}


def test_a_profile_sees_operators_once():
    x = torch.ones(3)
    with profiler.profile() as seen:
        for _ in range(2):
            y = (x / 2) * x + torch.add(x, 1)
        y += 1
        _ = [y > 0, y == 1, -y, y[0], 1 - y, y @ y]
    counts = {event.key.removeprefix("aten::"): event.count for event in seen.key_averages()}
    wanted = {"div": 2, "mul": 2, "add": 4, "add_": 1, "gt": 1, "eq": 1, "neg": 1, "index": 1, "rsub": 1, "matmul": 1}
    assert counts == wanted
    assert torch.add(x, 1).tolist() == [2, 2, 2]


def test_a_schedule_records_some_steps(tmp_path):
    action = profiler.ProfilerAction
    plan = profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    recorded = [action.RECORD, action.RECORD_AND_SAVE]
    assert [plan(step) for step in range(6)] == [action.NONE, action.WARMUP, *recorded, action.NONE, action.NONE]
    ready = profiler.tensorboard_trace_handler(str(tmp_path))
    with profiler.profile(schedule=plan, on_trace_ready=ready) as seen:
        for _ in range(6):
            torch.ones(2).exp()
            seen.step()
    (file,) = tmp_path.iterdir()
    names = [event["name"] for event in json.loads(file.read_text())["traceEvents"]]
    assert names.count("aten::exp") == 2 and file.name.endswith(".pt.trace.json")


# --- processes


def test_spawn_raises_what_a_process_raised(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        "import rustgrad.multiprocessing as mp\n\n\n"
        "def work(i, x):\n    if i:\n        raise ValueError(f'{i} {x}')\n\n\n"
        "if __name__ == '__main__':\n"
        "    mp.spawn(work, args=(5,), nprocs=1)\n"
        "    try:\n        mp.spawn(work, args=(5,), nprocs=2)\n"
        "    except mp.ProcessRaisedException as error:\n"
        "        print(error.error_index, 'ValueError: 1 5' in str(error))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1 True\n", "")


def test_ops_by_namespace():
    assert torch.ops.aten.relu(torch.tensor([-1.0])).tolist() == [0]
    assert torch.ops.aten.add.Tensor(torch.ones(1), 2).tolist() == [3]
    with pytest.raises(AttributeError, match="'_OpNamespace' 'mine' object has no attribute 'op'"):
        _ = torch.ops.mine.op


# --- packages that bring ops compiled for PyTorch, as torchvision does


def test_libraries_of_compiled_ops_do_not_load():
    with pytest.raises(OSError, match=r"Could not load this library: /somewhere/_C\.so"):
        torch.ops.load_library("/somewhere/_C.so")


def test_what_is_said_of_ops_that_could_not_be_loaded_is_kept():
    def sized(x):
        return torch.empty_like(x)

    assert torch.library.register_fake("absent::op")(sized) is sized
    with pytest.raises(AttributeError, match="'absent' object has no attribute 'op'"):
        torch.ops.absent.op()
    torch.library.define("absent::op", "(Tensor x) -> Tensor")
    assert torch.ops.absent.op.default.fake is sized
    with pytest.raises(NotImplementedError, match="does not replace the kernels of its own ops"):
        torch.library.register_fake("aten::relu")(sized)
    for lacking in (torch.library.opcheck, torch.library.get_ctx, torch.library.wrap_triton):
        with pytest.raises((NotImplementedError, TypeError)):
            lacking()


def test_modules_that_packages_import():
    from rustgrad import _custom_ops
    from rustgrad._dynamo.utils import is_compile_supported
    from rustgrad.ao.quantization import DeQuantStub, QuantStub
    from rustgrad.jit.annotations import BroadcastingList2, List
    from rustgrad.onnx import register_custom_op_symbolic, symbolic_helper, symbolic_opset11
    from rustgrad.utils import model_zoo

    x = torch.ones(2)
    assert DeQuantStub()(QuantStub()(x)) is x and not is_compile_supported("cpu")
    assert BroadcastingList2[int] is None and List[int] and symbolic_opset11
    assert symbolic_helper.parse_args("v", "f")(len) is len and model_zoo.load_url is torch.hub.load_state_dict_from_url
    with model_zoo.tqdm(total=4, disable=True) as bar:
        bar.update(2)
    register_custom_op_symbolic("a::b", len, 11)
    with pytest.raises(ValueError, match="must match the format domain::name"):
        register_custom_op_symbolic("b", len, 11)
    with pytest.raises(NotImplementedError, match=r"torch\.library\.custom_op"):
        _custom_ops.custom_op("a::b")


def test_private_names_that_packages_import():
    """What gpytorch, Pyro, captum, kornia, e3nn, Lightning and training scripts take beside PyTorch's public names."""
    from rustgrad import distributed, futures, serialization
    from rustgrad._C import _TensorMeta
    from rustgrad._functorch import config as tracer
    from rustgrad._inductor import config
    from rustgrad._subclasses.fake_tensor import FakeTensor, FakeTensorMode, is_fake
    from rustgrad.distributions.utils import _standard_normal, _sum_rightmost
    from rustgrad.fx.experimental.proxy_tensor import get_proxy_mode
    from rustgrad.fx.graph import Graph
    from rustgrad.fx.node import Node
    from rustgrad.nn.modules.module import _IncompatibleKeys
    from rustgrad.nn.parallel.scatter_gather import is_namedtuple, scatter_kwargs

    config.coordinate_descent_tuning = config.triton.unique_kernel_names = True
    assert config.fx_graph_cache and tracer.enable_autograd_cache
    x = torch.ones(2)
    assert not is_fake(x) and not isinstance(x, FakeTensor) and isinstance(torch.Tensor, _TensorMeta)
    for lacking in (FakeTensorMode, FakeTensor, torch.SymInt, Graph, Node):
        with pytest.raises(NotImplementedError):
            lacking(3)
    assert not isinstance(x.size(0), (torch.SymInt, torch.SymFloat, torch.SymBool)) and get_proxy_mode() is None
    assert torch.Future is futures.Future and torch.torch is torch and torch.torch.Tensor is torch.Tensor
    assert repr(futures.Future[int]).endswith("Future[int]") and serialization.MAP_LOCATION
    assert distributed.ReduceOp.RedOpType.SUM is distributed.ReduceOp.SUM
    torch.manual_seed(0)
    drawn = _standard_normal((2, 3), dtype=torch.float64, device="cpu")
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.randn(2, 3, dtype=torch.float64))
    assert torch.equal(_sum_rightmost(torch.ones(2, 3, 4), 2), torch.full((2,), 12.0))
    keys = torch.nn.Linear(1, 1).load_state_dict({}, strict=False)
    assert isinstance(keys, _IncompatibleKeys) and is_namedtuple(keys)
    assert scatter_kwargs((x,), None, ["cpu"]) == (((x,),), ({},))


def test_names_that_transformers_take_when_they_are_imported():
    from typing import get_type_hints

    from rustgrad import _dynamo
    from rustgrad._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex
    from rustgrad._dynamo.eval_frame import OptimizedModule
    from rustgrad.utils import _pytree

    taken = _pytree._dict_flatten_with_keys({"b": 1, "a": 2})
    assert taken == ([(_pytree.MappingKey("b"), 1), (_pytree.MappingKey("a"), 2)], ["b", "a"])
    assert _pytree._dict_unflatten(*_pytree._dict_flatten({"b": 1, "a": 2})) == {"b": 1, "a": 2}
    assert "forward" in get_type_hints(torch.nn.Linear)
    with pytest.raises(RuntimeError, match="cannot record and replay"), torch.cuda.graph(None):
        pass
    x, rows = torch.arange(6.0).view(3, 2), torch.tensor([2, 0])
    _dynamo.mark_static_address(x)
    assert not isinstance(torch.compile(torch.nn.Linear(1, 1)), OptimizedModule)
    with pytest.raises(NotImplementedError, match="does not wrap modules"):
        OptimizedModule(torch.nn.Linear(1, 1))
    with TransformGetItemToIndex():
        assert torch.equal(torch.vmap(lambda i: x[i])(rows), x[rows])


def test_layouts_over_devices_are_values():
    from rustgrad._names import module

    tensor = module("torch.distributed.tensor")
    shard, whole, part = tensor.Shard(-1), tensor.Replicate(), tensor.Partial("avg")
    assert [repr(x) for x in (shard, whole, part)] == ["Shard(dim=-1)", "Replicate()", "Partial(avg)"]
    assert [str(x) for x in (shard, whole, part)] == ["S(-1)", "R", "P(avg)"]
    assert shard == tensor.Shard(dim=-1) != tensor.Shard(0) and hash(whole) == hash(tensor.Replicate())
    assert [x.is_shard() for x in (shard, whole, part)] == [True, False, False] and not shard.is_shard(0)
    assert whole.is_replicate() and part.is_partial() and not part.is_partial("sum")
    assert module("torch.distributed.tensor.placement_types").Shard is tensor.Shard
    with pytest.raises(NotImplementedError, match="one process"):
        module("torch.distributed.tensor._utils").compute_local_shape_and_global_offset((2,), None, [whole])
    with pytest.raises(NotImplementedError, match="one process"):
        module("torch.distributed._functional_collectives").wait_tensor(torch.ones(1))


def test_running_results_of_any_associative_function():
    from rustgrad._higher_order_ops.associative_scan import associative_scan

    x = torch.tensor([[1.0, 2, 3], [4, 5, 6]], requires_grad=True)
    y = associative_scan(lambda a, b: a + b, x, 1)
    assert torch.equal(y, x.cumsum(1))
    y[:, -1].sum().backward()
    assert torch.equal(x.grad, torch.ones(2, 3))
    assert torch.equal(associative_scan(torch.maximum, x, 0, reverse=True), torch.stack([x[1], x[1]]))
    # h <- a h + b, as state space models run it
    a, b = torch.tensor([0.5, 0.5, 0.5]), torch.tensor([1.0, 2, 3])
    _, h = associative_scan(lambda p, q: (p[0] * q[0], p[1] * q[0] + q[1]), (a, b), 0, combine_mode="generic")
    assert h.tolist() == [1.0, 2.5, 4.25]
    with pytest.raises(ValueError, match="'pointwise' or 'generic'"):
        associative_scan(torch.add, x, 0, combine_mode="other")


def test_lists_of_tensors_come_apart_by_device_and_dtype():
    from rustgrad.utils._foreach_utils import _group_tensors_by_device_and_dtype, _has_foreach_support

    a, b = torch.ones(2), torch.ones(2, dtype=torch.float64)
    groups = _group_tensors_by_device_and_dtype([[a, b, a], [b, b, None]], with_indices=True)
    cpu = torch.device("cpu")
    assert groups == {(cpu, torch.float32): ([[a, a], [b, None]], [0, 2]), (cpu, torch.float64): ([[b], [b]], [1])}
    assert _group_tensors_by_device_and_dtype([[b]]) == {(cpu, torch.float64): ([[b]], [])}
    assert _has_foreach_support([a, None], cpu)


def test_divergences_of_classes_that_are_no_distributions_of_ours():
    from rustgrad.distributions import Independent, Normal, kl_divergence, register_kl

    class Meta(type):
        def __subclasscheck__(cls, other):
            return (cls is Other and issubclass(other, Normal)) or super().__subclasscheck__(other)

    class Other(metaclass=Meta):  # claims Normal and its subclasses, which do not name it among their bases
        pass

    @register_kl(Independent, Other)
    def _(p, q):
        return "mixed"

    p, q = Normal(torch.zeros(2), torch.ones(2)), Normal(torch.ones(2), torch.ones(2))
    assert kl_divergence(Independent(p, 1), q) == "mixed"
    assert kl_divergence(p, q).tolist() == [0.5, 0.5]
    with pytest.raises(TypeError, match="Expected type_q to be a Distribution subclass but got 3"):
        register_kl(Normal, 3)


def test_names_that_optimizers_elsewhere_take():
    from rustgrad.optim.optimizer import (
        ParamsT,
        _default_to_fused_or_foreach,
        _get_value,
        _use_grad_for_differentiable,
        _view_as_real,
    )

    class Plain(torch.optim.Optimizer):
        def __init__(self, params: ParamsT, lr=0.1, differentiable=False):
            super().__init__(params, {"lr": lr, "differentiable": differentiable})

        @_use_grad_for_differentiable
        def step(self, closure=None):
            seen.append(torch.is_grad_enabled())
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad, alpha=-_get_value(torch.tensor(group["lr"])))

    seen, w = [], torch.nn.Parameter(torch.ones(2))
    w.grad = torch.ones(2)
    Plain([w]).step()
    assert seen == [False] and torch.equal(w.detach(), torch.full((2,), 0.9))
    both = [torch.ones(1, dtype=torch.complex64), torch.ones(1)]
    _view_as_real(both)
    assert [x.shape for x in both] == [(1, 2), (1,)]
    assert _default_to_fused_or_foreach([w], False, use_fused=True) == (True, False)
    torch.nn.init._no_grad_fill_(w, 3.0)
    assert w.tolist() == [3.0, 3.0]


def test_many_tensors_as_one_and_back():
    from rustgrad._utils import _flatten_dense_tensors, _reorder_tensors_as, _take_tensors, _unflatten_dense_tensors

    xs = [torch.ones(2, 3), torch.zeros(2), torch.ones(1, dtype=torch.float64)]
    flat = _flatten_dense_tensors(xs[:2])
    assert flat.shape == (8,) and [x.shape for x in _unflatten_dense_tensors(flat, xs[:2])] == [(2, 3), (2,)]
    assert [len(held) for held in _take_tensors(xs, 24)] == [1, 1, 1]
    assert [x.dtype for x in _reorder_tensors_as([xs[2], xs[0]], xs[1:])] == [torch.float32, torch.float64]


def test_nothing_is_a_value_of_another_process():
    assert not isinstance(torch.ones(1), torch.distributed.rpc.api.RRef)
