"""What ARCHITECTURE asks of the tree itself: rooms of a readable size, the Python floors, no PyTorch anywhere."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "python" / "rustgrad"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def imports(path):
    """Absolute names of the modules that a file imports."""
    package = [path.parent.relative_to(PACKAGE.parent).parts] if path.is_relative_to(PACKAGE) else [()]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[0][: len(package[0]) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=names(SOURCES + TESTS))
def test_no_file_is_a_hall(path):
    lines = path.read_text().count("\n")
    assert lines <= 600, f"{lines} lines; split it by subject"


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text())), "a module opens with its charter"


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=names(SOURCES + TESTS))
def test_nothing_imports_torch(path):
    golden = path.is_relative_to(ROOT / "tests" / "golden")
    program = path.is_relative_to(ROOT / "tests" / "programs")  # run as PyTorch programs, by rustgrad
    assert golden or program or not [name for name in imports(path) if re.match(r"torch(\.|$)", name)]


# Where the library's own name is meant, whatever a program calls it.
OWN_NAME = re.compile(
    r"^rustgrad[.\w]*$|python -m rustgrad\.|rustgrad\.(gpu|as_torch|check|datasets|summary|utils\.draw)\b"
)


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_messages_say_the_name_that_the_program_says(path):
    """In a PyTorch program (`rustgrad.as_torch`) the library is called torch: messages ask `_rustgrad._library()`."""
    if path.parent.name in ("_as_torch", "_names"):
        return
    tree = ast.parse(path.read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]  # docs, of attributes too
    docs = {id(node) for node in texts}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    messages = [node.value for node in constants if id(node) not in docs]
    assert not [text for text in messages if re.search(r"\brustgrad\.\w", OWN_NAME.sub("", text))]


@pytest.mark.parametrize("path", sorted((PACKAGE / "optim").rglob("*.py")), ids=str)
def test_optim_does_not_know_nn(path):
    """But for swa_utils: an averaged model is a Module."""
    assert path.stem == "swa_utils" or not [name for name in imports(path) if name.startswith("rustgrad.nn")]


@pytest.mark.parametrize("path", sorted((PACKAGE / "nn").rglob("*.py")), ids=str)
def test_nn_imports_one_way(path):
    """functional knows no modules; nothing in nn knows optim, utils.data or the demo."""
    found = list(imports(path))
    behind = ["rustgrad.optim", "rustgrad.utils.data", "rustgrad.datasets", "rustgrad.demo"]
    if "functional" in path.parts or path.relative_to(PACKAGE / "nn").as_posix() in ("parameter.py", "init.py"):
        behind += ["rustgrad.nn.modules", "rustgrad.nn.utils"]
    assert not [name for name in found if name.startswith(tuple(behind))]


# Crates that run while building, or only in tests: nothing of them is in the wheel.
BUILD_ONLY = """
    autocfg bytemuck_derive cfg_aliases document-features heck litrs paste proc-macro2 pyo3-build-config pyo3-macros
    pyo3-macros-backend quote rustversion seq-macro serde_derive syn target-lexicon thiserror-impl unicode-ident
    version_check windows-implement windows-interface zerocopy-derive
""".split()
# Crates of wgpu on systems that we build no wheel for (the web, Android, Redox), and of features that are off.
ELSEWHERE = """
    android_system_properties bumpalo dispatch2 futures-core futures-task futures-util js-sys objc2-io-surface
    pin-project-lite portable-atomic-util redox_syscall slab tokio wasm-bindgen wasm-bindgen-futures wasm-bindgen-macro
    wasm-bindgen-macro-support wasm-bindgen-shared web-sys
""".split()


def test_every_linked_crate_is_named_in_the_notice():
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    graph = {}
    for crate in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]:
        graph.setdefault(crate["name"], set()).update(d.split()[0] for d in crate.get("dependencies", []))
    todo = {*manifest["dependencies"], *(d for t in manifest["target"].values() for d in t["dependencies"])}
    linked = set()
    while todo:
        name = todo.pop()
        linked.add(name)
        todo |= graph[name] - linked
    named = set((ROOT / "NOTICE").read_text().replace(",", " ").split())
    assert not linked - named - {*BUILD_ONLY, *ELSEWHERE}
