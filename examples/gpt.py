"""A GPT on characters: it reads the reference of the Python language and learns to write like it.

    python -m rustgrad.as_torch examples/gpt.py [--steps N] [--text FILE] [--out FOLDER]

The text comes with Python itself (`pydoc_data.topics`, what `help("if")` shows), or is a file of your own. The network
is a decoder-only transformer (Vaswani et al. 2017) with the norms in front, as in GPT-2 (Radford et al. 2019): each
character is given a probability by those before it, and what it writes is drawn from these probabilities.
"""

import argparse
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

CONTEXT, WIDTH, HEADS, LAYERS, BATCH = 32, 64, 4, 2, 16


class Block(nn.Module):
    """Attention moves what earlier characters know to later ones; two linear layers then work on each by itself."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        batch, length, _ = x.shape
        # (batch, length, 3 width) -> queries, keys and values, each (batch, heads, length, width of a head)
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # causal: nothing sees what comes after it
        x = x + self.out(seen.transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Characters in, (batch, length); logits of the next character out, (batch, length, characters)."""

    def __init__(self, characters):
        super().__init__()
        self.what = nn.Embedding(characters, WIDTH)
        self.where = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, characters, bias=False)
        self.apply(self.start)

    @staticmethod
    def start(module):
        """Small weights: at first every character is about as likely as any other."""
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.05)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, x):
        x = self.what(x) + self.where(torch.arange(x.shape[1]))
        return self.head(self.norm(self.blocks(x)))

    @torch.no_grad()
    def write(self, start, length):
        """`start`, a list of characters' numbers, continued by `length` drawn ones."""
        text = list(start)
        for _ in range(length):
            logits = self(torch.tensor([text[-CONTEXT:]]))[0, -1]
            text.append(torch.multinomial(F.softmax(logits / 0.8, 0), 1).item())  # 0.8: a little surer than it is
        return text


def read(path):
    """The text to learn from."""
    if path is not None:
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in sorted(topics))


def draw(data):
    """A batch of pieces of the text, and the same pieces one character on."""
    starts = torch.randint(len(data) - CONTEXT, (BATCH,)).tolist()
    pieces = torch.stack([data[i : i + CONTEXT + 1] for i in starts])
    return pieces[:, :-1], pieces[:, 1:]


def loss_of(model, batch):
    """Cross entropy of the next character, in nats."""
    x, y = batch
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


def train(model, learnt, held, steps):
    """AdamW, with a rate that rises for a moment and then falls. Returns the losses: all, and (step, held-out) ones."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min((i + 1) / warm, 0.55 + 0.45 * math.cos(math.pi * i / steps))
    )
    losses, tests = [], []
    for step in range(1, steps + 1):
        loss = loss_of(model, draw(learnt))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step == 1 or step % max(1, steps // 10) == 0:
            with torch.no_grad():
                tests.append((step, sum(loss_of(model, draw(held)).item() for _ in range(5)) / 5))
            print(f"step {step:4d}   loss {losses[-1]:.4f}   on text it has not read {tests[-1][1]:.4f}", flush=True)
    return losses, tests


def picture(path, losses, tests, chance):
    """The loss of each batch, and on held-out text, below that of guessing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install matplotlib")
        return
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, len(losses) + 1), losses, color="#4f46e5", linewidth=0.8, label="batches")
    axes.plot(*zip(*tests), color="#dc2626", marker="o", label="held-out text")
    axes.axhline(chance, color="gray", linestyle="--", label="guessing")
    axes.set(title="A GPT on characters", xlabel="step", ylabel="nats per character")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"picture  {path}")


def main():
    parser = argparse.ArgumentParser(description="A GPT on characters.")
    parser.add_argument("--steps", type=int, default=1000, help="steps of training (default: 1000)")
    parser.add_argument("--text", type=Path, metavar="FILE", help="the text to learn (default: Python's reference)")
    parser.add_argument("--write", type=int, default=400, help="characters to write at the end (default: 400)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="FOLDER", help="for the picture (default: out)"
    )
    options = parser.parse_args()
    torch.manual_seed(0)
    text = read(options.text)
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    data = torch.tensor([number[c] for c in text])
    model = GPT(len(characters))
    print(
        f"{len(text):,} characters, {len(characters)} different; {sum(p.numel() for p in model.parameters()):,} weights"
    )
    pieces = data.split(1000)
    learnt, held = torch.cat([p for i, p in enumerate(pieces) if i % 10]), torch.cat(pieces[::10])
    start = time.perf_counter()
    losses, tests = train(model, learnt, held, options.steps)
    print(f"trained in {time.perf_counter() - start:.1f} s; it writes:\n")
    print("".join(characters[i] for i in model.write([number["\n"]], options.write)).strip("\n") + "\n")
    picture(options.out / "gpt.png", losses, tests, math.log(len(characters)))


if __name__ == "__main__":
    main()
