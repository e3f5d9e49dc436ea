"""Whole training steps: tiny networks, where overhead is all, and the demo's."""

from timing import Case, main


def xor(torch, make):
    nn = torch.nn
    torch.manual_seed(42)
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1), nn.Tanh())
    inputs = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    targets = torch.tensor([[-1.0], [1.0], [1.0], [-1.0]])
    optimizer = make(model.parameters())

    def step():
        loss = ((model(inputs) - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def digits(torch):
    """A step of the demo on random images of its shape."""
    nn, F = torch.nn, torch.nn.functional

    class DigitNet(nn.Module):
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

    torch.manual_seed(0)
    model = DigitNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    images, labels = torch.rand(64, 1, 8, 8), torch.randint(0, 10, (64,))

    def step():
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def cases(torch):
    yield Case("xor, SGD", xor(torch, lambda p: torch.optim.SGD(p, lr=0.5)))
    yield Case("xor, Adam", xor(torch, lambda p: torch.optim.Adam(p, lr=0.05)))
    yield Case("digits, batch of 64", digits(torch))
    data = torch.utils.data
    pairs = data.TensorDataset(torch.rand(1437, 1, 8, 8), torch.randint(0, 10, (1437,)))
    loader = data.DataLoader(pairs, batch_size=64, shuffle=True)

    def epoch():
        for _ in loader:
            pass

    yield Case("loading 1437 digits", epoch)


if __name__ == "__main__":
    main(cases, __doc__)
