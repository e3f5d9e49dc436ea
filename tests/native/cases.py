"""PyTorch's native names: what has no public name, and public ops under the names and signatures of aten."""

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _x(torch, *shape, dtype=None):
    count = 1
    for n in shape:
        count *= n
    return ((torch.arange(count) * 37 % 19) / 7 - 1).reshape(shape).to(dtype or torch.float64)


@case(rtol=1e-12, atol=1e-12)
def segments(torch):
    x, lengths = _x(torch, 6), torch.tensor([2, 0, 3, 1])
    found = {}
    for how in ("sum", "mean", "max", "min", "prod"):
        found[how] = torch.segment_reduce(x, how, lengths=lengths)
        found[f"{how} initial"] = torch.segment_reduce(x, how, lengths=lengths, initial=0.5)
        found[f"{how} offsets"] = torch.segment_reduce(x, how, offsets=torch.tensor([0, 2, 2, 5, 6], dtype=torch.int32))
        found[f"{how} matrix"] = torch.segment_reduce(_x(torch, 3, 2), how, lengths=torch.tensor([1, 2]))
        found[f"{how} batch"] = torch.segment_reduce(
            _x(torch, 2, 3), how, lengths=torch.tensor([[1, 2], [0, 3]]), axis=1
        )
        found[f"{how} unsafe"] = torch.segment_reduce(x, how, lengths=torch.tensor([2, 1]), unsafe=True)
        leaf = _x(torch, 6).requires_grad_()
        torch.segment_reduce(leaf, how, lengths=lengths, initial=1).sum().backward()
        found[f"{how} gradient"] = leaf.grad
    return found


@case()
def segments_refuse(torch):
    x = _x(torch, 6)
    return [
        raised(torch.segment_reduce, x, "other", lengths=torch.tensor([6])),
        raised(torch.segment_reduce, x, "sum"),
        raised(torch.segment_reduce, x, "sum", indices=torch.tensor([0])),
        raised(torch.segment_reduce, x, "sum", lengths=torch.tensor([2])),
        raised(torch.segment_reduce, x, "sum", lengths=torch.tensor([7, -1])),
        raised(torch.segment_reduce, x.reshape(3, 2), "sum", lengths=torch.tensor([[3]])),
        raised(torch.segment_reduce, x, "sum", lengths=torch.tensor([6.0])),
        raised(torch.segment_reduce, x.long(), "sum", lengths=torch.tensor([6])),
    ]


@case(rtol=1e-10, atol=1e-10)
def norms(torch):
    x, w, b = _x(torch, 3, 2, 4), torch.tensor([1.5, -0.5]).double(), torch.tensor([0.25, 1.0]).double()
    mean, var = torch.zeros(2).double(), torch.ones(2).double()
    aten = torch.ops.aten
    return [
        torch._native_batch_norm_legit(x, w, b, mean, var, True, 0.1, 1e-5),
        [mean, var],
        torch._native_batch_norm_legit(x, w, b, True, 0.1, 1e-5),
        torch._native_batch_norm_legit(x, None, None, mean, var, False, 0.1, 1e-5),
        torch.native_batch_norm(x, w, b, None, None, True, 0.1, 1e-5),
        aten._batch_norm_with_update.default(x, w, b, mean, var, 0.2, 1e-5)[:3],
        [mean, var],
        torch.native_layer_norm(x, (2, 4), None, None, 1e-5),
        torch.native_group_norm(x, w, b, 3, 2, 4, 2, 1e-5),
    ]


@case(rtol=1e-10, atol=1e-10)
def softmaxes(torch):
    x, g = _x(torch, 2, 3), _x(torch, 2, 3).flip(0)
    inf = float("inf")
    return [
        torch._softmax_backward_data(g, x.softmax(1), 1, torch.float64),
        torch._log_softmax_backward_data(g, x.log_softmax(0), 0, torch.float64),
        torch.ops.aten._safe_softmax.default(torch.tensor([[1.0, 2.0], [-inf, -inf]]).double(), -1),
    ]


@case(rtol=1e-10, atol=1e-10)
def grids(torch):
    image, volume = _x(torch, 1, 2, 3, 4), _x(torch, 1, 1, 2, 3, 2)
    return [
        torch.grid_sampler_2d(image, _x(torch, 1, 2, 2, 2), 0, 1, True),
        torch.grid_sampler(image, _x(torch, 1, 2, 2, 2), 2, 0, False),
        torch.grid_sampler_3d(volume, _x(torch, 1, 2, 1, 2, 3), 1, 2, False),
        torch.affine_grid_generator(_x(torch, 1, 2, 3), [1, 1, 2, 2], False),
        torch.ops.aten._upsample_bilinear2d_aa(image, [2, 3], False),
        torch.ops.aten._upsample_bicubic2d_aa(image, [2, 3], True),
        torch.ops.aten._upsample_bilinear2d_aa(image, None, False, scale_factors=[1.7, 0.9]),
    ]


@case()
def parts(torch):
    x = _x(torch, 3, 2)
    index = torch.tensor([0, 99, 2])
    return [
        torch._chunk_cat([x, _x(torch, 5, 2)], 0, 2),
        torch._chunk_cat([x, _x(torch, 3, 4)], 1, 3),
        raised(torch._chunk_cat, [], 0, 2),
        raised(torch._chunk_cat, [x], 0, 0),
        torch._unsafe_masked_index(x, torch.tensor([True, False, True]), [index, torch.tensor([1, 7, 0])], 0.5),
        torch._unsafe_masked_index_put_accumulate(
            x, torch.tensor([True, False, True]), [index, torch.tensor([1, 7, 0])], x[:, 0]
        ),
        torch.native_dropout(x, 0.5, False),
        torch.ops.aten.native_dropout_backward(x, x > 0, 2.0),
    ]


@case()
def names_of_aten_alone(torch):
    x, aten = _x(torch, 3, 4), torch.ops.aten
    image = _x(torch, 1, 2, 4, 4)
    y, places = torch.nn.functional.max_pool2d(image, 2, return_indices=True)
    alias = aten.alias(x)
    return [
        alias.data_ptr() == x.data_ptr(),
        aten.slice(x, 1, 1, -1, 2),
        aten.slice.Tensor(x, 0, None, 2).stride(),
        aten.slice(x, -1),
        raised(aten.slice, x, 0, 0, 2, 0),
        aten.max_pool2d_with_indices_backward(y, image, [2, 2], [2, 2], [0, 0], [1, 1], False, places),
    ]


@case(rtol=1e-6)
def ranking_of_broadcast_tensors(torch):
    x, y = _x(torch, 3, 4), _x(torch, 3, 4).flip(0)
    return [torch.margin_ranking_loss(x, y, torch.tensor([1.0, -1.0, 1.0, 1.0]), 0.1, how) for how in (0, 1, 2)]
