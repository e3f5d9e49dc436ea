"""Sparse tensors: each expression as PyTorch evaluates it."""

import copy
import io
import pickle

import support
from support import Cases

CASES = Cases()
case = CASES.case

PLACES, VALUES = [[0, 1, 1, 0], [2, 0, 2, 2]], [3.0, 4.0, 5.0, 6.0]


def shown(torch, r):
    if isinstance(r, (tuple, list)):
        return [shown(torch, x) for x in r]
    if not isinstance(r, torch.Tensor):
        return repr(r)
    if r.layout != torch.sparse_coo:
        return [str(r.dtype), [*r.shape], r.requires_grad, r.tolist()]
    kind = [str(r.dtype), [*r.shape], r._nnz(), r.is_coalesced(), r.sparse_dim(), r.dense_dim(), r.requires_grad]
    return ["sparse", *kind, r._indices().tolist(), r._values().detach().tolist()]


def evaluated(torch, expressions):
    """The value of each, or the class and the first words of its error."""

    def S():  # two elements of one place
        return torch.sparse_coo_tensor(PLACES, VALUES, (2, 3))

    def gradients(f):
        v, d = torch.tensor(VALUES, requires_grad=True), torch.ones(3, 4, requires_grad=True)
        y = f(torch.sparse_coo_tensor(PLACES, v, (2, 3)), d)
        y = torch.sparse.sum(y) if y.layout == torch.sparse_coo else y
        (y.sum() * 2).backward() if y.ndim else y.backward()
        return [v.grad, d.grad]

    def after(x, f):
        f(x)
        return x

    def saved(x):
        file = io.BytesIO()
        torch.save(x, file)
        file.seek(0)
        return torch.load(file)

    names = {
        "torch": torch,
        "copy": copy,
        "pickle": pickle,
        "gradients": gradients,
        "after": after,
        "saved": saved,
        "I": PLACES,
        "V": VALUES,
        "S": S,
        "C": lambda: S().coalesce(),
        "Q": lambda: torch.sparse_coo_tensor([[0, 1, 2], [1, 1, 0]], [1.0, -2.0, 3.0], (3, 3)),
        "H": lambda: torch.sparse_coo_tensor([[0, 2]], [[1.0, 2.0], [3.0, 4.0]], (3, 2)),
        "D": torch.arange(6.0).view(2, 3) + 1,
        "E": torch.arange(12.0).view(3, 4) - 3,
        "W": torch.tensor([1.0, 2.0, 3.0]),
        "leaf": lambda: torch.sparse_coo_tensor(PLACES, VALUES, (2, 3), requires_grad=True),
    }

    def said(text):
        return "no such function of sparse tensors" if "Could not run" in text else text.split("\n")[0]

    return support.evaluated(expressions, names, lambda r: shown(torch, r), said)


