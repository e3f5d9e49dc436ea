"""Settings of PyTorch's compiler: kept, and without effect."""

assume_static_by_default = True
automatic_dynamic_shapes = True
cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
capture_dynamic_output_shape_ops = False
capture_scalar_outputs = False
disable = False
dynamic_shapes = True
log_level = None
optimize_ddp = True
suppress_errors = False
verbose = False
