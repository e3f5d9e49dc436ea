"""Histories, hooks and modes as PyTorch keeps them through writes in place, views and switches of the mode."""

import warnings

from support import Cases

CASES = Cases()
case = CASES.case


def _leaf(torch):
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


def _collect(list_):
    return lambda g: list_.append(g.clone())


@case()
def retained_mul(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.mul_(2)
    (b + 1).sum().backward()
    return b.grad, a.grad


@case()
def retained_setitem(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b[0] = 5
    (b * b).sum().backward()
    return b.grad, a.grad


@case()
def retained_twice(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.mul_(2)
    b.add_(1)
    b[1:] *= 3
    (b * b).sum().backward()
    return b.grad, a.grad, b.retains_grad


@case()
def retained_view_base_written(torch):
    a = _leaf(torch)
    b = a * 1
    v = b[1:]
    v.retain_grad()
    b.mul_(2)
    (v * 3).sum().backward()
    return v.grad, a.grad


@case()
def retained_view_written_base_kept(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    v = b[1:]
    v.mul_(2)
    (b * 3).sum().backward()
    return b.grad, a.grad


@case()
def retained_view_written_both(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    v = b[1:]
    v.retain_grad()
    v.mul_(2)
    (b * 3).sum().backward()
    return b.grad, v.grad, a.grad


@case()
def retained_view_written_used(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    v = b[1:]
    v.retain_grad()
    v.mul_(2)
    ((v * v).sum() + b.sum()).backward()
    return b.grad, v.grad, a.grad


@case()
def retained_view_sibling(torch):
    a = _leaf(torch)
    b = a * 1
    v = b[1:]
    w = b[:2]
    w.retain_grad()
    v.mul_(2)
    ((w * w).sum()).backward()
    return w.grad, a.grad


@case()
def retained_view_used_before(torch):
    a = _leaf(torch)
    b = a * 1
    v = b[1:]
    v.retain_grad()
    o = v * 3
    b.mul_(2)
    (o.sum() + b.sum()).backward()
    return v.grad, a.grad


@case()
def retained_after_write(torch):
    a = _leaf(torch)
    b = a * 1
    b.mul_(2)
    b.retain_grad()
    b.add_(1)
    (b * b).sum().backward()
    return b.grad


@case()
def retained_copy(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.copy_(a * 5)
    (b * b).sum().backward()
    return b.grad, a.grad


@case()
def retained_zero(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.zero_()
    (b * 2 + a).sum().backward()
    return b.grad, a.grad


@case()
def retained_fill(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.fill_(3.0)
    (b * b + a).sum().backward()
    return b.grad, a.grad


@case()
def retained_unsqueeze(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.unsqueeze_(0)
    (b * b).sum().backward()
    return b.grad, a.grad


@case()
def retained_t(torch):
    a = torch.ones(2, 3, requires_grad=True)
    b = a * 2
    b.retain_grad()
    b.t_()
    (b * torch.arange(6.0).view(3, 2)).sum().backward()
    return b.grad, a.grad


@case()
def retained_no_grad_write(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    with torch.no_grad():
        b.mul_(2)
    (b + 1).sum().backward()
    return b.grad, a.grad


@case()
def retained_kept_then_used(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    c = b * 3
    b.add_(1)
    (c.sum() + (b * 2).sum()).backward()
    return b.grad, a.grad


@case()
def retained_twice_backward(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.mul_(2)
    y = (b * b).sum()
    y.backward(retain_graph=True)
    g1 = b.grad.clone()
    y.backward()
    return g1, b.grad


@case()
def hook_stays(torch):
    a = _leaf(torch)
    b = a * 1
    seen = []
    b.register_hook(_collect(seen))
    b.mul_(2)
    (b + 1).sum().backward()
    return seen, a.grad


@case()
def hook_view(torch):
    a = _leaf(torch)
    b = a * 1
    seen = []
    v = b[1:]
    v.register_hook(_collect(seen))
    b.mul_(2)
    (v * 3).sum().backward()
    return seen, a.grad


@case()
def hook_removed(torch):
    a = _leaf(torch)
    b = a * 1
    seen = []
    h = b.register_hook(_collect(seen))
    b.mul_(2)
    h.remove()
    (b + 1).sum().backward()
    return seen


@case()
def hook_view_removed(torch):
    a = _leaf(torch)
    b = a * 1
    seen = []
    v = b[1:]
    h = v.register_hook(_collect(seen))
    b.mul_(2)
    h.remove()
    (b * 3).sum().backward()
    return seen


@case()
def hook_and_retain(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.register_hook(lambda g: g * 10)
    (b + 1).sum().backward()
    return b.grad, a.grad


@case()
def retained_retain_and_hook(torch):
    a = _leaf(torch)
    b = a * 1
    b.register_hook(lambda g: g * 10)
    b.retain_grad()
    b.mul_(2)
    b.register_hook(lambda g: g * 100)
    (b + 1).sum().backward()
    return b.grad, a.grad


@case()
def retained_detach(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.detach_()
    return b.retains_grad, b.requires_grad, b.grad


@case()
def retained_leaf_retain(torch):
    a = _leaf(torch)
    a.retain_grad()
    (a * 2).sum().backward()
    return a.retains_grad, a.grad


@case()
def retained_leaf_becomes(torch):
    b = torch.zeros(3)
    a = _leaf(torch)
    b.requires_grad_()
    b2 = b.clone()
    b2.retain_grad()
    b2[0] = a[0]
    (b2 * b2).sum().backward()
    return b2.grad, a.grad, b.grad


@case()
def retained_unbind(torch):
    a = torch.ones(2, 3, requires_grad=True)
    b = a * 2
    r = b.unbind(0)
    r[0].retain_grad()
    (r[0] * r[1]).sum().backward()
    return r[0].grad, a.grad


@case()
def retained_setnone(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.mul_(2)
    y = (b * b).sum()
    y.backward(retain_graph=True)
    b.grad = None
    y.backward()
    return b.grad


@case()
def retained_grad_fn_seen(torch):
    a = _leaf(torch)
    b = a * 1
    v = b[1:]
    v.retain_grad()
    b.mul_(2)
    v.grad_fn.name()  # reading it must not disturb the rest
    (v * v).sum().backward()
    return v.grad


@case()
def retained_create_graph(torch):
    a = _leaf(torch)
    b = a * 1
    b.retain_grad()
    b.mul_(a)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the cycle between a tensor and its gradient
        (b * b).sum().backward(create_graph=True)
    return b.grad, b.grad.requires_grad


@case()
def retained_out_of_relu(torch):
    a = _leaf(torch)
    b = a - 2
    b.retain_grad()
    torch.relu_(b)
    (b * b + b).sum().backward()
    return b.grad, a.grad


@case()
def retained_masked(torch):
    a = _leaf(torch)
    b = a * 1
    c = b.view(3, 1)
    c.retain_grad()
    b.add_(1)
    c.mul_(2)
    (c * c).sum().backward()
    return c.grad, a.grad
