"""What PyTorch gives around its tensors: trees of containers, assertions, operands, lists of tensors, versions."""

import copy
import operator
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple

from support import Cases, raised

CASES = Cases()
case = CASES.case

Pair = namedtuple("Pair", "a b")


def _pytree(torch):
    import importlib

    return importlib.import_module(f"{torch.__name__}.utils._pytree")


TREES = [
    3,
    None,
    [1, (2, {"b": 3, "a": 4}), None],
    {"x": Pair(5, [6]), "y": OrderedDict(z=1)},
    deque([1, 2], maxlen=4),
    defaultdict(list, {"k": 7}),
]


@case()
def trees_come_apart(torch):
    pytree = _pytree(torch)
    found = []
    for tree in TREES:
        leaves, spec = pytree.tree_flatten(tree)
        back = pytree.tree_unflatten(leaves, spec)
        counts = [spec.num_leaves, spec.num_nodes, spec.num_children, spec.is_leaf()]
        found.append(
            [leaves, repr(spec).replace("cases.", "__main__."), counts, back == tree, type(back) is type(tree)]
        )
    return [[*row[:1], row[1].split("<class")[0], *row[2:]] for row in found]


@case()
def trees_are_mapped(torch):
    pytree = _pytree(torch)
    tree = {"x": [1, 2], "y": Pair(3.5, "s")}
    return [
        repr(pytree.tree_map(lambda x: 2 * x, tree)),
        pytree.tree_map(operator.add, [1, (2,)], [3, (4,)]),
        raised(pytree.tree_map, operator.add, [1, (2,)], [3, 4]).replace("<class 'tuple'>", "tuple"),
        pytree.tree_map_only(int, lambda x: -x, [1, "a", 2.5]),
        pytree.tree_map_only((int, float), lambda x: -x, [1, "a", 2.5]),
        pytree.tree_map_only(lambda x: x == "a", lambda x: x + x, [1, "a"]),
        [pytree.tree_all(bool, [1, 0]), pytree.tree_any(bool, [1, 0]), pytree.tree_all_only(int, bool, [1, ""])],
        pytree.tree_leaves([1, [2]], is_leaf=lambda x: x == [2]),
        [(pytree.keystr(path), leaf) for path, leaf in pytree.tree_leaves_with_path(tree)],
        pytree.key_get(tree, pytree.tree_leaves_with_path(tree)[1][0]),
        pytree._broadcast_to_and_flatten(0, pytree.tree_structure([1, (2, 3)])),
        pytree._broadcast_to_and_flatten([0, 1], pytree.tree_structure([1, (2, 3)])),
        pytree.treespec_dumps(pytree.tree_structure([1, {"a": (2,)}])),
        pytree.treespec_pprint(pytree.treespec_loads(pytree.treespec_dumps(pytree.tree_structure([1, {"a": (2,)}])))),
        raised(pytree.tree_unflatten, [1], pytree.tree_structure([1, 2])),
    ]


@case()
def trees_have_nodes_of_ones_own(torch):
    pytree = _pytree(torch)

    class Point:
        def __init__(self, x, y):
            self.x, self.y = x, y

    pytree.register_pytree_node(Point, lambda p: ([p.x, p.y], None), lambda c, _: Point(*c))
    doubled = pytree.tree_map(lambda x: 2 * x, [Point(1, 2)])[0]
    again = raised(pytree.register_pytree_node, Point, None, None)
    return [doubled.x, doubled.y, again.split("<")[0], pytree.tree_leaves([Point(1, [2])])]


@case()
def assertions_say_what_differs(torch):
    close = torch.testing.assert_close
    one, nan = torch.ones(2), torch.tensor([1.0, float("nan")])
    pairs = [
        (one, one + 1e-7),
        (one, one + 1),
        (one, torch.ones(3)),
        (one, one.double()),
        (torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 5]])),
        (nan, nan),
        ([one, one], [one, 0 * one]),
        ({"a": one}, {"b": one}),
        ({"a": one}, {"a": one + 1}),
        (1.0, 1.1),
        (1, 2),
        (1, 1.0),
        (one, 1.0),
        ("a", "a"),
        (torch.tensor(1.0), torch.tensor(2.0)),
        ([1.0, 2.0], [1.0]),
        (True, False),
        (None, 1),
        (torch.tensor([True, False]), torch.tensor([True, True])),
        (torch.tensor([0.0]), torch.tensor([1e-6])),
        (one.half(), one.half() + 0.01),
    ]
    found = [raised(close, *pair) for pair in pairs]
    return [
        *found,
        raised(close, nan, nan, equal_nan=True),
        raised(close, one, one * 1.1, rtol=0.01, atol=0),
        raised(close, one, one * 1.001, rtol=0.01, atol=0),
        raised(close, one, one + 1, rtol=0.1),
        raised(close, one, one + 1, msg="told"),
        raised(close, one, one + 1, msg=lambda text: "told: " + text),
        raised(close, torch.ones(2, 3), torch.ones(3, 2).t(), check_stride=True),
        raised(close, one, one.double(), check_dtype=False),
    ]


