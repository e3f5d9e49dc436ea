//! Comparisons and logic: bool results, no gradients.

use crate::elementwise;

elementwise! {
    /// Whether `self` equals `other`, element by element.
    ///
    ///     >>> torch.eq(torch.tensor([1, 2]), torch.tensor([1, 3]))
    ///     tensor([ True, False])
    eq(a, b) -> bool all + complex + chalf + unsigned as ["eq(Tensor self, Operand other) -> Tensor; __eq__"] {
        value: a.eq(b),
        samples: ["ix(2, 3, n=3), ix(2, 3, n=3)", "u(2, 3), 1", "ix(2, 3, n=3), ix(3, n=3)", "edges(0.0, NAN), edges(-0.0, NAN)"],
    }
    /// Whether `self` differs from `other`, element by element.
    ne(a, b) -> bool all + complex + chalf + unsigned as ["ne(Tensor self, Operand other) -> Tensor; __ne__"] aliases ["not_equal"] {
        value: a.ne(b),
        samples: ["ix(2, 3, n=3), ix(2, 3, n=3)", "u(2, 3), 1", "edges(0.0, NAN), edges(-0.0, NAN)"],
    }
    /// Whether `self` is less than `other`, element by element.
    lt(a, b) -> bool all as ["lt(Tensor self, Operand other) -> Tensor; __lt__"] aliases ["less"] {
        value: a.lt(b),
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), 1", "u(3, 1), u(4)", "edges(0.0, NAN, -INF), edges(-0.0, NAN, INF)"],
    }
    /// Whether `self` is at most `other`, element by element.
    le(a, b) -> bool all as ["le(Tensor self, Operand other) -> Tensor; __le__"] aliases ["less_equal"] {
        value: a.le(b),
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), 1", "edges(0.0, NAN, -INF), edges(-0.0, NAN, INF)"],
    }
    /// Whether `self` is greater than `other`, element by element.
    gt(a, b) -> bool all as ["gt(Tensor self, Operand other) -> Tensor; __gt__"] aliases ["greater"] {
        value: a.gt(b),
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), 1", "edges(0.0, NAN, -INF), edges(-0.0, NAN, INF)"],
    }
    /// Whether `self` is at least `other`, element by element.
    ge(a, b) -> bool all as ["ge(Tensor self, Operand other) -> Tensor; __ge__"] aliases ["greater_equal"] {
        value: a.ge(b),
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), 1", "edges(0.0, NAN, -INF), edges(-0.0, NAN, INF)"],
    }
    /// Whether both are not zero.
    ///
    ///     >>> torch.logical_and(torch.tensor([True, True]), torch.tensor([True, False]))
    ///     tensor([ True, False])
    logical_and(a, b) -> bool all + complex as ["logical_and(Tensor self, Tensor other) -> Tensor"] {
        value: a.ne(0.0) & b.ne(0.0),
        samples: ["ix(2, 3, n=2), ix(2, 3, n=2)", "mask(2, 3), mask(3)", "edges(0.0, NAN), edges(1.0, 1.0)"],
    }
    /// Whether either is not zero.
    logical_or(a, b) -> bool all + complex as ["logical_or(Tensor self, Tensor other) -> Tensor"] {
        value: a.ne(0.0) | b.ne(0.0),
        samples: ["ix(2, 3, n=2), ix(2, 3, n=2)", "mask(2, 3), mask(3)"],
    }
    /// Whether exactly one is not zero.
    logical_xor(a, b) -> bool all + complex as ["logical_xor(Tensor self, Tensor other) -> Tensor"] {
        value: a.ne(0.0) ^ b.ne(0.0),
        samples: ["ix(2, 3, n=2), ix(2, 3, n=2)", "mask(2, 3), mask(3)"],
    }
    /// Whether each element is zero.
    logical_not(x) -> bool all + complex {
        value: x.eq(0.0),
        samples: ["ix(2, 3, n=2)", "mask(2, 3)", "edges(0.0, -0.0, NAN)"],
    }
}
