"""Layers, forward and backward, in the sizes of small networks."""

from timing import Case, main


def cases(torch):
    nn = torch.nn
    torch.manual_seed(0)

    def both_ways(layer, *inputs):
        def run():
            out = layer(*inputs)
            (out if out.ndim == 0 else out.sum()).backward()

        return run

    def forward(layer, *inputs):
        def run():
            with torch.no_grad():
                layer(*inputs)

        return run

    image, rows = torch.randn(64, 1, 8, 8), torch.randn(64, 512, requires_grad=True)
    inner = torch.randn(64, 16, 8, 8, requires_grad=True)
    tokens = torch.randint(0, 1000, (64, 32))
    logits, target = torch.randn(64, 1000, requires_grad=True), torch.randint(0, 1000, (64,))
    for name, layer, inputs, flops in (
        ("Linear 64x512x64", nn.Linear(512, 64), [rows], 2 * 64 * 512 * 64),
        ("Linear 64x512x2048", nn.Linear(512, 2048), [rows], 2 * 64 * 512 * 2048),
        ("Conv2d 1-16 of 8x8", nn.Conv2d(1, 16, 3, padding=1), [image], 2 * 64 * 64 * 16 * 9),
        ("Conv2d 16-32 of 8x8", nn.Conv2d(16, 32, 3, padding=1), [inner], 2 * 64 * 64 * 16 * 32 * 9),
        ("MaxPool2d 2", nn.MaxPool2d(2), [inner], 0),
        ("LayerNorm 512", nn.LayerNorm(512), [rows], 0),
        ("Embedding 1000x64", nn.Embedding(1000, 64), [tokens], 0),
        ("Dropout", nn.Dropout(), [rows], 0),
        ("CrossEntropyLoss 1000", nn.CrossEntropyLoss(), [logits, target], 0),
    ):
        yield Case(name, forward(layer, *inputs), flops=flops)
        yield Case(f"{name}, both ways", both_ways(layer, *inputs), flops=3 * flops)


if __name__ == "__main__":
    main(cases, __doc__)
