"""Sparse matrices in compressed rows and columns."""

import io
import pickle
import warnings

from support import Cases

CASES = Cases()
case = CASES.case


def _matrix(torch):
    warnings.simplefilter("ignore")
    return torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]])


def _parts(x):
    if str(x.layout).endswith("csr"):
        return [x.crow_indices(), x.col_indices(), x.values(), list(x.shape)]
    return [x.ccol_indices(), x.row_indices(), x.values(), list(x.shape)]


@case()
def forms(torch):
    a = _matrix(torch)
    rows, columns = a.to_sparse_csr(), a.to_sparse_csc()
    made = torch.sparse_csr_tensor([0, 1, 2], [0, 1], [1.0, 2.0])
    other = torch.sparse_csr_tensor(
        torch.tensor([0, 1, 2]), torch.tensor([0, 1]), torch.tensor([1.0, 2.0]), (2, 4), dtype=torch.float64
    )
    return [
        [repr(x) for x in (rows, columns, made, other, rows.bool())],
        [
            _parts(x)
            for x in (rows, columns, rows.t(), rows.to_sparse_csc(), a.to_sparse().to_sparse_csr(), rows.double())
        ],
        [rows.is_sparse, rows.is_sparse_csr, rows._nnz(), rows.sparse_dim(), rows.dense_dim(), rows.numel(), len(rows)],
        [rows.to_dense(), columns.to_dense(), rows.t().to_dense(), rows.to_sparse().indices()],
        _parts(torch.sparse_csc_tensor([0, 1, 2], [0, 1], [1.0, 2.0])),
        _parts(torch.sparse_compressed_tensor([0, 1, 2], [1, 0], [1.0, 2.0], layout=torch.sparse_csr)),
    ]


@case(1e-6)
def functions_of_the_elements(torch):
    a = _matrix(torch)
    s = a.to_sparse_csr()
    results = [s * 2, -s, s.abs(), s.sqrt(), s + s, s * s, s.relu(), s.sin(), s.clone(), s.detach(), torch.ones_like(s)]
    other = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 3.0]]).to_sparse_csr()
    return [_parts(x) for x in results], s + a, s.sum(), _parts(s + other), s[0].to_dense(), s[1, 2]


@case()
def products(torch):
    s, w = _matrix(torch).to_sparse_csr(), torch.arange(6.0).reshape(3, 2).requires_grad_()
    (s @ w).square().sum().backward()
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    (torch.sparse_csr_tensor([0, 1, 2], [0, 1], values, (2, 2)) @ torch.ones(2, 2)).sum().backward()
    w = w.detach()
    return [
        *(s @ w, s.matmul(w[:, 0]), torch.mv(s, w[:, 1]), torch.mm(s, w), torch.sparse.mm(s, w), torch.ones(2, 2) @ s),
        *(torch.addmm(torch.ones(2, 2), s, w), torch.sparse.addmm(torch.ones(2, 2), s, w, beta=2.0)),
        values.grad,
    ]


@case()
def files(torch):
    s = _matrix(torch).to_sparse_csr()
    buffer = io.BytesIO()
    torch.save({"rows": s, "columns": s.to_sparse_csc()}, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer)
    return _parts(loaded["rows"]), _parts(loaded["columns"]), _parts(pickle.loads(pickle.dumps(s)))


@case()
def masks(torch):
    a = _matrix(torch)
    mask = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]).to_sparse_csr()
    return _parts((a + 1).sparse_mask(mask))
