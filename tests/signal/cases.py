"""Windows of signal.windows, and what they refuse."""

from support import Cases, raised

CASES = Cases()
case = CASES.case

NAMES = "bartlett blackman cosine exponential gaussian general_hamming hamming hann kaiser nuttall".split()


@case(rtol=2e-5, atol=1e-6)
def windows(torch):
    found = {}
    for name in NAMES:
        window = getattr(torch.signal.windows, name)
        for count in (0, 1, 2, 7, 8):
            for sym in (True, False):
                found[f"{name} {count} {sym}"] = window(count, sym=sym)
    return found


@case(rtol=1e-12, atol=1e-14)
def windows_in_double(torch):
    windows = torch.signal.windows
    return [
        windows.kaiser(9, beta=3.0, dtype=torch.float64),
        windows.kaiser(9, beta=0.0, sym=False, dtype=torch.float64),
        windows.gaussian(6, std=0.9, sym=False, dtype=torch.float64),
        windows.exponential(6, tau=0.5, dtype=torch.float64),
        windows.exponential(6, center=1.0, tau=2.0, sym=False, dtype=torch.float64),
        windows.general_cosine(7, a=[0.46, 0.23, 0.31], sym=False, dtype=torch.float64),
        windows.general_cosine(7, a=(0.5,), dtype=torch.float64),
        windows.general_hamming(5, alpha=0.7, dtype=torch.float64),
        windows.nuttall(11, dtype=torch.float64),
    ]


@case()
def windows_refuse(torch):
    windows = torch.signal.windows
    return [
        raised(windows.hann, -1),
        raised(windows.cosine, 4, dtype=torch.float16),
        raised(windows.cosine, 4, dtype=torch.int64),
        raised(windows.exponential, 4, tau=0),
        raised(windows.exponential, 4, center=1.0),
        raised(windows.gaussian, 4, std=-1.0),
        raised(windows.kaiser, 4, beta=-1.0),
        raised(windows.general_cosine, 4, a=3),
        raised(windows.general_cosine, 4, a=[]),
    ]


@case()
def windows_require_grad(torch):
    window = torch.signal.windows.hann(4, requires_grad=True)
    return [window.requires_grad, str(window.dtype), window.shape]
