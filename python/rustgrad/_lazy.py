"""Names of the package that are loaded when first used: submodules, and functions from them."""

from . import _rustgrad

__all__ = ["FUNCTIONS", "MODULES", "TYPED"]

MODULES = frozenset(
    "__config__ _C _dynamo accelerator as_torch autograd backends compiler cpu cuda datasets distributed distributions "
    "export func futures fx gpu hub jit linalg mps multiprocessing nn onnx ops optim overrides profiler return_types "
    "special storage testing torch_version types utils version xpu".split()
)

_BY_MODULE = {
    "compiler": "compile",
    "limits": "finfo iinfo",
    "model_summary": "summary",
    "_methods": (
        "dsmm from_dlpack frombuffer hash_tensor hsmm hspmm is_distributed is_nonzero resize_as_sparse_ saddmm "
        "slice_inverse smm sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor "
        "sparse_csc_tensor sparse_csr_tensor spmm sspaddmm to_dlpack"
    ),
    "functional": "histogramdd norm_except_dim unravel_index",
    "storage": "TypedStorage is_storage",
    "symbols": "sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum",
    "switches": (
        "are_deterministic_algorithms_enabled compiled_with_cxx11_abi get_deterministic_debug_mode "
        "get_float32_matmul_precision get_num_interop_threads is_deterministic_algorithms_warn_only_enabled "
        "is_vulkan_available is_warn_always_enabled set_default_tensor_type set_deterministic_debug_mode "
        "set_float32_matmul_precision set_flush_denormal set_num_interop_threads set_warn_always "
        "use_deterministic_algorithms"
    ),
}
# Classes such as FloatTensor, by the first word of their names, with their dtype.
TYPED = {
    "BFloat16": "bfloat16",
    "Bool": "bool",
    "Byte": "uint8",
    "Char": "int8",
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "Int": "int32",
    "Long": "int64",
    "Short": "int16",
}

FUNCTIONS = {name: module for module, names in _BY_MODULE.items() for name in names.split()}
FUNCTIONS.update({f"{word}Storage": "storage" for word in [*TYPED, "ComplexFloat", "ComplexDouble"]})
FUNCTIONS.update({f"{word}Tensor": "typed" for word, dtype in TYPED.items() if hasattr(_rustgrad, dtype)})
