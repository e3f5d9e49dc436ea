"""A ResNet on small colour images, read from files in CIFAR-10's published format.

    python -m rustgrad.as_torch examples/resnet.py [--epochs N] [--data FOLDER] [--out FOLDER]

K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition" (2015): the network of its section
4.2 with 8 layers. FOLDER holds `cifar-10-batches-bin` (or `-py`, or the archive), as A. Krizhevsky publishes it.
Without it the program draws images of ten shapes, writes them in the binary format (a byte for the class, then 32 x 32
bytes each of red, green and blue), and reads them back: what follows does not know the difference.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rustgrad.datasets import CIFAR10

SHAPES = "disc ring square frame diamond cross saltire rows columns squares".split()


def draw(shape, noise):
    """An image of a shape: somewhere, of some size, in two colours that differ, under noise. uint8 (3, 32, 32)."""
    centre, size = noise.uniform(11, 21, 2), noise.uniform(7, 11)
    y, x = (np.mgrid[:32, :32] - centre[:, None, None]) / size
    far, near = np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
    inside = {
        "disc": np.hypot(x, y) < 1,
        "ring": abs(np.hypot(x, y) - 0.8) < 0.2,
        "square": far < 0.9,
        "frame": abs(far - 0.75) < 0.2,
        "diamond": abs(x) + abs(y) < 1.15,
        "cross": (near < 0.25) & (far < 1),
        "saltire": (abs(abs(x) - abs(y)) < 0.35) & (far < 1),
        "rows": (np.sin(9 * y) > 0) & (far < 1),
        "columns": (np.sin(9 * x) > 0) & (far < 1),
        "squares": (np.sin(6 * x) * np.sin(6 * y) > 0) & (far < 1),
    }[shape]
    ground, paint = noise.uniform(0, 255, (2, 3, 1, 1))
    paint = np.where(abs(paint - ground).sum() < 150, (ground + 128) % 256, paint)
    image = np.where(inside, paint, ground) + noise.normal(0, 20, (3, 32, 32))
    return image.clip(0, 255).astype(np.uint8)


def write_images(root, count):
    """`count` images to train with, in five files, and a fifth as many for the test, as CIFAR-10's are."""
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "batches.meta.txt").write_text("\n".join(SHAPES) + "\n")
    noise = np.random.default_rng(0)
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        labels = noise.permutation(count // 5) % len(SHAPES)
        rows = [bytes([label]) + draw(SHAPES[label], noise).tobytes() for label in labels]
        (folder / name).write_bytes(b"".join(rows))
    print(f"drew {count} images and {count // 5} for the test: {folder}")


class Block(nn.Module):
    """Two convolutions, whose result is added to what came in: the layers only learn the difference."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.stride, self.more = stride, after - before

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        # Where the size changes: every second pixel, and zeros for the new channels (the paper's option A).
        x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(y + x)


class ResNet(nn.Module):
    """Images (batch, 3, 32, 32) in, logits (batch, 10) out."""

    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.stages = nn.Sequential(Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2))
        self.out = nn.Linear(4 * width, 10)

    def forward(self, x):
        x = self.stages(F.relu(self.norm(self.conv(x))))
        return self.out(x.mean(dim=(2, 3)))


def load(root, train):
    """(images, labels) of the files: float32 (n, 3, 32, 32) around 0, int64 (n,); and the classes' names."""
    files = CIFAR10(root, train=train)
    images = torch.from_numpy(files.data).permute(0, 3, 1, 2).float() / 127.5 - 1
    return TensorDataset(images.contiguous(), torch.tensor(files.targets)), files.classes


def train(model, data, epochs):
    """SGD with momentum, as in the paper, with a rate that rises and falls. Returns the loss of each batch."""
    loader = DataLoader(data, batch_size=32, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=epochs * len(loader))
    losses = []
    for epoch in range(1, epochs + 1):
        model.train()
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch:2d}   loss {sum(losses[-len(loader) :]) / len(loader):.4f}", flush=True)
    return losses


@torch.no_grad()
def predict(model, images):
    """The class of each image."""
    model.eval()
    return torch.cat([model(part).argmax(1) for part in images.split(100)])


def picture(path, losses, images, labels, guesses, names):
    """The loss of each batch beside test images, each with the class read in it; the misread ones first."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install matplotlib")
        return
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.5))
    left.subplots().plot(losses, color="#4f46e5", linewidth=0.8)
    left.suptitle("Cross entropy of each batch")
    order = torch.argsort((guesses == labels).int(), stable=True).tolist()
    for axes, i in zip(right.subplots(4, 8).flat, order):
        axes.imshow((images[i].permute(1, 2, 0) / 2 + 0.5).tolist())
        axes.set_title(names[guesses[i]], color="#059669" if guesses[i] == labels[i] else "#dc2626", fontsize=8, pad=2)
        axes.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"picture  {path}")


def main():
    parser = argparse.ArgumentParser(description="A ResNet on small colour images.")
    parser.add_argument("--epochs", type=int, default=5, help="passes over the images (default: 5)")
    parser.add_argument("--images", type=int, default=2000, help="how many to draw (default: 2000)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where CIFAR-10's files are (default: draw images)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="FOLDER", help="for what is written (default: out)"
    )
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.data is None:
        write_images(options.out, options.images)
    (learnt, names), (test, _) = (load(options.data or options.out, train) for train in (True, False))
    model = ResNet()
    print(f"{len(learnt)} images of {', '.join(names)}; {sum(p.numel() for p in model.parameters()):,} weights")
    start = time.perf_counter()
    losses = train(model, learnt, options.epochs)
    print(f"trained in {time.perf_counter() - start:.1f} s")
    images, labels = test.tensors
    guesses = predict(model, images)
    right = (guesses == labels).float().mean().item()
    print(f"of {len(labels)} images it has not seen it names {100 * right:.1f} % rightly; guessing, 10 %")
    picture(options.out / "resnet.png", losses, images, labels, guesses, names)


if __name__ == "__main__":
    main()
