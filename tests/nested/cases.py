"""Nested tensors of both layouts: each expression as PyTorch evaluates it, and models that train on them."""

import copy
import io
import re
import warnings

import support
from support import Cases

CASES = Cases()
case = CASES.case


def shown(torch, r):
    if isinstance(r, (tuple, list)):
        return [shown(torch, x) for x in r]
    if isinstance(r, torch.Tensor) and r.is_nested:
        parts = [x.detach().tolist() for x in r.unbind()]
        sizes = re.sub(r"j\d+", "j", repr(r.shape)) if r.layout == torch.jagged else ""
        return ["nested", sizes, str(r.dtype), r.requires_grad, r.is_contiguous(), parts]
    if isinstance(r, torch.Tensor):
        return [str(r.dtype), [*r.shape], r.requires_grad, r.tolist()]
    # Symbols are counted over a whole program, and nodes of the graph are printed with their address.
    return re.sub(r" object at 0x\w+", "", re.sub(r"j\d+", "j", r if isinstance(r, str) else repr(r)))


def evaluated(torch, expressions):
    """The value of each, or the class and the first line of its error."""
    nested = torch.nested
    lengths = (2, 3, 1)

    def rows(*sizes, scale=0.25):
        n = 1
        for size in sizes:
            n *= size
        return (torch.arange(float(n)) * scale - 1).reshape(sizes)

    offsets = torch.tensor([0, 2, 5, 6])

    def J(**kw):
        return nested.nested_tensor([rows(n, 4) for n in lengths], layout=torch.jagged, **kw)

    def gradients(f, *dense):
        x = J(requires_grad=True)
        dense = [d.clone().requires_grad_() for d in dense]
        y = f(x, *dense)
        y = y.to_padded_tensor(0.0) if y.is_nested else y
        (y * y).sum().backward()
        return [x.grad, *(d.grad for d in dense)]

    def saved(x):
        file = io.BytesIO()
        torch.save(x, file)
        file.seek(0)
        return torch.load(file)

    kept = nested.nested_tensor_from_jagged(rows(6, 4), offsets)
    names = {
        "torch": torch,
        "nested": nested,
        "F": torch.nn.functional,
        "nn": torch.nn,
        "copy": copy,
        "rows": rows,
        "J": J,
        "K": kept,
        "Q": nested.nested_tensor([rows(n, 2, 3) for n in lengths], layout=torch.jagged),
        "S": lambda **kw: nested.nested_tensor([rows(n, 4) for n in (2, 3)], **kw),
        "H": nested.narrow(rows(3, 5, 4), 1, torch.tensor([0, 1, 2]), torch.tensor([2, 2, 1]), layout=torch.jagged),
        "offsets": offsets,
        "gradients": gradients,
        "saved": saved,
        "jagged": torch.jagged,
    }

    def said(text):
        words = re.sub(r"j\d+", "j", text.split("\n")[0])
        missing = "Could not run" in words or words.startswith("aten")
        return "no such function of nested tensors" if missing else words

    return support.evaluated(expressions, names, lambda r: shown(torch, r), said)


