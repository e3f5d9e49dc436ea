"""A policy gradient: a network learns to balance a pole on a cart.

    python -m rustgrad.as_torch examples/policy_gradient.py [--rounds N] [--out FOLDER]

The cart is pushed left or right fifty times a second, and the pole must not fall. Nobody says which push was right: the
policy draws pushes, and what it did before long runs is made more likely, what it did before short ones less likely.
That is REINFORCE (R. J. Williams, "Simple statistical gradient-following algorithms", 1992). Many carts run at once, as
rows of one tensor.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import nn

CARTS, LONGEST, DISCOUNT = 32, 300, 0.99

# A. G. Barto, R. S. Sutton and C. W. Anderson, "Neuronlike adaptive elements that can solve difficult learning control
# problems", IEEE Transactions on Systems, Man, and Cybernetics 13 (1983): the appendix. SI units; without its friction.
GRAVITY, CART, POLE, HALF, PUSH, TICK = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
TRACK, TILT = 2.4, 0.2095  # where a run ends: the end of the track; 12 degrees


def move(state, right):
    """The carts after one tick. `state` (carts, 4): place, speed, angle of the pole, its speed. `right`: 0 or 1."""
    x, speed, angle, turn = state.unbind(1)
    force = PUSH * (2.0 * right - 1.0)
    sin, cos, mass = angle.sin(), angle.cos(), CART + POLE
    pushed = (force + POLE * HALF * turn**2 * sin) / mass
    turning = (GRAVITY * sin - cos * pushed) / (HALF * (4 / 3 - POLE * cos**2 / mass))
    speeding = pushed - POLE * HALF * turning * cos / mass
    return torch.stack([x + TICK * speed, speed + TICK * speeding, angle + TICK * turn, turn + TICK * turning], 1)


def stands(state):
    """Which carts are on the track, with their poles up."""
    return (state[:, 0].abs() < TRACK) & (state[:, 2].abs() < TILT)


def run(policy, carts):
    """Let carts run until all have failed, or LONGEST ticks. Returns (ticks, carts): log probabilities, and who ran."""
    state = 0.1 * torch.rand(carts, 4) - 0.05
    running = stands(state)
    chosen, ran = [], []
    while len(ran) < LONGEST and running.any():
        pushes = torch.distributions.Categorical(logits=policy(state))
        right = pushes.sample()
        chosen.append(pushes.log_prob(right))
        ran.append(running)
        state = torch.where(running.unsqueeze(1), move(state, right), state)
        running = running & stands(state)
    return torch.stack(chosen), torch.stack(ran)


def returns(ran):
    """What came after each push: one point for each tick that the cart still ran, later ones counting less."""
    total, after = torch.zeros(ran.shape[1]), []
    for alive in ran.float().flip(0):
        total = alive * (1.0 + DISCOUNT * total)
        after.append(total)
    return torch.stack(after).flip(0)


def train(policy, rounds):
    """One step of Adam for each round of runs. Returns the ticks of every run, a list for each round."""
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    lengths = []
    for count in range(1, rounds + 1):
        chosen, ran = run(policy, CARTS)
        gained = returns(ran)[ran]
        # Better or worse than usual: without this, all pushes would be made more likely, good ones just a bit more.
        advantage = (gained - gained.mean()) / (gained.std() + 1e-6)
        loss = -(chosen[ran] * advantage).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lengths.append(ran.sum(0).tolist())
        if count == 1 or count % max(1, rounds // 10) == 0:
            mean = sum(lengths[-1]) / CARTS
            print(
                f"round {count:3d}   loss {loss.item():+.4f}   ticks up: mean {mean:.1f}, best {max(lengths[-1])}",
                flush=True,
            )
    return lengths


def picture(path, lengths):
    """How long the poles of each round stayed up."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install matplotlib")
        return
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    rounds = range(1, len(lengths) + 1)
    axes.fill_between(
        rounds, [min(r) for r in lengths], [max(r) for r in lengths], color="#c7d2fe", label="worst to best"
    )
    axes.plot(rounds, [sum(r) / len(r) for r in lengths], color="#4f46e5", label="mean")
    axes.set(title="Balancing a pole", xlabel="round", ylabel="ticks until it fell")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"picture  {path}")


def main():
    parser = argparse.ArgumentParser(description="A policy gradient that balances a pole.")
    parser.add_argument("--rounds", type=int, default=60, help="rounds of runs (default: 60)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="FOLDER", help="for the picture (default: out)"
    )
    options = parser.parse_args()
    torch.manual_seed(0)
    policy = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
    start = time.perf_counter()
    lengths = train(policy, options.rounds)
    print(f"trained in {time.perf_counter() - start:.1f} s")
    with torch.no_grad():
        _, ran = run(policy, 100)
    up = ran.sum(0)
    whole = int((up == LONGEST).sum())
    print(f"of 100 new runs {whole} stay up for {LONGEST} ticks, {LONGEST * TICK:.0f} s; the shortest: {up.min()}")
    picture(options.out / "policy_gradient.png", lengths)


if __name__ == "__main__":
    main()
