"""Models from a folder with a `hubconf.py`. Nothing is downloaded: other sources are read from the cache."""

import os
import re
import shutil
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from urllib.parse import urlparse as urlparse

from ._names import lookup as _lookup

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
"""The hash in the name of a file."""
_dir: str | None = None


def get_dir() -> str:
    """The cache's folder: that of `set_dir`, else `hub` in $TORCH_HOME, $XDG_CACHE_HOME/torch or ~/.cache/torch."""
    if _dir is not None:
        return _dir
    return os.path.join(_get_torch_home(), "hub")


def _get_torch_home() -> str:
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def set_dir(d) -> None:
    """Use another folder as the cache."""
    global _dir
    _dir = os.path.expanduser(os.fspath(d))


def _folder(repo: str, source: str) -> str:
    """The folder that a repository lies in.

    Raises ValueError for an unknown source, RuntimeError where it is not in the cache.
    """
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "local":
        return os.path.expanduser(repo)
    name, _, branch = repo.partition(":")
    owner, _, project = name.partition("/")
    for ref in (branch,) if branch else ("main", "master"):
        folder = os.path.join(get_dir(), f"{owner}_{project}_{ref.replace('/', '_')}")
        if os.path.isdir(folder):
            return folder
    raise RuntimeError(
        f"hub: {repo!r} is not in the cache {get_dir()!r}, and rustgrad does not download\n"
        'hint: clone the repository, and load it with torch.hub.load(folder, model, source="local")'
    )


def _hubconf(folder: str):
    """The module of a folder's hubconf.py, run anew. Raises RuntimeError where a package that it names is missing."""
    path = os.path.join(folder, "hubconf.py")
    if not os.path.exists(path):
        raise FileNotFoundError(2, os.strerror(2), path)
    spec = spec_from_file_location("hubconf", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    missing = [name for name in getattr(module, "dependencies", ()) if name != "torch" and find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module, name: str):
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    entry = getattr(module, name, None)
    if not callable(entry):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return entry


def load(
    repo_or_dir,
    model,
    *args,
    source="github",
    trust_repo="check",
    force_reload=False,
    verbose=True,
    skip_validation=False,
    **kwargs,
):
    """What the function `model` of a repository's hubconf.py returns for the other arguments.

    source: "local" for a folder, "github" for a repository in the cache. The file is run: load what you trust. Raises
    FileNotFoundError without a hubconf.py, RuntimeError where the function, a dependency or the repository is missing.
    """
    folder = _folder(repo_or_dir, source)
    sys.path.insert(0, folder)  # models import their neighbours when they are made, too
    try:
        return _entry(_hubconf(folder), model)(*args, **kwargs)
    finally:
        sys.path.remove(folder)


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True):
    """The names of the functions in a repository's hubconf.py; `github` is in the cache, or a folder."""
    module = _hubconf(_folder(github, "local" if os.path.isdir(github) else "github"))
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check"):
    """The doc string of a function in a repository's hubconf.py."""
    return _entry(_hubconf(_folder(github, "local" if os.path.isdir(github) else "github")), model).__doc__


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Copy a `file:` URL to the file `dst`; any other raises RuntimeError, as nothing is downloaded.

    hash_prefix: what the SHA-256 of the file must begin with, else RuntimeError.
    """
    from urllib.request import url2pathname

    parts = urlparse(url)
    if parts.scheme != "file":
        raise RuntimeError(
            f"hub: rustgrad does not download {url!r}\nhint: fetch the file by other means and put it at {dst!r}"
        )
    source = url2pathname(parts.path)
    if hash_prefix is not None:
        _check_hash(source, hash_prefix)
    aside = f"{os.path.expanduser(dst)}.{os.getpid()}.partial"
    shutil.copyfile(source, aside)
    os.replace(aside, os.path.expanduser(dst))


def load_state_dict_from_url(
    url: str,
    model_dir=None,
    map_location=None,
    progress=True,
    check_hash=False,
    file_name=None,
    weights_only=False,
):
    """The object saved at `url`, from the folder `model_dir` if it is there; of a `file:` URL, from that file.

    Nothing is fetched from a network. model_dir: `get_dir()`/checkpoints by default, PyTorch's own folder. file_name:
    its name there, if it is not that of the URL. check_hash: compare the file with the digits in its name
    (`resnet18-5c106cde.pth`). progress: accepted, since nothing takes long. map_location, weights_only: as for `load`.

    Raises RuntimeError where the file is not there, or its hash is another one.
    """
    from urllib.parse import unquote, urlparse
    from urllib.request import url2pathname

    parts = urlparse(url)
    name = file_name if file_name is not None else os.path.basename(unquote(parts.path))
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else os.fspath(model_dir)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        if parts.scheme != "file":
            raise RuntimeError(
                f"load_state_dict_from_url: {path} does not exist, and rustgrad fetches nothing from a network\n"
                f"hint: fetch {url} yourself, and save it under that name"
            )
        path = url2pathname(parts.path)
    if check_hash:
        found = HASH_REGEX.search(name)
        _check_hash(path, found[1] if found else "")
    return import_module("rustgrad").load(path, map_location=map_location, weights_only=weights_only)


def _check_hash(path: str, wanted: str) -> None:
    import hashlib

    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(wanted):
        raise RuntimeError(f'invalid hash value (expected "{wanted}", got "{digest}")')


class _Bar:
    """Stands for tqdm's progress bar where tqdm is not installed: it prints how much is done."""

    def __init__(self, total=None, disable=False, unit=None, *args, **kwargs):
        self.total, self.disable, self.n = total, disable, 0

    def update(self, n):
        """Go on by `n`."""
        self.n += n
        if not self.disable:
            share = f"{100 * self.n / self.total:.1f}%" if self.total else f"{self.n:.1f} bytes"
            print(f"\r{share}", end="", file=sys.stderr, flush=True)

    def set_description(self, *args, **kwargs):
        """Nothing is printed."""

    def close(self):
        """Ends the line."""
        if not self.disable:
            print(file=sys.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


_missing = _lookup("torch.hub")


def __getattr__(name: str):
    if name != "tqdm":
        return _missing(name)
    try:
        from tqdm import tqdm
    except ImportError:
        return _Bar
    return tqdm