@case(1e-5)
def made(torch):
    return evaluated(
        torch,
        """
S()
C()
H()
repr(S())
repr(C())
repr(H())
repr(leaf())
repr(torch.sparse_coo_tensor((2,3)))
repr(torch.sparse_coo_tensor(I,V,(2,3),dtype=torch.float64))
torch.sparse_coo_tensor(I,V)
torch.sparse_coo_tensor(torch.tensor(I),torch.tensor(V))
torch.sparse_coo_tensor(torch.tensor(I,dtype=torch.int32),torch.tensor(V))
torch.sparse_coo_tensor(torch.tensor(I).float(),torch.tensor(V))
torch.sparse_coo_tensor((2,3))
torch.sparse_coo_tensor(size=(2,3))
torch.sparse_coo_tensor(torch.empty(1,0),[],(2,))
torch.sparse_coo_tensor(torch.zeros(2,0,dtype=torch.int64),[],(2,3))
torch.sparse_coo_tensor([[0,1],[0,0]],[1.,2.,3.],(2,3))
torch.sparse_coo_tensor([[0,1]],[1.,2.],(2,3))
torch.sparse_coo_tensor([[0,1]],[[1.,2.]],(2,3))
torch.sparse_coo_tensor(I,V,(2,3),is_coalesced=True)
torch.sparse_coo_tensor(I,V,(2,3),check_invariants=True)
torch.sparse_coo_tensor(I,[1,2,3,4],(2,3))
torch.sparse_coo_tensor(I,[True,False,True,True],(2,3)).coalesce()
torch.sparse_coo_tensor(I,3.0,(2,3))
torch.sparse_coo_tensor([[0],[1]],3.0,(2,3))
torch.sparse.FloatTensor(torch.LongTensor(I),torch.FloatTensor(V),torch.Size([2,3]))
torch.sparse.FloatTensor(torch.LongTensor(I),torch.FloatTensor(V))
torch.sparse.FloatTensor(2,3)
torch.sparse.DoubleTensor(torch.LongTensor(I),torch.DoubleTensor(V),torch.Size([2,3]))
torch.sparse.LongTensor(torch.LongTensor(I),torch.LongTensor([1,2,3,4]),torch.Size([2,3]))
str(S().long())
str(torch.eye(12).to_sparse())
"{}".format(S())
""",
    )


@case(1e-5)
def attributes(torch):
    return evaluated(
        torch,
        """
S().is_sparse
D.is_sparse
S().layout
S().device
S().shape
S().size()
S().size(1)
S().dim()
S().ndim
S().numel()
S().stride()
S().is_contiguous()
len(S())
S().is_leaf
S().requires_grad
leaf().is_leaf
leaf().requires_grad
S()._nnz()
S()._indices()
S()._values()
S().indices()
S().values()
C().indices()
C().values()
S().is_coalesced()
C().is_coalesced()
S().sparse_dim()
H().dense_dim()
S().add(S(),alpha=2)
torch.add(S(),S())
D.add(S(),alpha=3)
torch.add(D,S())
torch.mul(S(),D)
S().max()
S().prod()
S().view(6)
S().numpy()
S().data
torch.equal(S(),S())
S().nonzero()
S().element_size()
torch.is_floating_point(S())
torch.is_complex(S())
S().is_same_size(S())
S().is_same_size(D)
S().is_meta
S().grad
D.coalesce()
D.indices()
D.values()
D.sparse_dim()
D.dense_dim()
D.is_coalesced()
""",
    )


@case(1e-5)
def forms(torch):
    return evaluated(
        torch,
        """
S().type()
S().dtype
S().to_dense()
H().to_dense()
S().to_dense(dtype=torch.float64)
D.to_dense()
D.to_sparse()
D.to_sparse(1)
D.to_sparse(0)
D.to_sparse(3)
D.to_sparse_coo()
D.to_sparse(layout=torch.sparse_coo)
torch.eye(3).to_sparse()
torch.zeros(2,2).to_sparse()
torch.tensor(3.).to_sparse()
torch.tensor(0.).to_sparse()
C().to_sparse()
S().clone()
S().detach()
S().double()
S().half()
S().long()
S().to(torch.float64)
S().to('cpu')
S().to('cpu',torch.float64)
S().to(D)
S().cpu()
S().type(torch.float64)
D.sparse_mask(C())
D.sparse_mask(S())
C().sparse_mask(C())
torch.zeros_like(S())
torch.empty_like(S())
S().new_zeros(2)
S().nan_to_num()
torch.clone(S())
""",
    )


