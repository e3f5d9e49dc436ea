"""The page of all names: what PyTorch has, and which of it rustgrad has. `rustgrad/_names/torch.txt` lists them.

Usage: PYTHON scripts/names.py FILE.html. Prints how many names of each module are there.
"""

import html
import sys
from pathlib import Path

from rustgrad import _names
from rustgrad._names import kinds

# The modules and classes whose names the page lists, in its order.
PLACES = """
torch torch.Tensor torch.nn torch.nn.Module torch.nn.functional torch.nn.init torch.nn.utils torch.nn.utils.rnn
torch.nn.utils.parametrize torch.nn.attention torch.nn.parallel torch.optim torch.optim.Optimizer
torch.optim.lr_scheduler torch.autograd torch.autograd.functional torch.autograd.forward_ad torch.autograd.graph
torch.func torch.utils.data torch.utils.checkpoint torch.utils.tensorboard torch.utils.benchmark torch.utils.dlpack
torch.utils._pytree torch.linalg torch.fft torch.special torch.signal.windows torch.distributions
torch.distributions.constraints torch.distributions.transforms torch.amp torch.cuda torch.cuda.amp torch.accelerator
torch.mps torch.cpu torch.backends torch.backends.cuda torch.backends.cudnn torch.backends.mkldnn torch.serialization
torch.random torch.hub torch.jit torch.compiler torch.export torch.fx torch.library torch.onnx torch.profiler
torch.testing
torch.overrides torch.futures torch.multiprocessing torch.distributed torch.sparse torch.nested torch.masked
torch.return_types torch.types torch.version torch.__config__ torch.Generator torch.Size
""".split()

HEAD = """<!doctype html>
<meta charset="utf-8">
<title>rustgrad: PyTorch's names</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em }
code { margin-right: .6em; white-space: nowrap; display: inline-block }
.has { color: #06662f } .raises { color: #8a5a00 } .lacks { color: #999; text-decoration: line-through }
</style>
"""


def state(place: str, name: str) -> str:
    """has, raises (it is there to raise a clear error), or lacks."""
    if place.rpartition(".")[2][:1].isupper():
        return "has" if name in _names.held(place) else "lacks"
    path = f"{place}.{name}"
    return "raises" if kinds.raises(path) else "has" if kinds.exists(path) else "lacks"


def main(file: str) -> None:
    parts, total, there = [], 0, 0
    for place in PLACES:
        names = {name: state(place, name) for name in sorted(_names.listed(place)) if not name.startswith("_")}
        if not names:
            continue
        has = sum(found == "has" for found in names.values())
        total, there = total + len(names), there + has
        print(f"{has:5d} of {len(names):4d}  {place}")
        listed = " ".join(f'<code class="{found}">{html.escape(name)}</code>' for name, found in names.items())
        parts.append(f"<h2>{place}</h2>\n<p>{has} of {len(names)} names.</p>\n<p>{listed}</p>\n")
    intro = (
        f"<h1>PyTorch's names in rustgrad</h1>\n<p>{there} of {total} public names of PyTorch 2.13 are here. "
        '<span class="raises">Brown</span>: there, and raises a clear error. <span class="lacks">Struck out</span>: '
        "not there yet. <code>python -m rustgrad.check FILE</code> lists what a program of yours lacks.</p>\n"
    )
    Path(file).write_text(HEAD + intro + "".join(parts), encoding="utf-8")
    print(f"{there:5d} of {total:4d}  all")


if __name__ == "__main__":
    main(sys.argv[1])
