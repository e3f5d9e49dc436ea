"""The GPU of the tests: Mesa's software adapter unless `RUSTGRAD_GPU` says otherwise. Tests marked `gpu` are not run
where there is none, which the summary says loudly.
"""

import os
from pathlib import Path

import pytest

# Before the first use of the GPU. Other drivers are not even looked at.
os.environ.setdefault("RUSTGRAD_GPU", "software")
LAVAPIPE = sorted(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*.json"))
if os.environ["RUSTGRAD_GPU"] == "software" and LAVAPIPE:
    os.environ.setdefault("VK_ICD_FILENAMES", str(LAVAPIPE[0]))
    # Its threads take as long to wake and sleep as tests' small kernels take to run; pytest's processes fill the cores.
    os.environ.setdefault("LP_NUM_THREADS", "0")

NOT_RUN = pytest.StashKey()


@pytest.fixture(autouse=True)
def no_panic():
    """Fails a test in which Rust panicked, also where the panic became an exception that the test expects."""
    from rustgrad import _rustgrad

    before = _rustgrad._panics()
    yield
    assert _rustgrad._panics() == before, "Rust panicked during this test: its standard error shows where"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import rustgrad

    if rustgrad.gpu.is_available():
        rustgrad._rustgrad._gpu_texts()  # from here on, kernels are kept for tests that read them
        return
    try:
        rustgrad.gpu.device_name()
    except RuntimeError as error:
        config.stash[NOT_RUN] = (len(marked), str(error).splitlines()[0])
    items[:] = [item for item in items if item not in marked]
    config.hook.pytest_deselected(items=marked)


def pytest_report_header(config):
    return f"RUSTGRAD_GPU={os.environ['RUSTGRAD_GPU']}"


# With pytest-xdist each worker collects all tests, and the process that prints the summary none.
def pytest_sessionfinish(session):
    if NOT_RUN in session.config.stash and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_run"] = session.config.stash[NOT_RUN]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    if not_run := getattr(node, "workeroutput", {}).get("not_run"):
        node.config.stash[NOT_RUN] = not_run


def pytest_terminal_summary(terminalreporter, config):
    if NOT_RUN in config.stash:
        count, why = config.stash[NOT_RUN]
        line = f"{count} GPU TESTS WERE NOT RUN ({why}): apt-get install mesa-vulkan-drivers"
        terminalreporter.write_line(line, red=True, bold=True)
