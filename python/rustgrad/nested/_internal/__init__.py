"""The modules of PyTorch's that programs and files name nested tensors by."""
