"""Names of the package that are loaded when first used: submodules, and functions from them."""

from . import _rustgrad

__all__ = ["FUNCTIONS", "MODULES", "TYPED"]

MODULES = frozenset(
    "__config__ _C _dynamo accelerator as_torch autograd backends compiler cpu cuda datasets distributed distributions "
    "export fft func futures fx gpu hub jit linalg masked mps multiprocessing nn onnx ops optim overrides profiler "
    "return_types signal special storage testing torch_version types utils version xpu".split()
)

_BY_MODULE = {
    "compiler": "compile",
    "limits": "finfo iinfo",
    "model_summary": "summary",
    "native": (
        "_batch_norm_with_update _chunk_cat _log_softmax_backward_data _native_batch_norm_legit _safe_softmax "
        "_segment_reduce _softmax_backward_data _unsafe_masked_index _unsafe_masked_index_put_accumulate "
        "_upsample_bicubic2d_aa _upsample_bilinear2d_aa affine_grid_generator grid_sampler grid_sampler_2d "
        "grid_sampler_3d native_batch_norm native_dropout native_dropout_backward native_group_norm "
        "native_layer_norm segment_reduce"
    ),
    "storage": "TypedStorage",
    "switches": (
        "are_deterministic_algorithms_enabled compiled_with_cxx11_abi get_default_device get_deterministic_debug_mode "
        "get_float32_matmul_precision get_num_interop_threads is_deterministic_algorithms_warn_only_enabled "
        "is_vulkan_available is_warn_always_enabled set_default_tensor_type set_deterministic_debug_mode "
        "set_float32_matmul_precision set_num_interop_threads set_warn_always use_deterministic_algorithms"
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
FUNCTIONS.update({f"{word}Tensor": "typed" for word, dtype in TYPED.items() if hasattr(_rustgrad, dtype)})
