"""Write `tests/utils/summaries.json`: the summaries of PyTorch's SummaryWriter, as hexadecimal bytes.

PYTHON_WITH_TORCH_AND_TENSORBOARD tests/golden/make_summaries.py
"""

import json
import sys
from pathlib import Path

import torch
from torch.utils.tensorboard import summary

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS / "utils"))

import summaries  # noqa: E402


def main():
    made = summaries.summaries(torch, summary)
    # Maps have no order of their own: it is that of their keys here.
    text = {name: value.SerializeToString(deterministic=True).hex() for name, value in made.items()}
    (TESTS / "utils" / "summaries.json").write_text(json.dumps(text, indent=0) + "\n")
    print(f"{len(text)} summaries")


if __name__ == "__main__":
    main()