@case()
def operands_are_drawn(torch):
    make = torch.testing.make_tensor
    found = []
    for dtype in (torch.float32, torch.float64, torch.int64, torch.bool, torch.uint8, torch.float16, torch.int32):
        torch.manual_seed(1)
        found.append([make(3, dtype=dtype, device="cpu"), make((2, 2), dtype=dtype, device="cpu", low=0)])
    torch.manual_seed(2)
    found.append(make(2, 3, dtype=torch.float32, device="cpu", low=0, high=1, noncontiguous=True))
    found.append(make(2, 3, dtype=torch.float32, device="cpu", noncontiguous=True).is_contiguous())
    found.append(make(9, dtype=torch.int64, device="cpu", low=0, high=2, exclude_zero=True))
    found.append(make(3, dtype=torch.uint8, device="cpu", low=-5, high=300))
    found.append(make((), dtype=torch.float32, device="cpu", requires_grad=True).requires_grad)
    found.append(raised(make, 3, dtype=torch.float32, device="cpu", low=2, high=1))
    found.append(raised(make, 3, dtype=torch.float32, device="cpu", low=float("nan")))
    found.append(raised(make, 3, dtype=torch.int64, device="cpu", requires_grad=True))
    torch.manual_seed(3)
    found.append(make(3, dtype=torch.complex64, device="cpu", low=0, high=1, requires_grad=True))
    found.append(make(2, 2, dtype=torch.complex128, device="cpu", noncontiguous=True))
    found.append(make(2, dtype=torch.float32, device="cpu", low=-3e38, high=3e38))
    found.append(raised(make, 3, dtype=torch.uint8, device="cpu", low=-5, high=-3))
    found.append(raised(make, 3, dtype=torch.bool, device="cpu", low=2, high=4))
    return found


@case()
def an_op_is_copied_as_itself(torch):
    op = torch.ops.aten.relu
    return copy.deepcopy({"op": [op]})["op"][0] is op


@case(rtol=1e-6)
def lists_of_tensors(torch):
    a, b = [torch.tensor([1.0, 4.0]), torch.tensor([9.0])], [torch.tensor([2.0, 3.0]), torch.tensor([5.0])]
    found = [
        torch._foreach_add(a, b, alpha=2),
        torch._foreach_sub(a, 1),
        torch._foreach_mul(a, [2.0, 3.0]),
        torch._foreach_mul(a, torch.tensor(2.0)),
        torch._foreach_div(a, b),
        torch._foreach_pow(a, 2),
        torch._foreach_pow(2.0, b),
        torch._foreach_maximum(a, 3.0),
        torch._foreach_minimum(a, b),
        torch._foreach_clamp_min(a, [2.0, 10.0]),
        torch._foreach_sqrt(tuple(a)),
        torch._foreach_neg(a),
        torch._foreach_addcmul(a, a, b, value=0.5),
        torch._foreach_addcdiv(a, a, b, [1.0, 2.0]),
        torch._foreach_lerp(a, b, 0.25),
        torch._foreach_lerp(a, b, [x / 10 for x in b]),
        torch._foreach_norm(a),
        torch._foreach_norm(a, 1),
        torch._foreach_max(a),
    ]
    c = [x.clone() for x in a]
    found += [torch._foreach_add_(c, 1) is c or torch._foreach_sub_(c, 1) is not None]
    torch._foreach_mul_(c, b)
    torch._foreach_sqrt_(c)
    torch._foreach_addcdiv_(c, a, b)
    torch._foreach_lerp_(c, a, 0.5)
    torch._foreach_maximum_(c, [3.0, 1.0])
    found += [c, torch._foreach_clone(c)]
    torch._foreach_copy_(c, b)
    found.append(torch._foreach_add(c, 0))
    torch._foreach_zero_(c)
    return [*found, c, raised(torch._foreach_add, a, b[:1]), raised(torch._foreach_add, [], 1)]


