"""A loop that carries values."""

__all__ = ["while_loop"]


def while_loop(cond_fn, body_fn, carried_inputs):
    """The values of `carried_inputs` after `body_fn`, which gives the next ones, has run while `cond_fn` of them holds.

    RuntimeError for what cannot be called, and for carried values that are no tuple or list.
    """
    if not callable(cond_fn):
        raise RuntimeError("Expect cond_fn to be callable.")
    if not callable(body_fn):
        raise RuntimeError("Expect body_fn to be callable.")
    if not isinstance(carried_inputs, (tuple, list)):
        raise RuntimeError(
            f"Expect carried_inputs to be a tuple of possibly nested dict/list/tuple, but got {carried_inputs}."
        )
    carried = tuple(carried_inputs)
    while cond_fn(*carried):
        carried = body_fn(*carried)
        if not isinstance(carried, tuple):
            raise RuntimeError(f"body_fn should return a tuple but got {type(carried)}")
        if len(carried) != len(carried_inputs):
            raise RuntimeError(
                f"body_fn should return the same number of elements as carried_inputs, {len(carried_inputs)}, but got "
                f"{len(carried)}"
            )
    return carried