@case(1e-5)
def order(torch):
    return evaluated(
        torch,
        """
torch.tensor([0.,float('nan'),-0.0]).to_sparse()
S().coalesce().coalesce()
S().float()
S().t()
C().t()
S().T
S().mT
S().transpose(0,1)
C().transpose(0,1)
H().transpose(0,1)
H().t()
Q().permute(1,0)
H().permute(1,0)
S().sqrt()
S()[0]
S()[1]
S()[0,2]
S()[:,0]
S().select(0,1)
S().select(1,2)
S().index_select(0,torch.tensor([1,0]))
S().index_select(1,torch.tensor([2]))
C().index_select(1,torch.tensor([2,2]))
S().unsqueeze(0)
S().unsqueeze(-1)
H().unsqueeze(1)
torch.cat([S(),S()])
torch.cat([S(),S()],1)
torch.cat([H(),H()],1)
torch.stack([S(),S()])
torch.vstack([S(),S()])
S().storage_offset()
S().is_floating_point()
isinstance(S(),torch.Tensor)
torch.narrow_copy(S(),0,0,1)
S().rsqrt()
""",
    )


@case(1e-5)
def arithmetic(torch):
    return evaluated(
        torch,
        """
S()+S()
C()+C()
S()-S()
C()-C()
D+S()
S()+D
D-S()
S()-D
S()+1
S()*2
2*S()
S()*torch.tensor(2.)
S()*S()
C()*C()
S()*D
D*S()
S()/2
S()/torch.tensor(2.)
S()/D
S()//2
1+S()
S()**2
S().pow(2)
S().pow(0)
-S()
S().neg()
abs(S())
S().abs()
S().sin()
S().tanh()
S().relu()
torch.relu(S())
torch.nn.functional.relu(S())
S().sign()
S().exp()
S().sigmoid()
S().log1p()
S().floor()
S().isnan()
S().square()
torch.sqrt(C())
S().clamp(min=1)
S().is_signed()
S().isinf()
S().isposinf()
S().round()
S().erf()
S().deg2rad()
S().asin()
S().trunc()
S().log()
S().cos()
S().reciprocal()
""",
    )


@case(1e-5)
def sums(torch):
    return evaluated(
        torch,
        """
S().sum()
S().sum(0)
S().sum(1)
S().sum((0,1))
S().norm()
S().any()
torch.norm(S())
torch.sparse.sum(S())
torch.sparse.sum(S(),0)
torch.sparse.sum(S(),dim=1)
torch.sparse.sum(S(),dim=(0,1))
torch.sparse.sum(S(),dtype=torch.float64)
torch.sparse.sum(H(),0)
torch.sparse.sum(H(),1)
bool(S().any())
""",
    )


@case(1e-5)
def products(torch):
    return evaluated(
        torch,
        """
S()@E
S().mm(E)
S().matmul(E)
torch.mm(S(),E)
torch.matmul(S(),E)
torch.sparse.mm(S(),E)
torch.spmm(S(),E)
torch.hspmm(S(),E)
S()@W
S().mv(W)
torch.mv(S(),W)
D@Q()
torch.mm(D,Q())
torch.sparse.mm(D,Q())
S()@Q()
S().mm(Q())
torch.sparse.mm(S(),Q())
torch.mm(S(),D)
torch.sparse.mm(S(),D)
torch.sparse.mm(S(),E.double())
torch.addmm(torch.ones(2,4),S(),E)
torch.addmm(torch.ones(2,4),S(),E,beta=2,alpha=3)
torch.sparse.addmm(torch.ones(2,4),S(),E)
torch.sparse.addmm(torch.ones(2,4),S(),E,beta=2,alpha=3)
torch.bmm(torch.stack([S(),S()]),torch.ones(2,3,2))
torch.sparse.softmax(S(),1)
torch.sparse.softmax(S(),0)
torch.sparse.softmax(C(),dim=1)
torch.sparse.log_softmax(S(),1)
torch.sparse.softmax(H(),1)
torch.sparse.spdiags(torch.ones(2,3),torch.tensor([0,1]),(3,3))
torch.nn.functional.linear(torch.ones(4,3),S())
torch.nn.Linear(3,2)(S()).shape
""",
    )


