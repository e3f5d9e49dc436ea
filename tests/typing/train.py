"""An ordinary training script with annotations, as a user writes it: type checkers find no error in it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import rustgrad as torch
import rustgrad.nn.functional as F
from rustgrad import Tensor, nn, optim
from rustgrad.utils.data import DataLoader, Dataset, TensorDataset, random_split


class Digits(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, n: int) -> None:
        self.x = torch.randn(n, 64)
        self.y = torch.randint(0, 10, (n,))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[index], self.y[index]


class Net(nn.Module):
    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.drop = nn.Dropout(0.1)
        self.fc2 = nn.Linear(hidden, 10)
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("steps", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm(self.fc1(x)))
        out: Tensor = self.fc2(self.drop(h)) * self.scale
        return out


def evaluate(model: nn.Module, loader: DataLoader[tuple[Tensor, Tensor]], device: torch.device) -> float:
    model.eval()
    right = 0
    count = 0
    with torch.no_grad():
        for x, y in loader:
            scores = model(x.to(device))
            best = scores.max(1)
            right += int((best.indices == y.to(device)).sum().item())
            assert best.values.shape == y.shape
            count += y.numel()
    return right / max(count, 1)


def train(epochs: int = 1, lr: float = 1e-3, path: Path | None = None) -> list[float]:
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = Digits(64)
    first, second = random_split(data, [48, 16])
    loader = DataLoader(first, batch_size=16, shuffle=True)
    held = DataLoader(second, batch_size=16)
    model = Net().to(device)
    optimizer = optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    criterion = nn.CrossEntropyLoss()
    losses: list[float] = []
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        losses.append(evaluate(model, held, device))
    if path is not None:
        torch.save(model.state_dict(), path)
        state: dict[str, Any] = torch.load(path)
        model.load_state_dict(state)
    eps: float = torch.finfo(torch.float32).eps
    grads = torch.autograd.grad((model.fc1.weight**2).sum(), [model.fc1.weight])
    assert grads[0].norm().item() > eps or math.isnan(eps)
    values, indices = torch.topk(torch.arange(10.0), 3)
    pairs = TensorDataset(values, indices)
    first_pair: tuple[Tensor, ...] = pairs[0]
    assert len(first_pair) == 2
    y = torch.zeros(3, dtype=torch.float64).requires_grad_()
    print(y.shape[0:1], y.detach().numpy().shape, torch.gpu.is_available(), torch.get_default_dtype())
    return losses


if __name__ == "__main__":
    train()
