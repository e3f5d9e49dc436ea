"""The coefficients in `src/ops/elementwise/fits.rs`: Chebyshev interpolants, highest power first, for Horner's scheme.

python scripts/fits.py          # needs mpmath, nothing else does
"""

from mpmath import (
    airyai,
    airybi,
    besseli,
    besselj,
    besseljzero,
    besselk,
    bessely,
    cos,
    erfc,
    euler,
    exp,
    fac2,
    inf,
    log,
    mp,
    mpc,
    mpf,
    pi,
    sqrt,
)

mp.dps = 45
# The last terms of a fit, relative to the function.
FLOAT64, FLOAT32 = mpf(10) ** -17.3, mpf(10) ** -8.5


def interpolant(f, low, high, degree):
    """The coefficients of t^0, t^1, ... for t in [-1, 1] over [low, high], and the last three in Chebyshev's basis."""
    n = 2 * degree + 20
    nodes = [cos(pi * (k + mpf(1) / 2) / n) for k in range(n)]
    values = [f((low + high) / 2 + (high - low) / 2 * x) for x in nodes]
    angles = [pi * (k + mpf(1) / 2) / n for k in range(n)]
    c = [2 / mpf(n) * sum(v * cos(j * a) for v, a in zip(values, angles)) for j in range(degree + 1)]
    c[0] /= 2
    powers, before, now = [mpf(0)] * (degree + 1), [mpf(1)], [mpf(0), mpf(1)]
    for j in range(degree + 1):
        if j > 1:
            after = [mpf(0)] + [2 * x for x in now]
            for i, x in enumerate(before):
                after[i] -= x
            before, now = now, after
        for i, x in enumerate(before if j == 0 else now):
            powers[i] += c[j] * x
    return powers, [abs(x) for x in c[-3:]]


def show(name, coefficients):
    print(
        f"const {name}: [f64; {len(coefficients)}] = [{', '.join(repr(float(x)) for x in reversed(coefficients))}];",
        flush=True,
    )


def fit(name, f, low=0, high=1, relative=FLOAT64):
    """The interpolant of least degree whose last terms are below `relative` of the function."""
    low, high = mpf(low), mpf(high)
    size = max(abs(f(low + (high - low) * k / mpf(7))) for k in range(8))
    for degree in range(4, 40):
        powers, tail = interpolant(f, low, high, degree)
        if tail[-1] < relative * size and tail[-2] < 10 * relative * size:
            break
    show(name, powers)


def series(name, f, high, degree):
    """As `fit` on [0, high], in powers of the variable itself: for functions whose powers all add."""
    powers, _ = interpolant(f, mpf(0), mpf(high), degree)
    half, out = mpf(high) / 2, [mpf(0)]
    for c in reversed(powers):  # t = z / half - 1
        more = [mpf(0)] * (len(out) + 1)
        for i, x in enumerate(out):
            more[i + 1] += x / half
            more[i] -= x
        more[0] += c
        out = more
    while abs(out[-1]) < mpf(10) ** -60:
        out.pop()
    show(name, out)


def scaled_erfc(t):
    if t == 1:
        return 2 / sqrt(pi)
    x = mpf("3.75") * (1 + t) / (1 - t)
    if x < 60:
        return (1 + 2 * x) * exp(x * x) * erfc(x)
    return (2 + 1 / x) / sqrt(pi) * sum((-1) ** k * fac2(2 * k - 1) / (2 * x * x) ** k for k in range(25))


def asymptotic(order, x, sign, terms=30):
    """1 + sign (m - 1) / (8 x) + ..., with m = 4 order^2: of I (-1), K (1) and the Hankel function (1j)."""
    total, term = mpc(0), mpc(1)
    for k in range(1, terms):
        total += term
        term *= sign * (4 * order * order - (2 * k - 1) ** 2) / (k * 8 * x) if x < inf else 0
    return total


def large(f, order, start, sign, factor):
    """f(x) times its growth, of u = start / x."""

    def value(u):
        x = start / u if u > 0 else inf
        return f(order, x) * exp(sign * x) * sqrt(x) if u > mpf(1) / 20 else asymptotic(order, x, sign).real * factor

    return value