@case(1e-5)
def in_place(torch):
    return evaluated(
        torch,
        """
S().zero_()
after(S(),lambda x:x.mul_(2))
after(S(),lambda x:x.div_(2))
after(S(),lambda x:x.add_(S()))
after(S(),lambda x:x.sub_(S()))
after(S(),lambda x:x.copy_(C()))
after(S(),lambda x:x.copy_(D))
after(S(),lambda x:x.neg_())
after(S(),lambda x:x.abs_())
after(S(),lambda x:x.requires_grad_())
after(D.clone(),lambda x:x.add_(S()))
after(D.clone(),lambda x:x.sub_(S()))
after(D.clone(),lambda x:x.mul_(S()))
after(D.clone(),lambda x:x.copy_(S()))
after(C(),lambda x:x._coalesced_(False))
S().uniform_()
S().normal_()
""",
    )


@case(1e-5)
def gradients(torch):
    return evaluated(
        torch,
        """
gradients(lambda s,d: torch.sparse.mm(s,d))
gradients(lambda s,d: torch.mm(s,d))
gradients(lambda s,d: s@d)
gradients(lambda s,d: s.to_dense()@d)
gradients(lambda s,d: torch.sparse.sum(s))
gradients(lambda s,d: torch.sparse.sum(s,0))
gradients(lambda s,d: s.coalesce().values())
gradients(lambda s,d: s*2)
gradients(lambda s,d: (s+s))
gradients(lambda s,d: (s*s))
gradients(lambda s,d: s.t().to_dense())
gradients(lambda s,d: torch.sparse.softmax(s,1).to_dense())
gradients(lambda s,d: torch.ones(2,3)+s)
gradients(lambda s,d: torch.addmm(torch.ones(2,4),s,d))
gradients(lambda s,d: s.sum())
(lambda s:[torch.sparse.mm(s,E).sum().backward(),s.grad][1])(leaf())
(lambda s:[s.to_dense().sum().backward(),s.grad][1])(leaf())
(lambda d:[d.to_sparse().to_dense().sum().backward(),d.grad][1])(D.clone().requires_grad_())
(lambda d:[torch.sparse.sum(d.to_sparse()).backward(),d.grad][1])(D.clone().requires_grad_())
(lambda d:[torch.sparse.mm(d.to_sparse(),E).sum().backward(),d.grad][1])(D.clone().requires_grad_())
""",
    )


@case(1e-5)
def copies(torch):
    return evaluated(
        torch,
        """
copy.copy(S())
copy.deepcopy(S())
copy.deepcopy(C())
pickle.loads(pickle.dumps(S()))
saved(C())
""",
    )


@case(1e-5)
def refusals(torch):
    return evaluated(
        torch,
        """
torch.cat([C(), D])
D + C()[0]
C()[5]
C() + Q()
C() @ C()
torch.sparse_coo_tensor(I, [1.0], (2, 3))
torch.sparse.mm(C(), E.double())
C().permute(0)
C().unsqueeze(4)
""",
    )


@case(1e-4)
def graph_network(torch):
    """Two layers of a graph convolution, trained: the losses."""
    torch.manual_seed(3)
    n = 30
    edges = torch.randint(0, n, (2, 120))
    loops = torch.arange(n).expand(2, n)
    places = torch.cat([edges, edges.flip(0), loops], 1)
    adjacency = torch.sparse_coo_tensor(places, torch.ones(places.shape[1]), (n, n)).coalesce()
    degree = torch.sparse.sum(adjacency, 1).to_dense()
    scale = degree.pow(-0.5)
    values = adjacency.values() * scale[adjacency.indices()[0]] * scale[adjacency.indices()[1]]
    adjacency = torch.sparse_coo_tensor(adjacency.indices(), values, adjacency.shape)
    x, labels = torch.randn(n, 8), torch.randint(0, 3, (n,))
    first, second = torch.nn.Linear(8, 16), torch.nn.Linear(16, 3)
    optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()], lr=0.02)
    losses = []
    for _ in range(20):
        hidden = torch.relu(torch.spmm(adjacency, first(x)))
        loss = torch.nn.functional.cross_entropy(torch.sparse.mm(adjacency, second(hidden)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
