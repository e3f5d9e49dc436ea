"""torch.hub without a network: weights from a folder of files that were fetched before, or from a file itself."""

import hashlib
import os
import re
from urllib.parse import unquote, urlparse

from .serialization import load

__all__ = ["load_state_dict_from_url"]

# `resnet18-5c106cde.pth`: the digits begin the hash of the file.
_HASH = re.compile(r"-([a-f0-9]*)\.")


def _checkpoints() -> str:
    """PyTorch's folder of fetched weights, so that what it has fetched is found."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub", "checkpoints")


def load_state_dict_from_url(
    url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None, weights_only=False
):
    """The object saved at `url`, from the folder `model_dir` if it is there; of a `file:` URL, from that file.

    Nothing is fetched from a network. model_dir: PyTorch's own folder of checkpoints by default
    (`$TORCH_HOME/hub/checkpoints`). file_name: its name there, if it is not that of the URL. check_hash: compare the
    file with the digits in its name (`resnet18-5c106cde.pth`). progress: accepted, since nothing takes long.
    map_location, weights_only: as for `load`.

    Raises RuntimeError where the file is not there, or its hash is another one.
    """
    parts = urlparse(url)
    name = file_name if file_name is not None else os.path.basename(unquote(parts.path))
    path = os.path.join(_checkpoints() if model_dir is None else os.fspath(model_dir), name)
    if not os.path.exists(path):
        if parts.scheme != "file":
            raise RuntimeError(
                f"load_state_dict_from_url: {path} does not exist, and rustgrad fetches nothing from a network\n"
                f"hint: fetch {url} yourself, and save it under that name"
            )
        from urllib.request import url2pathname

        path = url2pathname(parts.path)
    if check_hash:
        _check_hash(path, name)
    return load(path, map_location=map_location, weights_only=weights_only)


def _check_hash(path: str, name: str) -> None:
    found = _HASH.search(name)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    wanted = found[1] if found else ""
    if not digest.startswith(wanted):
        raise RuntimeError(f'invalid hash value (expected "{wanted}", got "{digest}")')