@case(1e-5)
def made(torch):
    return evaluated(
        torch,
        """
J()
J(requires_grad=True)
J(dtype=torch.float64)
repr(J())
repr(J(requires_grad=True))
repr(J(requires_grad=True) * 2)
repr(J().shape)
J().size(0), J().size(2), J().size(-1), J().dim(), J().numel(), len(J()), J().ndim
J().size(3)
repr(J().size(1)), J().shape[1] == 3, K.shape == (K * 2).shape, J().shape == J().shape, J().shape[1] >= 2
repr(K.stride())
J().values(), J().offsets(), J().lengths()
J().is_nested, J().layout, J().is_leaf, J().requires_grad, J().grad, J().grad_fn
J().unbind()
[x.sum() for x in J()]
nested.nested_tensor([[1, 2], [3]], layout=jagged)
nested.nested_tensor([1, 2], layout=jagged)
nested.nested_tensor([], layout=jagged)
nested.nested_tensor([rows(2, 3), rows(2, 4)], layout=jagged)
nested.nested_tensor([rows(2, 3), rows(4)], layout=jagged)
nested.nested_tensor([rows(2, 3), rows(2, 3).long()], layout=jagged)
nested.nested_tensor([rows(2, 3)], layout=torch.sparse_coo)
nested.as_nested_tensor(rows(2, 3, 4), layout=jagged)
nested.as_nested_tensor([rows(2, 3), rows(1, 3)], layout=jagged)
nested.as_nested_tensor([rows(2, 3), rows(1, 3)], layout=jagged, dtype=torch.float64)
nested.as_nested_tensor(K, layout=jagged) is K
nested.as_nested_tensor(3, layout=jagged)
nested.nested_tensor_from_jagged(rows(6, 4))
nested.nested_tensor_from_jagged(rows(6, 4), lengths=torch.tensor([2, 3, 1]))
nested.nested_tensor_from_jagged(rows(6, 4), offsets, lengths=torch.tensor([1, 3, 0]))
nested.nested_tensor_from_jagged(rows(4, 6), offsets, jagged_dim=2)
H, H.lengths(), H.offsets(), H.contiguous()
nested.narrow(rows(3, 5, 4), 1, 0, torch.tensor([2, 2, 1]), layout=jagged)
nested.narrow(rows(3, 5, 4), 2, 0, 1, layout=jagged)
nested.masked_select(rows(2, 3), torch.tensor([[True, False, True], [False, False, True]]))
copy.deepcopy(J(requires_grad=True)), copy.copy(K), K.clone(), K.detach(), K.data
saved(K), saved(J(requires_grad=True)), saved(H)
""",
    )


@case(1e-5)
def parts(torch):
    return evaluated(
        torch,
        """
K[0]
K[-1]
K[5]
K[0, 1]
K[0][1]
K[0, 1, 2]
K[..., 0:2]
K[0:2]
K[torch.tensor([0, 1])]
K[None]
K.select(0, 1)
K.select(2, 1)
K.select(1, 0)
K.narrow(2, 1, 2)
K.chunk(2, -1)
K.chunk(2, 0)
K.chunk(2, 1)
K.split(1, -1)
K.split([1, 3], -1)
K.split(1, 0)
torch.cat([K, K], -1)
torch.cat([K, K], 0)
torch.cat([K, K], 1)
torch.stack([K, K], -1)
torch.stack([K, K], 0)
K.transpose(1, 2)
K.transpose(0, 1)
Q.transpose(1, 2), Q.transpose(1, 2).contiguous(), Q.transpose(2, 3), Q.permute(0, 2, 1, 3)
Q.transpose(1, 2).unbind()
Q.flatten(2), Q.flatten(-2), Q.transpose(1, 2).transpose(1, 2).flatten(-2)
Q.transpose(1, 2).flatten(-2)
K.flatten(0)
K.unflatten(-1, (2, 2)), K.unflatten(-1, [2, -1])
K.unflatten(1, (2, 3))
K.view(3, -1, 2, 2), K.reshape(3, -1, 2, 2), K.reshape(3, -1, 4, 1)
K.view(6, 4)
K.reshape(-1, 4)
K.unsqueeze(-1), K.unsqueeze(1), K.unsqueeze(-1).squeeze(-1)
K.unsqueeze(0)
K.squeeze(0)
K.squeeze(1)
J().to_padded_tensor(0.0), (J() * 2).to_padded_tensor(0.0), H.contiguous().to_padded_tensor(0.0)
K.to_padded_tensor(0.0), nested.to_padded_tensor(K, -1.0), K.to_padded_tensor(0.0, (3, 5, 4))
Q.transpose(1, 2).to_padded_tensor(0.0)
H.to_padded_tensor(0.0)
K.double(), K.to(torch.float16), K.long(), K.to('cpu') is K
K.view_as(K), K.expand_as(K), K.is_same_size(K), K.is_same_size(J())
torch.zeros_like(K), torch.ones_like(K), torch.full_like(K, 2.0), torch.rand_like(K).shape == K.shape
K.numpy()
K.tolist()
K.item()
bool(K)
K.new_zeros(3)
""",
    )


