"""PyTorch's API and numbers in one small wheel: `import rustgrad as torch` is how programs start.

    import rustgrad as torch
    from rustgrad import nn

    x = torch.randn(64, 20)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 2))
    loss = nn.functional.cross_entropy(model(x), torch.randint(0, 2, (64,)))
    loss.backward()

Names, arguments, dtypes, random numbers and error messages are PyTorch's. Where to look:

- `help(torch.NAME)`, such as `help(torch.sum)` or `help(torch.Tensor.view)`: one function.
- `torch.nn`, `torch.nn.functional`, `torch.optim`, `torch.utils.data`: layers, losses, optimizers, loaders.
- `torch.gpu`: the GPU of any maker, `device="gpu"`. `torch.set_num_threads(n)`: the CPU's threads.
- `torch.save`, `torch.load`: PyTorch's files, safetensors and others.
- `python -m rustgrad.check FILE`: which of PyTorch's names a program uses that are not here yet.
- `python -m rustgrad.as_torch SCRIPT`: runs a PyTorch program unchanged.
"""

# Every op comes from the extension by star import; this file adds what is written in Python. Subpackages and numpy are
# imported when first used, so that importing the package stays cheap.

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from . import _rustgrad
from ._names.tensor import install as _install
from ._rustgrad import *
from ._rustgrad import __version__ as __version__
from ._rustgrad.torch import *
from .functional import einsum as einsum
from .functional import tensordot as tensordot
from .grad_mode import enable_grad as enable_grad
from .grad_mode import inference_mode as inference_mode
from .grad_mode import no_grad as no_grad
from .grad_mode import set_grad_enabled as set_grad_enabled
from .random import get_rng_state as get_rng_state
from .random import initial_seed as initial_seed
from .random import manual_seed as manual_seed
from .random import seed as seed
from .random import set_rng_state as set_rng_state
from .serialization import load as load
from .serialization import save as save

newaxis = None
_install()


