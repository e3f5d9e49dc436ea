"""A training script as found in the wild: autocast and GradScaler by the words of a GPU, on a machine without one."""

import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import Function, once_differentiable
from torch.cuda.amp import GradScaler, autocast
from torch.utils.checkpoint import checkpoint

warnings.simplefilter("ignore")
torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
dtype = "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float16"
ptdtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[dtype]
print(device, dtype, ptdtype)


class Swish(Function):
    @staticmethod
    @custom_fwd(device_type="cuda")
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    @custom_bwd(device_type="cuda")
    @once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return grad * (s + x * s * (1 - s))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.block = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.25), nn.Linear(8, 8))
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        x = Swish.apply(self.first(x))
        x = x + checkpoint(self.block, x, use_reentrant=False)
        return self.last(x)


model = Net().to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = GradScaler(enabled=(dtype == "float16"))
x, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
print(scaler.is_enabled(), scaler.get_scale(), scaler.state_dict())
for step in range(5):
    optimizer.zero_grad(set_to_none=True)
    with autocast(enabled=False), torch.amp.autocast(device_type=device, enabled=False, dtype=ptdtype):
        loss = F.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    print(step, f"{loss.item():.5f} {norm.item():.5f}", scaler.get_scale())

with torch.inference_mode():
    out = model.eval()(x)
print(out.is_inference(), out.requires_grad, out.argmax(1).tolist())
out = out.clone()
with torch.autocast("cpu", dtype=torch.bfloat16):
    half = model(x)
    print(half.dtype, F.mse_loss(half, out).dtype, (half + out).dtype, torch.cat([half, out]).dtype)
print(torch.is_autocast_enabled(), torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu"))