@case(1e-5)
def arithmetic(torch):
    return evaluated(
        torch,
        """
K + 1, 1 + K, K - 1, 1 - K, K * 2, K / 2, 2 / K, K ** 2, -K, abs(K)
K + K, K * K, K - K, K / K, K + (K * 2)
K + J()
K + torch.ones(4), K * torch.ones(1, 4), K + rows(3, 1, 4), rows(3, 1, 1) * K, K + torch.tensor(2.0)
K + torch.ones(3, 4)
K + torch.ones(2, 3, 4)
K > 0, K == K, K != 1, K.le(0.5), torch.logical_not(K > 0)
torch.where(K > 0, K, 0.0), K.masked_fill(K > 0, -1.0), K.clamp(-0.5, 0.5), torch.maximum(K, K * 2)
K.exp(), K.sin(), K.abs().sqrt(), K.sigmoid(), K.tanh(), K.square(), K.reciprocal(), K.sign(), K.floor()
F.relu(K), F.gelu(K), F.gelu(K, approximate='tanh'), F.silu(K), F.leaky_relu(K), F.elu(K), F.softplus(K), F.mish(K)
torch.add(K, K, alpha=2), torch.sub(K, K * 3, alpha=2)
J().add_(1), J().mul_(2), J().zero_(), J().fill_(3), J().relu_(), J().copy_(J() * 2)
F.dropout(K, 0.5, training=False)
torch.equal(K.values(), K.values()), torch.isnan(K)
H * 2 + H
nested.nested_tensor([torch.tensor([1, 2]), torch.tensor([3])], layout=jagged) + 1
K.cumsum(1)
K.sort(1)
""",
    )


@case(1e-5)
def reduced(torch):
    return evaluated(
        torch,
        """
K.sum(), K.mean(), K.max(), K.min(), K.any(), (K > -2).all()
K.sum(1), K.sum(2), K.sum(-1, keepdim=True), K.sum(1, keepdim=True), K.sum((0, 1)), K.sum((0, 1, 2))
K.sum(0)
K.sum((1, 2))
Q.sum((2, 3)), Q.sum(1), Q.transpose(1, 2).sum(2), Q.mean(-1)
K.mean(1), K.mean(2), K.mean(1, keepdim=True), K.mean(-1, keepdim=True)
K.amax(1), K.amin(1), K.amax(-1), K.argmax(1), K.argmin(2), K.prod(1)
[*K.max(1)], [*K.min(2)]
(K > 0).any(1), (K > 0).all(1), (K > 0).all(2)
K.softmax(-1), K.softmax(1), Q.softmax(1), K.log_softmax(-1)
K.softmax(0)
K.log_softmax(1)
H.sum(1)
H.sum(2)
F.layer_norm(K, (4,)), F.layer_norm(K, (4,), torch.ones(4) * 2, torch.ones(4)), F.layer_norm(Q, (2, 3))
F.layer_norm(K, (5,))
F.rms_norm(K, (4,))
F.normalize(K, dim=-1)
""",
    )


@case(1e-4)
def products(torch):
    torch.backends.cuda.enable_cudnn_sdp(False)
    return evaluated(
        torch,
        """
F.linear(K, rows(3, 4)), F.linear(K, rows(3, 4), rows(3)), F.linear(Q, rows(2, 3))
K @ rows(4, 2), torch.matmul(K, rows(3, 4, 2)), torch.bmm(K, rows(3, 4, 2)), torch.bmm(K.transpose(1, 2), K)
K @ K.transpose(1, 2)
F.embedding(nested.nested_tensor([torch.tensor([1, 2]), torch.tensor([0])], layout=jagged), rows(3, 4))
F.scaled_dot_product_attention(*[Q.transpose(1, 2)] * 3).transpose(1, 2)
F.scaled_dot_product_attention(*[Q.transpose(1, 2)] * 3, scale=0.3).transpose(1, 2)
F.scaled_dot_product_attention(Q.transpose(1, 2), rows(3, 2, 2, 3), rows(3, 2, 2, 3))
F.scaled_dot_product_attention(*[Q.transpose(1, 2)] * 3, attn_mask=torch.ones(3, 3))
gradients(lambda x: x * 2), gradients(lambda x: x.softmax(-1))
gradients(lambda x, w: F.linear(x, w), rows(3, 4)), gradients(lambda x, b: x + b, rows(4))
gradients(lambda x: x.to_padded_tensor(1.0)), gradients(lambda x: x.unbind()[1]), gradients(lambda x: x[0])
gradients(lambda x, w: F.layer_norm(x, (4,), w) * x * x, torch.ones(4) * 2), gradients(lambda x: x.values())
gradients(lambda x: x.chunk(2, -1)[1] * x.chunk(2, -1)[0]), gradients(lambda x: torch.cat([x, x * 2], -1))
""",
    )


