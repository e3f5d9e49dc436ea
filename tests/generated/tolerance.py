"""How far a value may lie from PyTorch's, by family and dtype: one table, and its reasons.

A tolerance `t` allows `|a - b| <= t * (|b| + scale)`, where `scale` is 1 for families that sum (cancellation leaves an
error of the size of the terms) and 1e-30 for the rest.
"""

# One rounding of the dtype, in relative terms.
ULP = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}

# Families that only move or round elements: bit for bit.
EXACT = {"reshape", "order", "window", "expand", "copy", "cast", "create", "random", "join", "index"}
EXACT |= {"diagonal", "cut", "rearrange", "stacks", "triangle", "pad", "nonzero", "masked", "entries"}
EXACT |= {"sort", "unique", "index_put"}

# Elementwise: our functions are within 3 ulp in float32 (on the GPU within 4, pow 4.5, as tests/gpu/test_wgpu_py.py
# bounds them, and an ulp more where a driver contracts or divides inexactly) and a few in float64, PyTorch's (SLEEF,
# libm) within 2. Halves round the float32 result once, so they may differ by one ulp.
# Gradients are products of up to three such values.
MAP = {"float16": 1.01, "bfloat16": 1.01, "float32": 8, "float64": 16}

# Sums of up to a few hundred terms in another order than PyTorch's, and softmax, norms, products made of them. In
# halves PyTorch rounds intermediate results that we keep in float32.
SUM = {"float16": 3, "bfloat16": 3, "float32": 32, "float64": 64}

# Special functions and losses: PyTorch's own are that far from the values in float32, and in float64 its trigamma and
# Bessel functions have ten digits; its second gradient of binary_cross_entropy adds 1e-12.
LOOSE = {"float16": 3, "bfloat16": 3, "float32": 64, "float64": 2**23}

# Inverses, factors and what is solved with them: errors grow with the condition of the samples' matrices, some of which
# is in the hundreds, and its square in derivatives.
SOLVED = {"float16": 3, "bfloat16": 3, "float32": 2**12, "float64": 2**16}

# Second gradients are sums of products of all of the above.
FACTOR = {"value": 1, "gradient": 4, "second": 16}


def tolerance(family, dtype, kind="value"):
    """The relative tolerance, and the scale that is added to the magnitude."""
    # Parts are held to what floats of their size are.
    dtype = {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
    if dtype not in ULP or (family in EXACT and kind == "value"):
        return 0.0, 0.0
    if family in SOLVERS:
        return SOLVED[dtype] * ULP[dtype] * FACTOR[kind], 1.0
    table = LOOSE if family in SPECIAL else SUM if family not in EXACT | MAPS else MAP
    return table[dtype] * ULP[dtype] * FACTOR[kind], 1e-30 if kind == "value" and table is MAP else 1.0


# The families of Map rows.
MAPS = {"unary", "binary", "compare", "bits", "activation", "power", "select", "composite", "rounding", "classify"}
MAPS |= {"complex", "exponential", "trigonometric", "rectifier", "pointwise"}

# Those of linear algebra.
SOLVERS = {"cholesky", "det", "eigen", "ldl", "lstsq", "lu", "matrix_exp", "pinv", "qr", "solve", "svd", "tensors"}

# Those of special functions.
SPECIAL = {"special", "bessel", "gamma", "incomplete", "windows", "polynomials", "losses", "margins"}
