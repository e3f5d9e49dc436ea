"""PyTorch's names of what stands in files, and ours: both ways.

A class is written under the name it has in PyTorch, so that PyTorch opens the file, and read by the same name.
"""

from types import BuiltinFunctionType

from .. import _rustgrad

__all__ = ["dtype_named", "inward", "outward", "storage_name"]

# The file of torch.nn.modules that defines each layer, where ours lies in another one or may.
_LAYERS = {
    "activation": (
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish "
        "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus "
        "Softshrink Softsign Tanh Tanhshrink Threshold"
    ),
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": ("BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm"),
    "channelshuffle": "ChannelShuffle",
    "container": "Container ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": (
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d "
        "LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d"
    ),
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": (
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d"
    ),
    "linear": "Bilinear Identity LazyLinear Linear",
    "loss": (
        "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss "
        "HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss MSELoss MarginRankingLoss MultiLabelMarginLoss "
        "MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss "
        "SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss"
    ),
    "module": "Module",
    "normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": (
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
        "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d "
        "ZeroPad2d ZeroPad3d"
    ),
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": (
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
        "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d "
        "LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d"
    ),
    "rnn": "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase",
    "sparse": "Embedding EmbeddingBag",
    "transformer": (
        "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer"
    ),
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}
_OPTIMIZERS = (
    "ASGD Adadelta Adagrad Adam AdamW Adamax LBFGS NAdam RAdam RMSprop Rprop SGD SparseAdam Optimizer Adafactor Muon"
)

# The storage class that PyTorch names in files of each dtype. The others are written as bytes with their dtype beside.
_STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex128": "ComplexDoubleStorage",
    "complex64": "ComplexFloatStorage",
}
_STORAGE_DTYPES = {storage: dtype for dtype, storage in _STORAGES.items()}
_QUANTIZED = ("QInt8Storage", "QInt32Storage", "QUInt8Storage", "QUInt2x4Storage", "QUInt4x2Storage")
# What PyTorch has, and we lack so far.
_DTYPES = frozenset(
    (
        "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex128 complex64 complex32 "
        "uint16 uint32 uint64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu "
        "float4_e2m1fn_x2 bits8 bits16 bits1x8 bits2x4 bits4x2 qint8 qint32 quint8 quint2x4 quint4x2"
    ).split()
)


def short_name(dtype) -> str:
    """`float32` of `rustgrad.float32`."""
    return str(dtype).rpartition(".")[2]


def dtype_named(name: str):
    """The dtype of this name, for tensors; NotImplementedError where only PyTorch has tensors of it."""
    found = getattr(_rustgrad, name, None)
    if not isinstance(found, _rustgrad.dtype) or name.startswith(("float8_", "float4_")):
        raise NotImplementedError(f"load: the file holds tensors of dtype torch.{name}, which rustgrad does not have")
    return found


def storage_name(dtype) -> str | None:
    """PyTorch's storage class for tensors of this dtype; None where it has none."""
    return _STORAGES.get(short_name(dtype))


class StorageType:
    """Stands for a storage class of PyTorch, such as `torch.FloatStorage`, while a file is read."""

    def __init__(self, dtype: str | None):
        self._dtype = dtype

    def dtype(self):
        """The dtype of its elements; uint8 where the class has none."""
        return dtype_named(self._dtype or "uint8")


_nn: dict[str, str] = {}


def _layer_files() -> dict[str, str]:
    """Class name -> file of torch.nn.modules."""
    if not _nn:
        _nn.update((name, file) for file, names in _LAYERS.items() for name in names.split())
    return _nn


def _optimizer_file(name: str) -> str:
    return "sparse_adam" if name == "SparseAdam" else "_" * (name in ("Adafactor", "Muon")) + name.lower()


def _rest(module: str) -> str | None:
    """What follows the library's own name in that of a module; None for modules of others.

    A program that runs as PyTorch's sees the library's classes under that name.
    """
    for own in ("rustgrad", "torch"):
        if module == own:
            return ""
        if module.startswith(own + "."):
            return module[len(own) + 1 :]
    return None


_PLAIN = {
    "Size": "torch",
    "Tensor": "torch",
    "device": "torch",
    "dtype": "torch",
    "layout": "torch",
    "memory_format": "torch",
    "Generator": "torch._C",
    "UntypedStorage": "torch.storage",
    "TypedStorage": "torch.storage",
    "Parameter": "torch.nn.parameter",
    "Buffer": "torch.nn.parameter",
}
_RENAMED = {
    "StateDict": ("collections", "OrderedDict"),
    "HookDict": ("collections", "OrderedDict"),
    "IncompatibleKeys": ("torch.nn.modules.module", "_IncompatibleKeys"),
}


def outward(obj, name: str | None = None) -> tuple[str, str] | None:
    """The module and name under which PyTorch knows a class, function or singleton of this library.

    None for what is not of this library. `name` is that of a singleton, such as a dtype.
    """
    module = getattr(obj, "__module__", None) or getattr(type(obj), "__module__", "")
    rest = _rest(module)
    if rest is None:
        return None
    if isinstance(obj, (_rustgrad.dtype, _rustgrad.layout, _rustgrad.memory_format)):
        return "torch", name or short_name(obj)
    name = name or (obj.__name__ if isinstance(obj, BuiltinFunctionType) else obj.__qualname__)
    if name in _RENAMED:
        return _RENAMED[name]
    if name in _PLAIN and isinstance(obj, type):
        return _PLAIN[name], name
    if rest.startswith("nn.modules") or rest == "nn.module":
        file = _layer_files().get(name)
        return f"torch.nn.modules.{file or rest.removeprefix('nn.').removeprefix('modules.')}", name
    if rest.startswith("optim.") and name in _OPTIMIZERS.split():
        return f"torch.optim.{_optimizer_file(name)}", name
    if rest.startswith("_rustgrad"):  # functions of the extension
        rest = rest.removeprefix("_rustgrad").removeprefix(".").removeprefix("torch")
        rest = {"nn": "nn.functional"}.get(rest, rest)
    return f"torch.{rest}" if rest else "torch", name


def inward(module: str, name: str):
    """What PyTorch's name of a layer, optimizer, dataset or function means here; None if nothing.

    Only names that the library shows are found: no module is imported because a file names it.
    """
    import rustgrad

    parts = module.split(".")
    if parts[0] not in ("torch", "rustgrad") or name.startswith("__") or "." in name:
        return None
    path = ".".join(parts[1:])
    if path.startswith("nn.modules.") or path in ("nn.modules", "nn"):
        if name == "_IncompatibleKeys":
            from ..nn.state import IncompatibleKeys

            return IncompatibleKeys
        # The projection inside of MultiheadAttention is the one layer that `nn` itself does not show.
        place = rustgrad.nn.modules.linear if name == "NonDynamicallyQuantizableLinear" else rustgrad.nn
    elif path == "optim.lr_scheduler":
        place = getattr(rustgrad.optim, "lr_scheduler", None)
    elif path == "optim" or path.startswith("optim."):
        place = rustgrad.optim
    elif path == "nn.functional":
        place = rustgrad.nn.functional
    elif path == "return_types":
        place = rustgrad.return_types
    elif path == "utils.data" or path.startswith("utils.data."):
        place = rustgrad.utils.data
    elif path == "":
        place = rustgrad
    else:
        return None
    found = getattr(place, name, None)
    owner = getattr(found, "__module__", None) or getattr(type(found), "__module__", "")
    return found if callable(found) and _rest(owner) is not None else None
