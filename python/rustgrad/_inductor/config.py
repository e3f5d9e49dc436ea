"""Settings of PyTorch's code generator, with its defaults: kept, and without effect."""

from types import SimpleNamespace

benchmark_kernel = False
compile_threads = 1
coordinate_descent_check_all_directions = False
coordinate_descent_tuning = False
cpp = SimpleNamespace(threads=-1, simdlen=None)
cpp_wrapper = False
debug = False
epilogue_fusion = True
fallback_random = False
force_fuse_int_mm_with_mul = False
freezing = False
fx_graph_cache = True
fx_graph_remote_cache = None
inplace_buffers = True
max_autotune = False
max_autotune_gemm = False
max_autotune_gemm_backends = "ATEN,TRITON,CPP"
max_autotune_pointwise = False
pattern_matcher = True
permute_fusion = False
reorder_for_compute_comm_overlap = False
shape_padding = True
size_asserts = True
split_reductions = True
triton = SimpleNamespace(
    cudagraph_skip_dynamic_graphs=False,
    cudagraph_trees=True,
    cudagraphs=False,
    tiling_prevents_pointwise_fusion=True,
    unique_kernel_names=True,
)
use_mixed_mm = True
verbose_progress = False
