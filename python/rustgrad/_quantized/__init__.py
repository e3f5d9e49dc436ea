"""Quantized tensors: integers with a scale. What models of them are made of stands in `ao`."""
