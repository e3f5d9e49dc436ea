"""Lazy modules: those whose parameters take their shapes from the first input."""

from ..._rustgrad import _set_grad_enabled
from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .module import Module as Base  # what the mixin stands in front of
else:
    Base = object


class LazyModuleMixin(Base):
    """Base of lazy modules, in front of Module: `class LazyLinear(LazyModuleMixin, Linear)`.

    Subclasses register UninitializedParameters and define `initialize_parameters`, which materialises them from the
    arguments of the first call. With that call the module becomes a plain `cls_to_become`. Its weights are drawn then,
    so after those of modules that were made before the call.
    """

    cls_to_become: type | None = None

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args, **kwargs):
        """Materialise parameters and buffers for a call with these arguments. Every lazy class defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of this module has no shape yet."""
        return any(is_lazy(x) for x in [*self._parameters.values(), *self._buffers.values()])

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        unsaved = self._non_persistent_buffers_set
        for members in (self._parameters, self._buffers):
            for name, value in members.items():
                if value is not None and name not in unsaved:
                    destination[prefix + name] = value if is_lazy(value) or keep_vars else value.detach()

    def _lazy_load_hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """Give members without a shape that of the tensor they are about to be loaded from."""
        outer = _set_grad_enabled(False)
        try:
            for name, value in [*self._parameters.items(), *self._buffers.items()]:
                given = state_dict.get(prefix + name)
                if is_lazy(value) and given is not None and not is_lazy(given):
                    value.materialize(given.shape)
        finally:
            _set_grad_enabled(outer)

    def _infer_parameters(self, module, args, kwargs=None):
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        for handle in ("_initialize_hook", "_load_hook"):
            getattr(module, handle).remove()
            delattr(module, handle)
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become
