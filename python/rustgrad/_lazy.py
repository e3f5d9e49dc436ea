"""Names of the package that are loaded when first used: submodules, and functions from them."""

from . import _rustgrad

__all__ = ["FUNCTIONS", "MODULES", "TYPED"]

MODULES = frozenset(
    "_C _VF __config__ _custom_ops _dynamo _functorch _higher_order_ops _inductor _jit_internal _lowrank _subclasses "
    "_tensor _tensor_str _utils _vmap_internals accelerator amp ao array_api as_torch autograd backends compiler cpu "
    "cuda datasets distributed distributions export fft func futures fx gpu hub jit library linalg masked mps mtia "
    "multiprocessing nested nn onnx ops optim overrides profiler quantization quasirandom return_types signal sparse "
    "special storage testing torch_version types utils version xpu".split()
)

_BY_MODULE = {
    "_rustgrad.torch": (
        "_dirichlet_grad _fft_c2c _fft_c2r _fft_r2c _sample_dirichlet _scaled_dot_product_flash_attention_for_cpu "
        "_standard_gamma _standard_gamma_grad"
    ),
    "_aten": "_log_softmax _softmax",
    "_quantized.dtypes": (
        "per_channel_affine per_channel_affine_float_qparams per_channel_symmetric per_tensor_affine "
        "per_tensor_symmetric qint32 qint8 qscheme quint8"
    ),
    "_quantized.fake": "fake_quantize_per_channel_affine fake_quantize_per_tensor_affine",
    "_quantized.tensor": "dequantize quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic",
    "_checks": (
        "_assert _assert_async _check _check_index _check_is_size _check_not_implemented _check_tensor_all "
        "_check_tensor_all_with _check_type _check_value _check_with _shape_as_tensor"
    ),
    "_higher_order_ops": "cond while_loop",
    "amp": "autocast",
    "amp.state": (
        "get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype get_autocast_ipu_dtype "
        "get_autocast_xla_dtype "
        "is_autocast_cpu_enabled is_autocast_enabled is_autocast_ipu_enabled is_autocast_xla_enabled "
        "set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled "
        "set_autocast_gpu_dtype "
        "set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype set_autocast_xla_enabled"
    ),
    "amp.unscale": "_amp_foreach_non_finite_check_and_unscale_ _amp_update_scale_",
    "autograd.anomaly_mode": "is_anomaly_check_nan_enabled is_anomaly_enabled set_anomaly_enabled",
    "func": "vmap",
    "_lowrank": "pca_lowrank svd_lowrank",
    "compiler": "compile",
    "jit": "ScriptFunction ScriptModule",
    "cuda.streams": "Event Stream",
    "limits": "finfo iinfo",
    "model_summary": "summary",
    "native": (
        "_aminmax _batch_norm_with_update _chunk_cat _int_mm _log_softmax_backward_data "
        "_native_batch_norm_legit _safe_softmax _segment_reduce _softmax_backward_data "
        "_unsafe_masked_index _unsafe_masked_index_put_accumulate _upsample_bicubic2d_aa "
        "_upsample_bilinear2d_aa _weight_norm affine_grid_generator frobenius_norm grid_sampler grid_sampler_2d "
        "grid_sampler_3d native_batch_norm native_dropout native_dropout_backward native_group_norm "
        "native_layer_norm nuclear_norm segment_reduce"
    ),
    "nn.functional": (
        "adaptive_avg_pool1d channel_shuffle conv1d conv3d conv_transpose3d max_pool1d max_pool1d_with_indices "
        "max_pool3d native_channel_shuffle pixel_shuffle pixel_unshuffle rms_norm"
    ),
    "nn.native": (
        "adaptive_max_pool1d alpha_dropout alpha_dropout_ batch_norm "
        "binary_cross_entropy_with_logits conv_tbc convolution cosine_embedding_loss ctc_loss dropout_ embedding_bag "
        "feature_alpha_dropout feature_alpha_dropout_ feature_dropout feature_dropout_ group_norm "
        "gru gru_cell hinge_embedding_loss instance_norm kl_div lstm lstm_cell margin_ranking_loss "
        "norm_except_dim poisson_nll_loss rnn_relu rnn_relu_cell rnn_tanh "
        "rnn_tanh_cell triplet_margin_loss"
    ),
    "_methods": "from_dlpack from_file frombuffer hash_tensor is_distributed is_nonzero slice_inverse to_dlpack",
    "functional": "histogramdd unravel_index",
    "removed": "eig lstsq matrix_rank solve symeig",
    "storage": "TypedStorage is_storage",
    "sparse.compressed": "sparse_compressed_tensor sparse_csc_tensor sparse_csr_tensor",
    "sparse.coo": "sparse_coo_tensor",
    "sparse.products": "hspmm spmm",
    "futures": "Future",
    "serialization.reader": "PyTorchFileReader PyTorchFileWriter",
    "symbols": "SymBool SymFloat SymInt sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum",
    "switches": (
        "are_deterministic_algorithms_enabled compiled_with_cxx11_abi get_deterministic_debug_mode "
        "get_device_module get_float32_matmul_precision get_num_interop_threads "
        "is_deterministic_algorithms_warn_only_enabled "
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