@case()
def typed_constructors(torch):
    found = [
        torch.FloatTensor([1, 2]),
        torch.LongTensor([1.5, True]),
        torch.FloatTensor(2, 3).shape,
        torch.IntTensor(range(3)),
    ]
    found += [torch.FloatTensor(), torch.DoubleTensor([[1], [2]]), torch.ByteTensor([255]), torch.BoolTensor([1, 0])]
    found += [torch.FloatTensor(torch.Size([2])).shape, torch.HalfTensor([0.1]), torch.FloatTensor(torch.ones(2))]
    found += [torch.FloatTensor.dtype, torch.LongTensor.is_cuda, str(torch.FloatTensor), str(torch.cuda.FloatTensor)]
    x = torch.ones(1)
    kinds = (torch.FloatTensor, torch.DoubleTensor, torch.cuda.FloatTensor)
    found += [isinstance(x, kind) for kind in kinds] + [
        isinstance(3, torch.LongTensor),
        issubclass(torch.FloatTensor, type(x)),
    ]
    found += [x.type(torch.LongTensor), x.type("torch.DoubleTensor"), torch.DoubleTensor.__name__]
    torch.set_default_tensor_type(torch.DoubleTensor)
    found.append(torch.get_default_dtype())
    torch.set_default_tensor_type("torch.FloatTensor")
    found.append(torch.tensor(1.5).dtype)
    return [*found, raised(torch.FloatTensor, 3.5), raised(torch.set_default_tensor_type, torch.float32)]


@case()
def variables(torch):
    Variable = torch.autograd.Variable
    x, w = torch.ones(2), torch.ones(2, requires_grad=True)
    made = [Variable(x), Variable(x, requires_grad=True), Variable(w), Variable(w * 2), Variable(torch.nn.Parameter(x))]
    found = [[repr(one), type(one) is torch.Tensor, one.is_leaf, one._version] for one in made]
    found += [
        Variable(x).data_ptr() == x.data_ptr(),
        Variable(x) is x,
        isinstance(x, Variable),
        isinstance(3, Variable),
    ]
    return [*found, Variable().shape, raised(Variable, 3)]


@case()
def versions_are_ordered(torch):
    import importlib

    version = importlib.import_module(f"{torch.__name__}.torch_version").TorchVersion
    texts = ["2.13.0+cu130", "2.13.0", "2.13", "2.13.0a0+git1", "2.2", "10.0", "1.8.1"]
    others = [*texts, (2, 13), (1, 8), (2, 14), "parrot", (2,), ("2", "13"), "2.13.0rc1"]
    tests = (operator.lt, operator.le, operator.eq, operator.gt, operator.ge)
    return [[int(test(version(text), other)) for other in others for test in tests] for text in texts]


@case()
def switches(torch):
    found = [torch.get_float32_matmul_precision(), torch.get_deterministic_debug_mode(), torch.is_warn_always_enabled()]
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(True)
    torch.set_warn_always(True)
    found += [torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32]
    found += [torch.are_deterministic_algorithms_enabled(), torch.get_deterministic_debug_mode()]
    found.append(torch.is_warn_always_enabled())
    torch.set_float32_matmul_precision("highest")
    torch.set_deterministic_debug_mode("warn")
    found.append(torch.is_deterministic_algorithms_warn_only_enabled())
    torch.set_deterministic_debug_mode(0)
    torch.set_warn_always(False)
    found += [raised(torch.set_deterministic_debug_mode, value) for value in ("loud", 3)]
    found += [torch.get_default_device(), torch.is_vulkan_available(), raised(torch.set_num_interop_threads, 0)]
    found += [torch.backends.cudnn.set_flags(True), torch.backends.cuda.flash_sdp_enabled()]
    with torch.backends.cuda.sdp_kernel(enable_flash=False):
        found.append(torch.backends.cuda.flash_sdp_enabled())
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        found += [torch.backends.cuda.math_sdp_enabled(), torch.backends.cuda.flash_sdp_enabled()]
    return [*found, torch.backends.cuda.flash_sdp_enabled(), repr(torch.nn.attention.SDPBackend.MATH)]


