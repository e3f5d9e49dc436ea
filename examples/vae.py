"""A variational autoencoder: handwritten digits laid out on a plane, and new ones drawn from it.

    python -m rustgrad.as_torch examples/vae.py [--epochs N] [--out FOLDER]

After D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes" (2013). The encoder says where on the plane an
image lies, as a normal distribution; a point is drawn there, and the decoder paints the image again from the point
alone. The loss has two parts: how badly it is painted, and how far the distributions are from one around the origin,
without which the images would lie far apart with nothing between them. The digits come with rustgrad.
"""

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rustgrad.datasets import digits

PIXELS, PLANE = 64, 2


class VAE(nn.Module):
    """Images (batch, 64) in; logits of their pixels out, with the mean and the log variance of each image's place."""

    def __init__(self, hidden=128):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, PLANE)
        self.log_variance = nn.Linear(hidden, PLANE)
        self.decoder = nn.Sequential(
            nn.Linear(PLANE, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, PIXELS)
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def forward(self, x):
        mean, log_variance = self.encode(x)
        # The draw is noise, scaled and moved: so gradients reach the scale and the place.
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


def loss_of(model, x):
    """Both parts of the loss, in nats per image: of the painting, and of the place (the divergence from N(0, 1))."""
    logits, mean, log_variance = model(x)
    painting = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    place = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum() / len(x)
    return painting, place


def train(model, images, epochs):
    """Adam. Returns both parts of the loss after each epoch."""
    loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    history = []
    for epoch in range(1, epochs + 1):
        parts = torch.zeros(2)
        for (x,) in loader:
            painting, place = loss_of(model, x)
            optimizer.zero_grad()
            (painting + place).backward()
            optimizer.step()
            parts += torch.stack([painting, place]).detach() * (len(x) / len(images))
        history.append(parts.tolist())
        if epoch == 1 or epoch % max(1, epochs // 10) == 0:
            print(f"epoch {epoch:3d}   painting {parts[0]:.4f}   place {parts[1]:.4f}   together {parts.sum():.4f}")
    return history


@torch.no_grad()
def atlas(model, count):
    """What the decoder paints at `count` x `count` places: quantiles of N(0, 1), so that all are as likely."""
    steps = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(count) + 0.5) / count)
    places = torch.cartesian_prod(steps, steps)
    return torch.sigmoid(model.decoder(places)).view(count, count, 8, 8)


def shades(image):
    """An image as text, two characters a pixel."""
    return "\n".join("".join(2 * " .:-=+*#@@"[int(9.99 * v)] for v in row).rstrip() for row in image.tolist())


def picture(path, history, places, labels, paintings):
    """The loss, the images' places coloured by digit, and what is painted all over the plane."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install matplotlib")
        return
    figure = Figure(figsize=(13, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.stackplot(
        range(1, len(history) + 1), *zip(*history), labels=("painting", "place"), colors=("#c7d2fe", "#4f46e5")
    )
    left.set(title="Loss, nats per image", xlabel="epoch")
    left.legend()
    points = middle.scatter(*places.T.tolist(), c=labels.tolist(), cmap="tab10", vmin=-0.5, vmax=9.5, s=8)
    figure.colorbar(points, ax=middle, ticks=range(10))
    middle.set(title="Where the digits lie")
    # (x on the plane, y on the plane, row, column) -> one large image, with y upwards as in the middle
    right.imshow(paintings.flip(1).permute(1, 2, 0, 3).reshape(len(paintings) * 8, -1).tolist(), cmap="gray_r")
    right.set(title="What is painted there")
    right.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"picture  {path}")


def main():
    parser = argparse.ArgumentParser(description="A variational autoencoder of handwritten digits.")
    parser.add_argument("--epochs", type=int, default=150, help="passes over the images (default: 150)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="FOLDER", help="for the picture (default: out)"
    )
    options = parser.parse_args()
    torch.manual_seed(0)
    # Through NumPy, so that these lines also run with PyTorch, where rustgrad only gives the data.
    images, labels = (torch.from_numpy(part.numpy()) for part in digits())
    images = images.flatten(1)
    model = VAE()
    start = time.perf_counter()
    history = train(model, images, options.epochs)
    print(f"trained in {time.perf_counter() - start:.1f} s")
    with torch.no_grad():
        places, _ = model.encode(images)
    paintings = atlas(model, 16)
    print("painted at the first quarter, in the middle and at the third quarter of the plane:")
    for i in (4, 8, 12):
        print(shades(paintings[i, i]))
    picture(options.out / "vae.png", history, places, labels, paintings)


if __name__ == "__main__":
    main()
