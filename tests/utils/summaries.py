"""Calls whose summaries are PyTorch's, byte for byte: `tests/golden/make_summaries.py` runs them on PyTorch."""

import numpy as np


def summaries(torch, s):
    """Each name with the Summary, or Summaries, that the module `s` makes."""
    x = torch.arange(-50.0, 50.0) / 7
    labels, odds = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.6, 1.0])
    points = torch.tensor([[[1, 1, 1], [-1, -1, 1], [1, -1, -1.0]]])
    layout = {"c": {"t": ["Multiline", ["a", "b"]], "u": ["Margin", ["a", "b", "c"]]}, "d": {}}
    metrics = {"accuracy": 0.5, "loss": torch.tensor(3.0)}
    made = {
        "scalar": s.scalar("a/b", torch.tensor([[1.5]])),
        "scalar_zero": s.scalar("a", 0),
        "scalar_new": s.scalar("é", np.float32(0.1), new_style=True),
        "scalar_double": s.scalar("a", 0.1, new_style=True, double_precision=True),
        "histogram": s.histogram("h", x, [-1e3, -7.5, -1, 0, 0.5, 1e3, 1e4]),
        "histogram_auto": s.histogram("h", x.numpy(), "auto"),
        "histogram_joined": s.histogram("h", x, 31, max_bins=7),
        "histogram_inner": s.histogram("h", torch.tensor([3, 4, 4]), [0, 1, 2, 3, 4, 5, 6]),
        "histogram_raw": s.histogram_raw("h", -1.0, 2.0, 5, 0, 3.5, [0.0, 1.0, 2.0], [1, 2, 2]),
        "audio": s.audio("a", torch.tensor([0.0, 1.0, -1.0, 0.5]), 8000),
        "text": s.text("t", "# a *text* é"),
        "custom_scalars": s.custom_scalars(layout),
        "pr_curve": s.pr_curve("p", labels, odds, 7, np.array([1.0, 2, 1, 1, 1])),
        "pr_curve_raw": s.pr_curve_raw("p", *[np.array([0.5, 2.0, 3.0])] * 6, num_thresholds=200),
        "mesh": s.mesh("m", points, (points * 100).to(torch.int32), torch.tensor([[[0, 1, 2]]]), {"b": 1, "a": {}}),
        "points": s.mesh("m", points, None, None, None, "name", "text"),
    }
    # One each: several are written in any order.
    hparams = {"text": "adam", "number": 3, "float": 0.1, "flag": True, "none": None, "tensor": torch.tensor([2.5])}
    domains = {"text": {"text": ["adam", "sgd"]}, "number": {"number": [1, 2]}}
    for name, value in hparams.items():
        made[f"experiment_{name}"], made[f"start_{name}"], made["session_end"] = s.hparams(
            {name: value}, metrics, domains.get(name)
        )
    for name in ("float32", "float64", "int32", "int64", "bool"):
        made[f"tensor_{name}"] = s.tensor_proto("t", torch.tensor([[1, 0, -2]]).to(getattr(torch, name)))
    made["tensor_of_no_dims"] = s.tensor_proto("t", torch.tensor(2.5))
    return made
