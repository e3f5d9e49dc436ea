"""Settings of PyTorch's tracer of gradients, with its defaults: kept, and without effect."""

activation_memory_budget = 1.0
ban_recompute_used_far_apart = True
debug_partitioner = False
donated_buffer = True
enable_autograd_cache = True
fake_tensor_propagate_real_tensors = False
functionalize_rng_ops = False
