"""What people print in notebooks: tensors, dtypes, sizes, devices, modules, classes, gradients, errors, pickles."""

import copy
import inspect
import pickle
import typing

import numpy as np
import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.modules.module import Module
from torch.nn.parameter import Parameter
from torch.utils.data.dataloader import DataLoader as Loader
from torch.utils.data.dataset import Dataset

print(torch.float32, torch.int64, [torch.bool], torch.strided, torch.contiguous_format)
print(torch.device("cpu"), repr(torch.device("cpu")), torch.device("cuda:1"), repr(torch.device("cuda", 1)))
print(torch.Size([2, 3]), torch.ones(2, 3).shape, torch.ones(2, 3).size())
print(torch.Tensor, torch.Size, torch.dtype, torch.device, torch.no_grad, torch.finfo)
print(nn.Linear, nn.Module, nn.Parameter, nn.Embedding, nn.LayerNorm, nn.MSELoss, nn.Sequential)
print(torch.optim.SGD, torch.optim.Adam, Loader, Dataset, torch.utils.data.RandomSampler)
print(Module is nn.Module, Parameter is nn.Parameter, Loader is torch.utils.data.DataLoader, Tensor is torch.Tensor)
print(torch.finfo(torch.float32), torch.iinfo(torch.int32))
print(torch.ones(2).type(), torch.LongTensor([1, 2]), isinstance(torch.ones(1), torch.FloatTensor))

x = torch.arange(6.0).reshape(2, 3)
print(x, x.double(), x.int(), x > 2, x.half()[0], torch.tensor(3.5), torch.tensor([]), sep="\n")
print(torch.max(x, dim=1))
print(x.min(dim=0).indices, type(x.max(dim=1)))
w = torch.tensor([1.0, 2.0], requires_grad=True)
y = (w * w).sum()
y.backward()
print(w, w.grad, y, y.grad_fn.name())
print(torch.from_numpy(np.arange(3, dtype=np.float32)), x.numpy().tolist())

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
print(model, model[0].weight, sep="\n")
print({name: tuple(value.shape) for name, value in model.state_dict().items()})
print(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))


class Wide(nn.Module):
    """A module of the program's own."""

    def __init__(self, size: int):
        super().__init__()
        self.inner = nn.ModuleList([nn.Linear(size, size, bias=False) for _ in range(2)])
        self.scale = nn.Parameter(torch.ones(size))
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor, times: "int" = 1) -> Tensor:
        for layer in self.inner:
            x = layer(x) * self.scale
        return x * times


print(Wide(2))
print(inspect.signature(Wide.forward), typing.get_type_hints(Wide.forward))
print(Wide.__module__, nn.Linear.__module__, nn.Linear.__qualname__, torch.typename(nn.Linear(1, 1)))

for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    wide = pickle.loads(pickle.dumps(Wide(2), protocol))
    made = pickle.loads(pickle.dumps((nn.Linear, torch.float16, torch.Size([1]), torch.device("cpu"), x), protocol))
    print(protocol, type(wide).__name__, made[:4], torch.equal(made[4], x) if hasattr(torch, "equal") else True)
print(copy.deepcopy(model)[0].bias.shape, copy.copy(x) is x)


def attempt(code):
    try:
        eval(code)
    except Exception as error:
        print(type(error).__name__, str(error).split("\n")[0])


attempt("torch.ones(2) + torch.ones(3)")
attempt("torch.ones(2, dtype=3)")
attempt("torch.zeros(2).view(3)")
attempt("torch.ones(2).nothing_of_that_name")
attempt("torch.nothing_of_that_name")
attempt("torch.finfo(torch.int32)")
attempt("torch.ones(3)[5]")