TYPE_CHECKING = False  # typing is not imported for this alone
if TYPE_CHECKING:
    # What is loaded when first used (`_lazy.py`), for checkers: a name that is neither here nor above is an error.
    from . import _utils as _utils
    from . import accelerator as accelerator
    from . import amp as amp
    from . import ao as ao
    from . import array_api as array_api
    from . import autograd as autograd
    from . import backends as backends
    from . import compiler as compiler
    from . import cpu as cpu
    from . import cuda as cuda
    from . import datasets as datasets
    from . import distributed as distributed
    from . import distributions as distributions
    from . import export as export
    from . import fft as fft
    from . import func as func
    from . import futures as futures
    from . import fx as fx
    from . import gpu as gpu
    from . import hub as hub
    from . import jit as jit
    from . import library as library
    from . import linalg as linalg
    from . import masked as masked
    from . import mps as mps
    from . import mtia as mtia
    from . import multiprocessing as multiprocessing
    from . import nested as nested
    from . import nn as nn
    from . import onnx as onnx
    from . import ops as ops
    from . import optim as optim
    from . import overrides as overrides
    from . import profiler as profiler
    from . import quantization as quantization
    from . import quasirandom as quasirandom
    from . import return_types as return_types
    from . import signal as signal
    from . import sparse as sparse
    from . import special as special
    from . import storage as storage
    from . import testing as testing
    from . import torch_version as torch_version
    from . import types as types
    from . import utils as utils
    from . import version as version
    from . import xpu as xpu
    from ._higher_order_ops import cond as cond
    from ._higher_order_ops import while_loop as while_loop
    from ._lowrank import pca_lowrank as pca_lowrank
    from ._lowrank import svd_lowrank as svd_lowrank
    from ._methods import from_dlpack as from_dlpack
    from ._methods import from_file as from_file
    from ._methods import frombuffer as frombuffer
    from ._methods import hash_tensor as hash_tensor
    from ._methods import is_distributed as is_distributed
    from ._methods import is_nonzero as is_nonzero
    from ._methods import slice_inverse as slice_inverse
    from ._methods import to_dlpack as to_dlpack
    from ._quantized.dtypes import per_channel_affine as per_channel_affine
    from ._quantized.dtypes import per_channel_affine_float_qparams as per_channel_affine_float_qparams
    from ._quantized.dtypes import per_channel_symmetric as per_channel_symmetric
    from ._quantized.dtypes import per_tensor_affine as per_tensor_affine
    from ._quantized.dtypes import per_tensor_symmetric as per_tensor_symmetric
    from ._quantized.dtypes import qint8 as qint8
    from ._quantized.dtypes import qint32 as qint32
    from ._quantized.dtypes import qscheme as qscheme
    from ._quantized.dtypes import quint8 as quint8
    from ._quantized.fake import fake_quantize_per_channel_affine as fake_quantize_per_channel_affine
    from ._quantized.fake import fake_quantize_per_tensor_affine as fake_quantize_per_tensor_affine
    from ._quantized.tensor import dequantize as dequantize
    from ._quantized.tensor import quantize_per_channel as quantize_per_channel
    from ._quantized.tensor import quantize_per_tensor as quantize_per_tensor
    from ._quantized.tensor import quantize_per_tensor_dynamic as quantize_per_tensor_dynamic
    from ._rustgrad import Tensor as BFloat16Tensor
    from ._rustgrad import Tensor as BoolTensor
    from ._rustgrad import Tensor as ByteTensor
    from ._rustgrad import Tensor as CharTensor
    from ._rustgrad import Tensor as DoubleTensor
    from ._rustgrad import Tensor as FloatTensor
    from ._rustgrad import Tensor as HalfTensor
    from ._rustgrad import Tensor as IntTensor
    from ._rustgrad import Tensor as LongTensor
    from ._rustgrad import Tensor as ShortTensor
    from .amp import autocast as autocast
    from .amp.state import get_autocast_cpu_dtype as get_autocast_cpu_dtype
    from .amp.state import get_autocast_dtype as get_autocast_dtype
    from .amp.state import get_autocast_gpu_dtype as get_autocast_gpu_dtype
    from .amp.state import get_autocast_ipu_dtype as get_autocast_ipu_dtype
    from .amp.state import get_autocast_xla_dtype as get_autocast_xla_dtype
    from .amp.state import is_autocast_cpu_enabled as is_autocast_cpu_enabled
    from .amp.state import is_autocast_enabled as is_autocast_enabled
    from .amp.state import is_autocast_ipu_enabled as is_autocast_ipu_enabled
    from .amp.state import is_autocast_xla_enabled as is_autocast_xla_enabled
    from .amp.state import set_autocast_cpu_dtype as set_autocast_cpu_dtype
    from .amp.state import set_autocast_cpu_enabled as set_autocast_cpu_enabled
    from .amp.state import set_autocast_dtype as set_autocast_dtype
    from .amp.state import set_autocast_enabled as set_autocast_enabled
    from .amp.state import set_autocast_gpu_dtype as set_autocast_gpu_dtype
    from .amp.state import set_autocast_ipu_dtype as set_autocast_ipu_dtype
    from .amp.state import set_autocast_ipu_enabled as set_autocast_ipu_enabled
    from .amp.state import set_autocast_xla_dtype as set_autocast_xla_dtype
    from .amp.state import set_autocast_xla_enabled as set_autocast_xla_enabled
    from .autograd.anomaly_mode import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
    from .autograd.anomaly_mode import is_anomaly_enabled as is_anomaly_enabled
    from .autograd.anomaly_mode import set_anomaly_enabled as set_anomaly_enabled
    from .compiler import compile as compile
    from .cuda.streams import Event as Event
    from .cuda.streams import Stream as Stream
    from .func import vmap as vmap
    from .functional import histogramdd as histogramdd
    from .functional import unravel_index as unravel_index
    from .futures import Future as Future
    from .jit import ScriptFunction as ScriptFunction
    from .jit import ScriptModule as ScriptModule
    from .limits import finfo as finfo
    from .limits import iinfo as iinfo
    from .model_summary import summary as summary
    from .native import affine_grid_generator as affine_grid_generator
    from .native import frobenius_norm as frobenius_norm
    from .native import grid_sampler as grid_sampler
    from .native import grid_sampler_2d as grid_sampler_2d
    from .native import grid_sampler_3d as grid_sampler_3d
    from .native import native_batch_norm as native_batch_norm
    from .native import native_dropout as native_dropout
    from .native import native_dropout_backward as native_dropout_backward
    from .native import native_group_norm as native_group_norm
    from .native import native_layer_norm as native_layer_norm
    from .native import nuclear_norm as nuclear_norm
    from .native import segment_reduce as segment_reduce
    from .nn.functional import adaptive_avg_pool1d as adaptive_avg_pool1d
    from .nn.functional import channel_shuffle as channel_shuffle
    from .nn.functional import conv1d as conv1d
    from .nn.functional import conv3d as conv3d
    from .nn.functional import conv_transpose3d as conv_transpose3d
    from .nn.functional import max_pool1d as max_pool1d
    from .nn.functional import max_pool1d_with_indices as max_pool1d_with_indices
    from .nn.functional import max_pool3d as max_pool3d
    from .nn.functional import native_channel_shuffle as native_channel_shuffle
    from .nn.functional import pixel_shuffle as pixel_shuffle
    from .nn.functional import pixel_unshuffle as pixel_unshuffle
    from .nn.functional import rms_norm as rms_norm
    from .nn.native import adaptive_max_pool1d as adaptive_max_pool1d
    from .nn.native import alpha_dropout as alpha_dropout
    from .nn.native import alpha_dropout_ as alpha_dropout_
    from .nn.native import batch_norm as batch_norm
    from .nn.native import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
    from .nn.native import conv_tbc as conv_tbc
    from .nn.native import convolution as convolution
    from .nn.native import cosine_embedding_loss as cosine_embedding_loss
    from .nn.native import ctc_loss as ctc_loss
    from .nn.native import dropout_ as dropout_
    from .nn.native import embedding_bag as embedding_bag
    from .nn.native import feature_alpha_dropout as feature_alpha_dropout
    from .nn.native import feature_alpha_dropout_ as feature_alpha_dropout_
    from .nn.native import feature_dropout as feature_dropout
    from .nn.native import feature_dropout_ as feature_dropout_
    from .nn.native import group_norm as group_norm
    from .nn.native import gru as gru
    from .nn.native import gru_cell as gru_cell
    from .nn.native import hinge_embedding_loss as hinge_embedding_loss
    from .nn.native import instance_norm as instance_norm
    from .nn.native import kl_div as kl_div
    from .nn.native import lstm as lstm
    from .nn.native import lstm_cell as lstm_cell
    from .nn.native import margin_ranking_loss as margin_ranking_loss
    from .nn.native import norm_except_dim as norm_except_dim
    from .nn.native import poisson_nll_loss as poisson_nll_loss
    from .nn.native import rnn_relu as rnn_relu
    from .nn.native import rnn_relu_cell as rnn_relu_cell
    from .nn.native import rnn_tanh as rnn_tanh
    from .nn.native import rnn_tanh_cell as rnn_tanh_cell
    from .nn.native import triplet_margin_loss as triplet_margin_loss
    from .removed import eig as eig
    from .removed import lstsq as lstsq
    from .removed import matrix_rank as matrix_rank
    from .removed import solve as solve
    from .removed import symeig as symeig
    from .serialization.reader import PyTorchFileReader as PyTorchFileReader
    from .serialization.reader import PyTorchFileWriter as PyTorchFileWriter
    from .sparse.compressed import sparse_compressed_tensor as sparse_compressed_tensor
    from .sparse.compressed import sparse_csc_tensor as sparse_csc_tensor
    from .sparse.compressed import sparse_csr_tensor as sparse_csr_tensor
    from .sparse.coo import sparse_coo_tensor as sparse_coo_tensor
    from .sparse.products import hspmm as hspmm
    from .sparse.products import spmm as spmm
    from .storage import BFloat16Storage as BFloat16Storage
    from .storage import BoolStorage as BoolStorage
    from .storage import ByteStorage as ByteStorage
    from .storage import CharStorage as CharStorage
    from .storage import ComplexDoubleStorage as ComplexDoubleStorage
    from .storage import ComplexFloatStorage as ComplexFloatStorage
    from .storage import DoubleStorage as DoubleStorage
    from .storage import FloatStorage as FloatStorage
    from .storage import HalfStorage as HalfStorage
    from .storage import IntStorage as IntStorage
    from .storage import LongStorage as LongStorage
    from .storage import ShortStorage as ShortStorage
    from .storage import TypedStorage as TypedStorage
    from .storage import is_storage as is_storage
    from .switches import are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled
    from .switches import compiled_with_cxx11_abi as compiled_with_cxx11_abi
    from .switches import get_deterministic_debug_mode as get_deterministic_debug_mode
    from .switches import get_device_module as get_device_module
    from .switches import get_float32_matmul_precision as get_float32_matmul_precision
    from .switches import get_num_interop_threads as get_num_interop_threads
    from .switches import is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled
    from .switches import is_vulkan_available as is_vulkan_available
    from .switches import is_warn_always_enabled as is_warn_always_enabled
    from .switches import set_default_tensor_type as set_default_tensor_type
    from .switches import set_deterministic_debug_mode as set_deterministic_debug_mode
    from .switches import set_float32_matmul_precision as set_float32_matmul_precision
    from .switches import set_flush_denormal as set_flush_denormal
    from .switches import set_num_interop_threads as set_num_interop_threads
    from .switches import set_warn_always as set_warn_always
    from .switches import use_deterministic_algorithms as use_deterministic_algorithms
    from .symbols import SymBool as SymBool
    from .symbols import SymFloat as SymFloat
    from .symbols import SymInt as SymInt
    from .symbols import sym_float as sym_float
    from .symbols import sym_int as sym_int
    from .symbols import sym_ite as sym_ite
    from .symbols import sym_max as sym_max
    from .symbols import sym_min as sym_min
    from .symbols import sym_not as sym_not
    from .symbols import sym_sqrt as sym_sqrt
    from .symbols import sym_sum as sym_sum