@case()
def compiling(torch):
    def fn(x):
        return x

    return [
        raised(torch.compile, 3),
        raised(torch.compile, fn, mode="fastest"),
        raised(torch.compile, fn, mode="default", options={"a": 1}),
        torch.compiler.is_compiling(),
        torch.compiler.list_backends(),
        callable(torch.compile(fn, fullgraph=True, dynamic=False)),
        torch.compiler.disable(fn) is not None,
        [torch.jit.is_scripting(), torch.jit.is_tracing(), torch.jit.annotate(int, 3)],
        [torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance([1, "a"], list[int])],
        [torch.jit.isinstance({"a": 1}, dict[str, int]), torch.jit.isinstance((1, "a"), tuple[int, str])],
        torch.jit.ignore(fn) is fn,
        torch.jit.wait(torch.jit.fork(fn, 3)),
    ]


@case()
def futures(torch):
    import importlib

    module = importlib.import_module(f"{torch.__name__}.futures")
    future = module.Future()
    after = future.then(lambda f: f.value() + 1)
    seen = []
    future.add_done_callback(lambda f: seen.append(f.value()))
    before = [future.done(), after.done()]
    future.set_result(3)
    both = module.collect_all([future, after])
    return [
        before,
        future.wait(),
        after.wait(),
        seen,
        [f.value() for f in both.wait()],
        module.wait_all([future, after]),
    ]


@case()
def older_names_are_kept(torch):
    found = [torch.Storage is torch.FloatStorage]
    torch.set_default_dtype(torch.float64)
    found.append(torch.Storage is torch.DoubleStorage)
    torch.set_default_dtype(torch.float32)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        container = torch.nn.Container(a=torch.nn.ReLU(), b=torch.nn.Tanh())
    return [*found, repr(container), [(w.category.__name__, str(w.message)) for w in shown]]


@case()
def modules_of_devices(torch):
    given = ("cpu", "cuda", "mps", torch.device("cpu"), torch.device("cuda", 0))
    return [
        [torch.get_device_module(device).__name__.rpartition(".")[2] for device in given],
        raised(torch.get_device_module, "meta"),
        raised(torch.get_device_module, 3),
    ]


@case()
def names_that_libraries_reach_for(torch):
    """What transformers, accelerate and PyTorch's own tests read without importing it."""
    reduction = torch.nn._reduction
    return [
        torch.nn.modules.module._EXTRA_STATE_KEY_SUFFIX,
        torch._dynamo.eval_frame.OptimizedModule.__name__,
        torch.jit.annotations.__name__.rpartition(".")[2],
        torch._vmap_internals._vmap(lambda x: x * 2)(torch.arange(3)),
        [reduction.get_enum(name) for name in ("none", "mean", "sum")],
        raised(reduction.get_enum, "max"),
        [
            reduction.legacy_get_string(*flags, emit_warning=False)
            for flags in ((None, None), (False, True), (True, False))
        ],
    ]


@case()
def names_that_lightning_reaches_for(torch):
    parse, x = torch._C._nn._parse_to, torch.ones(2, dtype=torch.int8)
    calls = [((), {}), (("cpu",), {}), ((torch.float64,), {}), (("cpu", torch.float16, True), {}), ((x,), {})]
    calls += [((), {"device": "cpu", "dtype": torch.half, "non_blocking": True}), ((None, torch.float64), {})]
    calls += [((), {"memory_format": torch.channels_last}), ((torch.float32, True), {})]
    profiler = torch.autograd.profiler
    return [
        [[str(one) for one in parse(*args, **kwargs)] for args, kwargs in calls],
        raised(parse, "cpu", copy=True),
        issubclass(torch.ScriptModule, object),
        [kind(enabled=False).__enter__() for kind in (profiler.emit_nvtx, profiler.emit_itt)],
        torch._C._nn.gelu(torch.zeros(2)),
    ]


@case()
def traces_call_once(torch):
    def drawn(x):
        return x * torch.rand(2)

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(drawn, (torch.ones(2),), check_trace=False)
        found = [torch.rand(1), traced(torch.ones(2))]
        wrong = (lambda x: 3, lambda x: None, lambda x: x[5])
        return [*found, [raised(torch.jit.trace, f, torch.ones(1), check_trace=False).splitlines()[0] for f in wrong]]
