"""A classifier of random images, written as PyTorch's examples are: arguments, device, loader, two phases."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(4 * 3 * 3, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        x = self.dropout(torch.flatten(x, 1))
        return F.log_softmax(self.fc2(self.norm(F.gelu(self.fc1(x)))), dim=1)


def train(model, device, loader, optimizer, epoch, log):
    model.train()
    for i, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if i % log == 0:
            done = 100.0 * i / len(loader)
            print(
                f"Train Epoch: {epoch} [{i * len(data)}/{len(loader.dataset)} ({done:.0f}%)]\tLoss: {loss.item():.4f}"
            )


@torch.no_grad()
def test(model, device, loader):
    model.eval()
    total, correct = 0.0, 0
    for data, target in loader:
        output = model(data.to(device))
        total += F.nll_loss(output, target.to(device), reduction="sum").item()
        correct += output.argmax(dim=1, keepdim=True).eq(target.view_as(output[:, :1])).sum().item()
    size = len(loader.dataset)
    print(f"\nTest set: Average loss: {total / size:.4f}, Accuracy: {correct}/{size} ({100.0 * correct / size:.0f}%)\n")


def main():
    parser = argparse.ArgumentParser(description="a classifier")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--no-cuda", action="store_true")
    args = parser.parse_args()
    use_cuda = not args.no_cuda and torch.cuda.is_available()
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    device = torch.device("cuda" if use_cuda else "cpu")
    images = torch.randn(200, 1, 8, 8)
    labels = (images.mean(dim=(1, 2, 3)) * 40).long() % 10
    trained, tested = random_split(TensorDataset(images, labels), [160, 40])
    loader = DataLoader(trained, batch_size=32, shuffle=True)
    model = torch.compile(Net(24).to(device), backend="eager")
    for kind in (optim.SGD, optim.Adam):
        optimizer = kind(model.parameters(), lr=args.lr)
        for epoch in range(1, args.epochs + 1):
            train(model, device, loader, optimizer, epoch, 2)
            test(model, device, DataLoader(tested, batch_size=20))
    print(sum(p.numel() for p in model.parameters() if p.requires_grad), "parameters")


if __name__ == "__main__":
    main()
