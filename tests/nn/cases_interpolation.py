"""`interpolate` in all modes, with its gradients, and the layers over it."""

import warnings

from support import Cases

CASES = Cases()

CALLS = {
    "nearest": ((2, 3, 5), {"size": 8}),
    "nearest_smaller": ((1, 2, 7, 9), {"size": (3, 4)}),
    "nearest_scaled": ((1, 2, 5, 6), {"scale_factor": 2}),
    "nearest_scaled_odd": ((1, 1, 7, 5), {"scale_factor": (1.7, 0.6)}),
    "nearest_exact": ((1, 2, 5, 6), {"size": (9, 4), "mode": "nearest-exact"}),
    "nearest_volume": ((1, 2, 3, 4, 5), {"scale_factor": 2.0}),
    "area": ((1, 2, 6, 7), {"size": (3, 2), "mode": "area"}),
    "area_scaled": ((1, 2, 6), {"scale_factor": 0.5, "mode": "area"}),
    "linear": ((2, 2, 5), {"size": 9, "mode": "linear"}),
    "linear_aligned": ((2, 2, 5), {"size": 9, "mode": "linear", "align_corners": True}),
    "bilinear": ((1, 2, 4, 5), {"size": (7, 3), "mode": "bilinear"}),
    "bilinear_scaled": ((1, 2, 4, 5), {"scale_factor": 1.7, "mode": "bilinear"}),
    "bilinear_recomputed": ((1, 2, 4, 5), {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}),
    "bilinear_aligned": ((1, 2, 4, 5), {"size": (8, 1), "mode": "bilinear", "align_corners": True}),
    "bilinear_antialiased": ((1, 2, 9, 11), {"size": (4, 5), "mode": "bilinear", "antialias": True}),
    "bicubic": ((1, 2, 4, 5), {"size": (7, 9), "mode": "bicubic"}),
    "bicubic_aligned": ((1, 2, 4, 5), {"scale_factor": 2, "mode": "bicubic", "align_corners": True}),
    "bicubic_antialiased": ((1, 2, 9, 11), {"size": (4, 13), "mode": "bicubic", "antialias": True}),
    "trilinear": ((1, 2, 3, 4, 5), {"size": (5, 3, 7), "mode": "trilinear"}),
    "same_size": ((1, 2, 4, 5), {"size": (4, 5), "mode": "bilinear"}),
    "nothing_given": ((1, 2, 4), {}),
    "both_given": ((1, 2, 4), {"size": 2, "scale_factor": 2}),
    "too_many_sizes": ((1, 2, 4), {"size": (2, 3)}),
    "float_size": ((1, 2, 4), {"size": 2.5}),
    "aligned_nearest": ((1, 2, 4), {"size": 2, "align_corners": True}),
    "wrong_rank": ((1, 2, 4), {"size": 2, "mode": "bilinear"}),
    "two_dims": ((2, 4), {"size": 2}),
    "no_mode": ((1, 2, 4), {"size": 2, "mode": "cubic"}),
    "empty": ((1, 2, 4, 4), {"size": (0, 2)}),
    "antialiased_nearest": ((1, 2, 4, 4), {"size": 2, "antialias": True}),
}


def _outcome(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__


def _resize(shape, options):
    def run(torch):
        n = 1
        for size in shape:
            n *= size
        x = (torch.arange(float(n)) * 0.37).sin().reshape(shape).requires_grad_()

        def call():
            y = torch.nn.functional.interpolate(x, **options)
            (y * torch.arange(float(y.numel())).reshape(y.shape).cos()).sum().backward()
            return y.detach(), y.stride(), x.grad

        return _outcome(call)

    return run


for name, (shape, options) in CALLS.items():
    CASES[name] = (_resize(shape, options), 2e-6, 2e-6)


@CASES.case(rtol=1e-6, atol=1e-6)
def float64(torch):
    x = torch.arange(20.0, dtype=torch.float64).sin().reshape(1, 1, 4, 5)
    return torch.nn.functional.interpolate(x, scale_factor=1.3, mode="bicubic")


@CASES.case()
def integers(torch):
    return torch.nn.functional.interpolate(torch.arange(6, dtype=torch.uint8).reshape(1, 1, 2, 3), size=(3, 5))


@CASES.case()
def images(torch):
    """Images of bytes are weighed in whole numbers, dim by dim."""
    x = (torch.arange(2 * 3 * 9 * 11) * 37 % 256).to(torch.uint8).reshape(2, 3, 9, 11)
    x[:, :, :2] = 255
    given = [{"size": (4, 13)}, {"size": (9, 5)}, {"scale_factor": 1.7}, {"size": (20, 3), "align_corners": True}]
    modes = [{"mode": mode, "antialias": smooth} for mode in ("bilinear", "bicubic") for smooth in (False, True)]
    results = [torch.nn.functional.interpolate(x, **options, **mode) for options in given for mode in modes]
    layout = x.contiguous(memory_format=torch.channels_last)
    results.append(torch.nn.functional.interpolate(layout, size=(5, 6), mode="bilinear"))
    return [(list(r.shape), r.stride(), r.flatten().long().sum().item(), r[0, 1].tolist()) for r in results]


@CASES.case()
def channels_last(torch):
    x = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    return torch.nn.functional.interpolate(x, scale_factor=2).stride()


@CASES.case(rtol=1e-6, atol=1e-6)
def layers(torch):
    nn = torch.nn
    made = [nn.Upsample(scale_factor=2), nn.Upsample(size=(3, 7), mode="bilinear"), nn.UpsamplingNearest2d(size=4)]
    made += [nn.UpsamplingBilinear2d(scale_factor=2), nn.Upsample(scale_factor=(2, 3), mode="bicubic")]
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    return [(repr(layer), layer(x)) for layer in made]


@CASES.case(rtol=1e-6, atol=1e-6)
def older_names(torch):
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f = torch.nn.functional
        results = f.upsample(x, scale_factor=2), f.upsample_nearest(x, 5), f.upsample_bilinear(x, (4, 4))
    return results, len(caught)
