"""Mistakes that type checkers find."""

import rustgrad as torch
from rustgrad import nn

torch.nope  # wrong
nn.Nope  # wrong
torch.ones(2).nope()  # wrong
torch.ones(2, dtype="float32")  # wrong
torch.max(torch.ones(2, 2), 0).value  # wrong
