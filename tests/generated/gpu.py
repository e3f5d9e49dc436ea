"""What the generated tests know of the GPU beside its name: the dtypes that run there, what may still lack, and how
refusals differ from PyTorch's on the CPU.
"""

# One dtype for each type that kernels compute in, and one that is unpacked and rounded on the way: what the others
# change is the access to memory, which `tests/shaders.rs` translates and `tests/gpu/test_dtypes.py` runs. float64 does
# not exist there: `tests/gpu/test_device.py` reads the refusals.
GPU_DTYPES = ("float32", "float16", "int64", "int32", "bool")

# The words by which an op says that it has no kernel.
MISSING = "not implemented on the GPU"

# Rows that lack some kernel. A name that works fails its test: delete it then.
NOT_YET = """
function._standard_gamma function._standard_gamma_grad function._dirichlet_grad
linalg.cholesky linalg.cholesky_ex function.cholesky function.cholesky_solve function.cholesky_inverse linalg.det
function.det linalg.slogdet function.slogdet function.logdet linalg.eigh linalg.eigvalsh
linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve linalg.lstsq linalg.lu linalg.lu_factor linalg.lu_factor_ex
function.lu function.lu_unpack linalg.lu_solve function.lu_solve linalg.pinv function.pinverse
linalg.matrix_norm linalg.matrix_rank linalg.cond function.matrix_power
linalg.qr function.qr function.geqrf linalg.householder_product function.orgqr
function.ormqr linalg.inv function.inverse linalg.inv_ex linalg.solve linalg.solve_ex linalg.solve_triangular
function.triangular_solve linalg.svd linalg.svdvals function.svd linalg.tensorinv linalg.tensorsolve nn.ctc_loss
fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2 fft.irfft2 fft.hfft2 fft.ihfft2
fft.fftn fft.ifftn fft.rfftn fft.irfftn fft.hfftn fft.ihfftn function._fft_r2c function._fft_c2c function._fft_c2r
function.stft function.istft
function.igamma function.igammac function._scaled_dot_product_flash_attention_for_cpu
""".split()

# Families and dtypes that are refused for good: products and means of 64-bit integers, which only emulation could give.
REFUSED = {(family, "int64") for family in ("matmul", "conv", "conv_transpose", "einsum", "products", "average")}


def accepts(why, row, dtype, text, record, device):
    """Whether the GPU may refuse what PyTorch does on the CPU: float64, and what is refused for good."""
    if device == "cpu":
        return False
    if (row.family, dtype) in REFUSED and f"{dtype} is {MISSING}" in why:
        return True
    if any(f"{name} is not available on the GPU" in why for name in ("complex32", "complex64", "complex128")):
        return True
    if "float64 is not available on the GPU" not in why:
        return False
    made = any(dtype == "float64" for dtype, *_ in record.get("o", []))
    return made or "float64" in text or "double" in text


def reads_late(error):
    """Whether this is the report of a bad index, which may be of another class than PyTorch's on the CPU."""
    late = isinstance(error, (IndexError, RuntimeError))
    return late and "the GPU reports this when a result is read" in str(error)
