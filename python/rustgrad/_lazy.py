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
    "nn.functional": (
        "adaptive_avg_pool1d channel_shuffle conv1d conv3d conv_transpose3d max_pool1d max_pool1d_with_indices "
        "max_pool3d native_channel_shuffle pixel_shuffle pixel_unshuffle rms_norm"
    ),
    "nn.native": (
        "adaptive_max_pool1d affine_grid_generator alpha_dropout alpha_dropout_ batch_norm "
        "binary_cross_entropy_with_logits conv_tbc convolution cosine_embedding_loss ctc_loss dropout_ embedding_bag "
        "feature_alpha_dropout feature_alpha_dropout_ feature_dropout feature_dropout_ grid_sampler group_norm "
        "gru gru_cell hinge_embedding_loss instance_norm kl_div lstm lstm_cell margin_ranking_loss "
        "native_group_norm native_layer_norm norm_except_dim poisson_nll_loss rnn_relu rnn_relu_cell rnn_tanh "
        "rnn_tanh_cell triplet_margin_loss"
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