else:

    def __getattr__(name: str):
        if (
            name.startswith("__") and name != "__config__"
        ):  # asked by the import machinery, before relative imports work
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        from ._lazy import FUNCTIONS, MODULES

        if name == "torch":  # PyTorch's package imports itself, and programs write `torch.torch.Tensor`
            return import_module(__name__)
        if name in MODULES:
            return import_module(f"rustgrad.{name}")
        if name == "Storage":  # of the default dtype, which may change
            return import_module("rustgrad.storage").of_default_dtype()
        if name.startswith("_foreach_"):
            return getattr(import_module("rustgrad.foreach"), name)
        if name in FUNCTIONS:
            value = getattr(import_module(f"rustgrad.{FUNCTIONS[name]}"), name)
            globals()[name] = value
            return value
        from ._names import attribute

        return attribute("torch", name)


def __dir__():
    from ._lazy import FUNCTIONS, MODULES

    return sorted({*globals(), *MODULES, *FUNCTIONS})


def broadcast_shapes(*shapes) -> "Size":
    """The shape that all shapes (sequences of sizes, or numbers) broadcast to."""
    from ._rustgrad.torch import _broadcast_shapes

    return _broadcast_shapes(shapes)


def typename(obj) -> str:
    """The qualified name of an object's type, or of a type: `rustgrad.FloatTensor` for a float32 tensor."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


if not TYPE_CHECKING:
    # What star import gives: all that is loaded by now. Subpackages come when they are asked for.
    __all__ = sorted(name for name in globals() if not name.startswith("_") and name != "TYPE_CHECKING")
    del TYPE_CHECKING