def hankel(order, odd):
    """The even part of modulus and phase at x >= 8, or the odd one times x / 8, of (8 / x)^2."""

    def value(v):
        x = 8 / sqrt(max(v, mpf(10) ** -30))
        if x < 300:
            h = (
                (besselj(order, x) + 1j * bessely(order, x))
                * sqrt(pi * x / 2)
                * exp(-1j * (x - order * pi / 2 - pi / 4))
            )
        else:
            h = asymptotic(order, x, 1j, 20)
        return h.imag * x / 8 if odd else h.real

    return value


def small_zeros(order):
    """J / x^order over its first two zeros in x^2."""
    a, b = (besseljzero(order, k) ** 2 for k in (1, 2))
    return lambda w: (
        (besselj(order, sqrt(w)) / sqrt(w) ** order if w > 0 else mpf(1) / (1 + order)) / ((w - a) * (w - b))
    )


def airy_terms(z, sign):
    total, term = mpc(0), mpc(1)
    for k in range(1, 30):
        total += term
        term *= sign * (6 * k - 5) * (6 * k - 1) / mpf(72) / k / z if z < inf else 0
    return total


def airy_right(u):
    zeta = 2 * mpf(2) ** mpf("1.5") / 3
    if u < mpf(1) / 60:
        return airy_terms(zeta / u if u > 0 else inf, -1).real
    x = (mpf(3) / 2 * zeta / u) ** (mpf(2) / 3)
    return airyai(x) * exp(zeta / u) * 2 * sqrt(pi) * x ** mpf(".25")


def airy_left(odd):
    def value(v):
        u = sqrt(max(v, mpf(10) ** -30))
        z = 2 * mpf(5) ** mpf("1.5") / 3 / u
        x = (mpf(3) / 2 * z) ** (mpf(2) / 3)
        if u > mpf(1) / 60:
            c = sqrt(pi) * x ** mpf(".25") * (airybi(-x) + 1j * airyai(-x)) * exp(-1j * (z + pi / 4))
        else:
            c = airy_terms(z, -1j)
        return c.imag / u if odd else c.real

    return value


def k_small(w):
    return besselk(0, sqrt(w)) + log(sqrt(w) / 2) * besseli(0, sqrt(w)) if w > 0 else -euler


def k1_small(w):
    return sqrt(w) * (besselk(1, sqrt(w)) - log(sqrt(w) / 2) * besseli(1, sqrt(w))) if w > 0 else mpf(1)


def y0_small(w):
    if w == 0:
        return 2 / pi * (euler - log(2))
    return bessely(0, sqrt(w)) - 2 / pi * log(sqrt(w)) * besselj(0, sqrt(w))


def y1_small(w):
    if w == 0:
        return (2 * euler - 1 - 2 * log(2)) / (2 * pi)
    x = sqrt(w)
    return (bessely(1, x) - 2 / pi * (log(x) * besselj(1, x) - 1 / x)) / x


if __name__ == "__main__":
    fit("ERFCX", scaled_erfc, -1, 1)
    fit("ERFCX32", scaled_erfc, -1, 1, FLOAT32)  # rg_erfc of shaders/math.wgsl
    series("I0_SMALL", lambda z: besseli(0, 2 * sqrt(z)), 16, 17)
    series("I1_SMALL", lambda z: besseli(1, 2 * sqrt(z)) / sqrt(z) if z > mpf(10) ** -40 else mpf(1), 16, 16)
    for order in (0, 1):
        fit(f"I{order}_LARGE", large(besseli, order, 8, -1, 1 / sqrt(2 * pi)))
        fit(f"K{order}_LARGE", large(besselk, order, 2, 1, sqrt(pi / 2)))
        fit(f"J{order}_SMALL", small_zeros(order), 0, 64)
        fit(f"P{order}", hankel(order, False))
        fit(f"Q{order}", hankel(order, True))
    fit("K0_SMALL", k_small, 0, 4)
    fit("K1_SMALL", k1_small, 0, 4)
    fit("Y0_SMALL", y0_small, 0, 64)
    fit("Y1_SMALL", y1_small, 0, 64)
    fit("AIRY_MID", airyai, -5, 2)
    fit("AIRY", airy_right)
    fit("AIRY_P", airy_left(False))
    fit("AIRY_Q", airy_left(True))