@case(1e-5)
def strided(torch):
    return evaluated(
        torch,
        """
repr(S())
repr(S(requires_grad=True))
repr(S(requires_grad=True) * 2)
repr(nested.nested_tensor([]))
repr(nested.nested_tensor([1, 2]))
repr(nested.nested_tensor([[1, 2], [3]]))
repr(nested.nested_tensor([rows(2, 2, 2), rows(1, 2, 3)]))
S().layout, S().is_nested, S().size(0), S().size(2), S().size(-1), S().dim(), S().numel(), S().is_contiguous()
S().size(1)
S().shape
len(S())
S().stride()
S()._nested_tensor_size(), S().transpose(1, 2)._nested_tensor_strides(), S()._nested_tensor_storage_offsets()
S().unbind(), S()[0], S()[0, 1], S()[0, 1, 2], S()[..., 1]
S()[0:1]
S() + S(), S() * 2, S() / 2, S() - S(), -S(), S() > 0, S() * torch.tensor(2.0)
S() + torch.ones(4)
S() + nested.nested_tensor([rows(3, 4), rows(2, 4)])
S() ** 2
2 - S()
S().abs(), S().relu(), F.gelu(S()), F.silu(S()), S().tanh(), S().sin(), S().sgn(), S().clone(), S().detach()
S().add_(1), S().mul_(2), S().fill_(1.0), S().zero_(), torch.ones_like(S())
S().sum(-1, keepdim=True)
S().sum(-1)
S().sum(1)
S().sum()
S().softmax(-1)
S().softmax(0)
F.layer_norm(S(), (4,))
F.layer_norm(S(), (4,), torch.ones(4), torch.ones(4))
F.linear(S(), rows(2, 4), rows(2))
S().transpose(1, 2), S().transpose(1, 2).contiguous(), S().transpose(1, 2).is_contiguous()
S().transpose(0, 1)
torch.bmm(S(), S().transpose(1, 2)), S() @ S().transpose(1, 2)
S() @ torch.ones(4, 2)
S().to_padded_tensor(0.0), nested.to_padded_tensor(S(), 0.0, (2, 4, 5))
nested.to_padded_tensor(S(), 0.0, (2, 1, 5))
S().view(2, -1, 2, 2), S().reshape(2, -1, 2, 2).transpose(1, 2)
S().reshape(-1, 4)
S().unsqueeze(-1), S().unsqueeze(1).squeeze(1)
S().squeeze(0)
S().chunk(2, -1), torch.cat([S(), S()]), torch.cat([S(), S()], -1)
S().chunk(2, 0)
F.embedding(nested.nested_tensor([torch.tensor([1, 2]), torch.tensor([0])]), rows(3, 4))
S().to(torch.float64), S().half(), S().to('cpu').requires_grad
nested.nested_tensor([rows(2), rows(1, 2)])
nested.nested_tensor(3)
nested.as_nested_tensor([rows(2, 3), rows(1, 3)])
nested.as_nested_tensor(S(), layout=jagged)
nested.narrow(rows(3, 5), 1, 0, 2)
saved(S())
S().values()
""",
    )


