"""Every declaration against its own schema lines. A wrong name or type of an argument does not compile; what is left is
an argument that no call reads, which would be ignored without a word."""

from rustgrad import _rustgrad

# Arguments that change nothing here, and why.
WITHOUT_EFFECT = {
    "self": "the answer is one for all tensors",
    "layout": "tensors are strided",
    "pin_memory": "memory is not pinned",
    "isin.assume_unique": "it is a hint",
    "sort.stable": "equal entries always keep their order",
    "argsort.stable": "equal entries always keep their order",
    "non_blocking": "copies are ordered with what uses them",
    "memory_format": "sizes give the layout",
    "_stacklevel": "warnings name the caller's line",
    "cudnn_enable": "there is one kernel",
    "implicit": "of PyTorch's own use",
    "sparse_grad": "gradients are dense",
    "sparse": "gradients are dense",
    "norm_type": "belongs to max_norm, which is refused",
    "context": "NumPy's own",
    "return_scalar": "NumPy's own",
    "protocol": "tensors pickle alike in every protocol",
    "stable": "sorting is stable",
    "unique.sorted": "what is unique is in order",
    "assume_unique": "the way is the same",
    "max_pool2d_with_indices.return_indices": "the name says it",
}


def parameters(line):
    """The names of a schema line's parameters; `{options}` counts as one."""
    inside = line[line.index("(") + 1 : line.index(") ->")]
    depth, parts, start = 0, [], 0
    for i, c in enumerate(inside + ","):
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            parts.append(inside[start:i].strip())
            start = i + 1
    names = [p.split("=")[0].strip().rsplit(" ", 1)[-1] for p in parts if p and p != "*"]
    return ["options" if n == "{options}" else n for n in names]


def test_every_argument_is_read():
    described = _rustgrad._describe()
    for row in described["rows"] + described["natives"]:
        if row["reads"] == ["*"]:
            continue
        reads = {"self" if name == "input" else name for name in row["reads"]}
        for line in row["schema"]:
            for name in parameters(line):
                name = "self" if name == "input" else name
                own = f"{line.split('(')[0].rsplit('.', 1)[-1]}.{name}"
                known = name in reads or name in WITHOUT_EFFECT or own in WITHOUT_EFFECT
                assert known, f"no call reads {name}: {line}"


def test_every_row_has_samples():
    for row in _rustgrad._describe()["rows"]:
        assert row["samples"], row["schema"]
