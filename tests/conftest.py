"""What all tests share: how hypothesis runs, where real data is, which machine can run GPU tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# A machine that is lent for its GPU may have neither; the tests that need one need neither of them.
try:
    import hypothesis
    import psutil
except ModuleNotFoundError:
    hypothesis = psutil = None

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.kit.browser import Visitor
    from tests.kit.s3 import S3Server

if hypothesis is not None:
    hypothesis.settings.register_profile("default", deadline=None, max_examples=50)
    hypothesis.settings.register_profile(
        "ci", hypothesis.settings.get_profile("default"), derandomize=True, database=None, print_blob=True
    )
    hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1500)
    hypothesis.settings.load_profile(
        os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
    )

# As many processes compute at a time as there are CPUs: a thread for each CPU in each of them is too many.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Kernels written in Triton run in its interpreter where there is no GPU, which must be said before anything
# imports it.
if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Ray turns tokens on for the clusters that it starts, and reads which way it is once a process: whoever
# switches between two tests has clients that the servers of their own cluster refuse.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")

# Ray's 15 starves its workers beside other tests: where each CPU computes, they have a thirtieth of one.
os.environ.setdefault("RAY_worker_niceness", "0")

# A shell has what it starts in the background ignore Ctrl-C, and all children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LEFT_BEHIND = pytest.StashKey[list[str]]()
_GRACE_S = 5.0


@pytest.fixture(scope="session")
def data_root(pytestconfig: pytest.Config) -> Path:
    """The folder of real scenes and pictures beside the checkout."""
    root = pytestconfig.rootpath.parent / "shared" / "data"
    if not root.is_dir():
        pytest.skip("the real data is not there: ../shared/data beside the checkout")
    return root


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server on loopback, for the whole session."""
    from tests.kit.s3 import run_s3_server

    with run_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


# Not for the session: as long as playwright runs, its event loop is the thread's, and nobody else's starts.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium, without a window; skips the test where there is none."""
    from tests.kit.browser import run_browser

    with run_browser() as running:
        yield running


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visitor]:
    """Opens a page in a window of its own; what no page may do there fails the test when it ends."""
    from tests.kit.browser import visits

    with visits(browser) as visitor:
        yield visitor


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share whole files: fixtures of a module or of Ray are then made once, and for both ways to ask."""
    if config.getvalue("dist") not in ("load", "loadfile"):
        return None
    from tests.kit.sharing import FilesWithRayTogether

    config.option.loadscopereorder = False
    return FilesWithRayTogether(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests marked ``gpu`` where there is none; torch is imported only if one was collected."""
    if hasattr(config, "workerinput"):
        from tests.kit.sharing import put_long_files_first

        put_long_files_first(items)
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if on_gpu and not _has_cuda():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the S3 server's log with a failure of a test that uses it."""
    report = yield
    server: S3Server | None = getattr(item, "funcargs", {}).get("s3_server")
    if report.failed and server is not None:
        report.sections.append(("S3 server", server.last_words()))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a child process outlives it: a killed worker's child, a server, a Ray node."""
    config = session.config
    if not getattr(config.option, "numprocesses", None):  # else the children are xdist's, and tell of theirs
        config.stash[LEFT_BEHIND] = _children_left()
    left = config.stash.get(LEFT_BEHIND, [])
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_behind"] = left
    if left and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist found left behind."""
    left = getattr(node, "workeroutput", {}).get("left_behind", [])
    node.config.stash.setdefault(LEFT_BEHIND, []).extend(left)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the processes that were left behind."""
    for line in config.stash.get(LEFT_BEHIND, []):
        terminalreporter.write_line(f"left behind by the tests: {line}", red=True)


def _has_cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


def _children_left() -> list[str]:
    """Return the command lines of child processes that do not end by themselves within the grace time."""
    if psutil is None:
        return []
    children = [child for child in psutil.Process().children(recursive=True) if not _is_pythons_own(child)]
    _, alive = psutil.wait_procs(children, timeout=_GRACE_S)
    return [f"pid {child.pid}: {_command(child)}" for child in alive]


def _is_pythons_own(process: Any) -> bool:
    """Whether it is the tracker that multiprocessing keeps until the interpreter ends."""
    return "multiprocessing.resource_tracker" in _command(process)


def _command(process: Any) -> str:
    try:
        return " ".join(process.cmdline()) or process.status()
    except psutil.NoSuchProcess:
        return "gone"
