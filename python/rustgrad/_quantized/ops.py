"""What ops do with quantized tensors: views, comparisons, functions that keep the scale."""

from .._parts import registering
from .._rustgrad import _library
from .._rustgrad.torch import cat as _dense_cat
from .dtypes import QDType, quint8
from .tensor import Quantized, functions, made, quantize_per_tensor, with_ints

__all__ = []


op = registering(functions)  # registers a function as what the ops of these names do


def _view(name):
    """The op `name`, which moves or picks elements, on the integers; channels stay where they are."""

    def view(self, *args, **kwargs):
        if self._axis is not None and name not in ("clone", "detach", "contiguous", "cpu", "cuda", "alias"):
            raise RuntimeError(f"{name}: only tensors that are quantized per tensor are viewed\nhint: x.dequantize()")
        y = getattr(self._q, name)(*args, **kwargs)
        return tuple(with_ints(self, part) for part in y) if isinstance(y, (tuple, list)) else with_ints(self, y)

    functions[name] = view


for _name in (
    "clone detach contiguous cpu cuda alias view reshape flatten unflatten permute transpose t squeeze unsqueeze "
    "select __getitem__ expand narrow chunk split unbind index_select repeat flip swapaxes movedim view_as T mT"
).split():
    _view(_name)


@op("T", "mT")
def _transposed(self):
    return with_ints(self, self._q.mT if self.dim() > 1 else self._q)


@op("flatten")
def _flatten(input, start_dim=0, end_dim=-1):
    return with_ints(input, input._q.flatten(start_dim, end_dim))


@op("relu", "relu_")
def _relu(input, inplace=False):
    return with_ints(input, input._q.clamp(min=input.q_zero_point()))


def _as_floats(name):
    """Pools and means: of the integers, rounded back to them."""

    def pooled(input, *args, **kwargs):
        from ..nn import functional

        f = getattr(functional, name, None)
        x = input.dequantize()
        y = f(x, *args, **kwargs) if f is not None else getattr(x, name)(*args, **kwargs)
        return quantize_per_tensor(y, input.q_scale(), input.q_zero_point(), input.dtype)

    functions[name] = pooled


for _name in (
    "max_pool1d max_pool2d avg_pool2d avg_pool3d adaptive_avg_pool2d adaptive_avg_pool3d mean interpolate "
    "clamp hardtanh relu6 leaky_relu gelu max min amax amin"
).split():
    _as_floats(_name)


def _fixed(name, scale, zero):
    """Functions whose results lie between known numbers, and have a scale of that."""

    def compute(input):
        return quantize_per_tensor(getattr(input.dequantize(), name)(), scale, zero, quint8)

    functions[name] = compute


_fixed("sigmoid", 1 / 256, 0)
_fixed("tanh", 2 / 256, 128)


@op("cat", "concat")
def _cat(tensors, dim=0):
    first = tensors[0]
    if all(isinstance(x, Quantized) and (x._scale, x._zero) == (first._scale, first._zero) for x in tensors):
        return with_ints(first, _dense_cat([x._q for x in tensors], dim))
    whole = _dense_cat([x.dequantize() for x in tensors], dim)
    return quantize_per_tensor(whole, first.q_scale(), first.q_zero_point(), first.dtype)


def _compared(name):
    def compare(self, other):
        a, b = (x.dequantize() if isinstance(x, Quantized) else x for x in (self, other))
        return getattr(a, name)(b)

    functions[name] = compare


for _name in "eq ne lt le gt ge __eq__ __ne__ __lt__ __le__ __gt__ __ge__".split():
    _compared(_name)


@op("equal")
def _equal(self, other):
    return isinstance(other, Quantized) and self.dtype is other.dtype and self.dequantize().equal(other.dequantize())


@op("type")
def _type(self, dtype=None):
    name = {"qint8": "QInt8", "quint8": "QUInt8", "qint32": "QInt32"}[self.dtype._name]
    return f"{_library()}.quantized.{name}Tensor"


@op("to", "float", "double", "half", "int", "long")
def _to(self, *args, **kwargs):
    wanted = [a for a in (*args, *kwargs.values()) if isinstance(a, QDType) or hasattr(a, "is_floating_point")]
    if not wanted and (args or kwargs):
        return made(self._q.to(*args, **kwargs), self._dtype, self._scale, self._zero, self._axis)
    raise RuntimeError(
        f"Creation of quantized tensor requires quantized dtype like {_library()}.quint8\n"
        "hint: x.dequantize() has the numbers"
    )


@op("empty_like", "zeros_like")
def _zeros_like(input, **_):
    return with_ints(input, input._q.new_full(input.shape, input.q_zero_point()))


@op("element_size")
def _element_size(self):
    return self._q.element_size()


@op("copy_")
def _copy_(self, src, non_blocking=False):
    if not isinstance(self, Quantized):
        return self.copy_(src.dequantize())
    if isinstance(src, Quantized):
        self._q.copy_(src._q)
        self._dtype, self._scale, self._zero, self._axis = src._dtype, src._scale, src._zero, src._axis
    else:
        self._q.copy_(quantize_per_tensor(src, self.q_scale(), self.q_zero_point(), self.dtype)._q)
    return self


@op("numpy", "__array__")
def _numpy(self, *_, **__):
    name = {"qint8": "QInt8", "quint8": "QUInt8", "qint32": "QInt32"}[self.dtype._name]
    raise TypeError(f"Got unsupported ScalarType {name}\nhint: x.int_repr().numpy() or x.dequantize().numpy()")


@op("tolist")
def _tolist(self):
    raise RuntimeError("load_scalar: invalid type\nhint: x.dequantize().tolist()")


@op("item")
def _item(self):
    return self.dequantize().item()
