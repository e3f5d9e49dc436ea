"""`python -m rustgrad.demo`: a small convolutional network learns to read handwritten digits.

Prints what it does, writes a picture and the weights, and ends with the accuracy on images it has not seen.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import rustgrad as torch
from rustgrad import nn
from rustgrad.datasets import digits
from rustgrad.nn import functional as F
from rustgrad.utils.data import DataLoader, TensorDataset

BATCH = 64


class DigitNet(nn.Module):
    """Two convolutions and two linear layers: 8x8 images in, ten logits out."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.3)
        self.hidden = nn.Linear(32 * 4 * 4, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.drop(x.flatten(1))
        return self.out(F.relu(self.hidden(x)))


def split(images, labels):
    """(training images, labels), (test images, labels). A fixed fifth is for the test, whatever the seed."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held = -(-len(labels) // 5)
    return [(images.index_select(0, part), labels.index_select(0, part)) for part in (order[held:], order[:held])]


def progress(total):
    """tqdm's bar, or None where tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        print("no progress bar: pip install tqdm")
        return None
    return tqdm(total=total, unit="batch", dynamic_ncols=True)


def train(model, data, epochs, device):
    """Adam on cross entropy. Returns the loss of every batch."""
    loader = DataLoader(TensorDataset(*data), batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    bar = progress(epochs * len(loader))
    losses = []
    model.train()
    for epoch in range(epochs):
        for images, labels in loader:
            loss = F.cross_entropy(model(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if bar is not None:
                bar.update()
        recent = sum(losses[-len(loader) :]) / len(loader)
        if bar is not None:
            bar.set_postfix(epoch=epoch + 1, loss=f"{recent:.4f}")
        else:
            print(f"epoch {epoch + 1:3d}   loss {recent:.4f}")
    if bar is not None:
        bar.close()
    return losses


@torch.no_grad()
def predict(model, images, device):
    """The digit the model reads in each image."""
    model.eval()
    return model(images.to(device)).argmax(dim=1).cpu()


def picture(path, losses, images, labels, guesses, accuracy):
    """The loss of each batch beside a grid of test images, each with the digit read in it. False without matplotlib."""
    try:
        from matplotlib.figure import Figure  # pyright: ignore[reportMissingImports]  # an optional extra
    except ImportError:
        print("no picture: pip install matplotlib")
        return False
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    axes = left.subplots()
    axes.plot(losses, color="#4f46e5", linewidth=0.8)
    axes.set(title="Training loss", xlabel="batch", ylabel="cross entropy", yscale="log")
    axes.grid(alpha=0.3)
    # The misread ones first: they are what one wants to see.
    order = sorted(range(len(labels)), key=lambda i: guesses[i] == labels[i])[:40]
    right.suptitle(f"Test images and what was read: {accuracy:.2f} % right")
    for axes, i in zip(right.subplots(5, 8).flat, order):
        axes.imshow(images[i], cmap="gray_r", vmin=0, vmax=1)
        right_or_wrong = "#059669" if guesses[i] == labels[i] else "#dc2626"
        axes.set_title(str(guesses[i]), color=right_or_wrong, fontsize=10, pad=2)
        axes.axis("off")
    figure.savefig(path, dpi=130)
    return True


def choose_adapter():
    """Allow a software adapter where there is no other, and say so."""
    if "RUSTGRAD_GPU" in os.environ or torch.gpu.is_available():
        return
    os.environ["RUSTGRAD_GPU"] = "software"
    if torch.gpu.is_available():
        print(f"no hardware GPU here: RUSTGRAD_GPU=software is set, {torch.gpu.device_name()} computes")
    else:
        del os.environ["RUSTGRAD_GPU"]


def main(argv=None) -> int:
    """Run the demo with command line arguments; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m rustgrad.demo", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="cpu", help="where to compute (default: cpu)")
    parser.add_argument("--epochs", type=int, default=15, help="passes over the training images (default: 15)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, order and dropout (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="FOLDER", help="for the files (default: out)")
    options = parser.parse_args(argv)
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")
    try:
        device = torch.device(options.device)
        if device.type == "gpu":
            choose_adapter()
        torch.zeros(1, device=device)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1

    torch.manual_seed(options.seed)
    train_data, test_data = split(*digits())
    model = DigitNet().to(device)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(train_data[1])} images to learn from, {len(test_data[1])} kept for the test")
    print(f"a network with {parameters:,} parameters on {device}, rustgrad {torch.__version__}")

    start = time.perf_counter()
    losses = train(model, train_data, options.epochs, device)
    seconds = time.perf_counter() - start
    examples = options.epochs * len(train_data[1])
    print(f"trained in {seconds:.1f} s, {examples / seconds:,.0f} examples/s")

    images, labels = test_data
    guesses = predict(model, images, device)
    accuracy = 100 * (guesses == labels).float().mean().item()

    options.out.mkdir(parents=True, exist_ok=True)
    drawing, weights = options.out / "digits.png", options.out / "digits.safetensors"
    if picture(drawing, losses, images.squeeze(1).tolist(), labels.tolist(), guesses.tolist(), accuracy):
        print(f"picture  {drawing}")
    torch.save(model.state_dict(), weights)
    print(f"weights  {weights}")
    print(f"test accuracy {accuracy:.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