@case(1e-4)
def strided_gradients(torch):
    """Of a leaf, of tensors in a list, and through attention written with products."""
    torch.manual_seed(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        leaf = torch.nested.nested_tensor([torch.randn(2, 4), torch.randn(3, 4)], requires_grad=True)
        leaf.mul(2).relu().to_padded_tensor(0.0).pow(2).sum().backward()
        inputs = [torch.randn(2, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)]
        weights = [torch.randn(8, 4, requires_grad=True) for _ in range(3)]
        x = torch.nested.as_nested_tensor(inputs)
        q, k, v = (
            torch.nn.functional.linear(x, w, torch.zeros(8)).reshape(2, -1, 2, 4).transpose(1, 2) for w in weights
        )
        attention = torch.matmul(q, k.transpose(2, 3)).mul(0.5).softmax(-1)
        y = torch.matmul(attention, v).transpose(1, 2).reshape(2, -1, 8)
        (torch.nested.to_padded_tensor(y, 0.0) ** 2).mean().backward()
    grads = [g for t in (*inputs, *weights) for g in t.grad.flatten().tolist()]
    return [[g.tolist() for g in leaf.grad.unbind()], grads]


@case(1e-5)
def asked_gradients(torch):
    """autograd.grad with nested tensors among its inputs, and hooks on them."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layout in (torch.jagged, torch.strided):
            x = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=layout, requires_grad=True)
            w = torch.ones(3, requires_grad=True)
            y = (x * 3) * w if layout == torch.jagged else x * 3
            inputs = (x, w) if layout == torch.jagged else (x,)
            grads = torch.autograd.grad(y.to_padded_tensor(0.0).pow(2).sum(), inputs)
            found.append([shown(torch, g) for g in grads])
            if layout == torch.jagged:
                z = (x * x) * w
                found.append(shown(torch, torch.autograd.grad(z, x, torch.ones_like(z))))
                torch.autograd.backward([x * 2], [torch.ones_like(x)])
                found.append(shown(torch, x.grad))
    return found


@case(1e-4)
def encoder(torch):
    """nn.MultiheadAttention and nn.TransformerEncoder on the older layout, without gradients, and their refusals."""
    torch.manual_seed(3)
    found = []
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, 2).eval()
    attention = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        parts = [torch.randn(2, 8), torch.randn(3, 8)]
        x = torch.nested.nested_tensor(parts)
        y, weights = attention(x, x, x)
        found += [[p.tolist() for p in y.unbind()], weights.tolist(), attention(x, x, x, need_weights=False)[1]]
        found += [[p.tolist() for p in model(x).unbind()]]
        jagged = torch.nested.nested_tensor(parts, layout=torch.jagged)
        for f in (lambda: attention(jagged, jagged, jagged), lambda: layer.train()(x), lambda: attention(x, y, y)):
            try:
                found.append(f().dim())
            except AssertionError as error:
                found.append(str(error).split("\n")[0])
    return found


@case(1e-3)
def trained(torch):
    """A transformer over jagged sequences, with dropout and pooling by a query of another length: its losses."""
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.manual_seed(0)
    nn, F = torch.nn, torch.nn.functional

    class Attention(nn.Module):
        def __init__(self, drop):
            super().__init__()
            self.norm, self.drop = nn.LayerNorm(16, bias=False), drop
            self.q, self.k, self.v = (nn.Linear(16, 16, bias=False) for _ in range(3))
            self.out = nn.Linear(16, 16)

        def forward(self, x, context=None):
            x = self.norm(x)
            context = x if context is None else context
            q, k, v = (
                f(y).unflatten(-1, (2, 8)).transpose(1, 2)
                for f, y in zip((self.q, self.k, self.v), (x, context, context))
            )
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.drop if self.training else 0.0)
            return self.out(y.transpose(1, 2).flatten(-2))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.pool, self.query = nn.Embedding(20, 16), Attention(0.0), nn.Parameter(torch.randn(1, 16))
            self.attend, self.drop = Attention(0.1), nn.Dropout(0.1)
            self.feed = nn.Sequential(
                nn.LayerNorm(16), nn.Linear(16, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, 16)
            )
            self.head = nn.Linear(16, 3)

        def forward(self, tokens):
            x = self.drop(self.embed(tokens))
            x = self.attend(x) + x
            x = self.feed(x) + x
            queries = torch.nested.as_nested_tensor([self.query] * tokens.size(0), layout=torch.jagged)
            return self.head(torch.stack(self.pool(queries, x).unbind()).squeeze(1))

    model = Model()
    tokens = torch.nested.nested_tensor([torch.randint(0, 20, (n,)) for n in (5, 2, 7, 3)], layout=torch.jagged)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(6):
        loss = F.cross_entropy(model(tokens), torch.tensor([0, 1, 2, 0]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
