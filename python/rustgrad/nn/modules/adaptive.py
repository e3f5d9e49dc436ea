"""AdaptiveLogSoftmaxWithLoss: a softmax over many classes, of which rare ones are looked at in clusters only."""

from collections import namedtuple

from ..._rustgrad.torch import cat, tensor, where
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])
_ASMoutput.__name__ = _ASMoutput.__qualname__ = "_ASMoutput"


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of `n_classes` classes, the most frequent first, and their mean loss. Grave et al. 2017.

    cutoffs: the first class of each cluster of rare classes; those before the first are in the head. div_value: each
    cluster has that many times fewer features than the one before. head_bias: give the head a bias. Raises ValueError
    for cutoffs that are not whole, positive, increasing and below n_classes.
    """

    def __init__(
        self,
        in_features,
        n_classes,
        cutoffs,
        div_value=4.0,
        head_bias=False,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        increasing = cutoffs == sorted(set(cutoffs))
        if not increasing or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1 or any(int(c) != c for c in cutoffs):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i, (first, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            features = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, features, bias=False, device=device, dtype=dtype),
                    Linear(features, end - first, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self):
        """Draw the weights of head and tail anew."""
        self.head.reset_parameters()
        for narrow, wide in self.tail:
            narrow.reset_parameters()
            wide.reset_parameters()

    def forward(self, input_, target_):
        """The log-probability of each target class, and minus their mean: input (N, in_features) or (in_features,).

        Raises RuntimeError for targets that are no classes, and shapes that do not fit.
        """
        if target_.ndim == 1:
            if input_.shape[0] != target_.shape[0]:
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input_.ndim != 2:
                raise RuntimeError(
                    f"1D target tensor expects 2D input tensors, but found inputs with size {input_.shape}"
                )
        elif target_.ndim == 0:
            if input_.ndim != 1:
                raise RuntimeError(
                    f"0D target tensor expects 1D input tensors, but found inputs with size {input_.shape}"
                )
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        batched = target_.ndim > 0
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        classes = target.tolist()
        if any(not 0 <= c < self.n_classes for c in classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{min(classes)}, "
                f"{max(classes)}] were found. "
            )
        head = F.log_softmax(self.head(input), 1)
        # Each class is in the head itself, or there as its cluster.
        clusters = [sum(c >= cutoff for cutoff in self.cutoffs[:-1]) for c in classes]
        seen = [k + self.shortlist_size - 1 if k else c for c, k in zip(classes, clusters)]
        output = head.gather(1, tensor(seen, device=head.device).unsqueeze(1)).squeeze(1)
        parts, order = [], []
        for k in sorted(set(clusters)):
            rows = [i for i, cluster in enumerate(clusters) if cluster == k]
            at = tensor(rows, device=head.device)
            part = output.index_select(0, at)
            if k:
                inner = F.log_softmax(self.tail[k - 1](input.index_select(0, at)), 1)
                local = target.index_select(0, at) - self.cutoffs[k - 1]
                part = part + inner.gather(1, local.unsqueeze(1)).squeeze(1)
            parts.append(part)
            order += rows
        back = sorted(range(len(order)), key=order.__getitem__)
        if parts:
            output = cat(parts).index_select(0, tensor(back, device=head.device))
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _get_full_log_prob(self, input, head_output):
        head = F.log_softmax(head_output, 1)
        parts = [head[:, : self.shortlist_size]]
        for i, layer in enumerate(self.tail):
            inner = F.log_softmax(layer(input), 1)
            parts.append(inner + head[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, 1)

    def log_prob(self, input):
        """The log-probabilities of all classes: (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input):
        """The most probable class of each row: (N,)."""
        head_output = self.head(input)
        best = head_output.argmax(1)
        rare = best >= self.shortlist_size
        if not rare.any():
            return best
        return where(rare, self._get_full_log_prob(input, head_output).argmax(1), best)
