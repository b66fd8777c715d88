"""Fixtures of general use: a storage account, the product on it, and a whole devstack around a function app."""

from __future__ import annotations

import os
import shutil
import signal
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from devstack.azurite import Storage
from devstack.errors import AzuriteNotInstalled
from devstack.running import Devstack, running_storage
from tests.support.bench import Bench
from tests.support.missing import skip_or_fail

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ["tests.support.fault_report"]


def pytest_configure() -> None:
    """Let programs under test hear SIGINT: a shell has what it runs in the background ignore it, by inheritance."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _scheduled_as_before() -> Iterator[None]:
    """Fail the test that leaves this process a real-time one: what is started later would be, too, and starve others.

    SVT-AV1 does; see tests.support.video_encoding.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == before


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """An Azurite on ports of its own, for the whole session; each test uses containers of its own."""
    with ExitStack() as cleanup:
        try:
            account = cleanup.enter_context(running_storage(tmp_path_factory.mktemp("azurite")))
        except AzuriteNotInstalled as error:
            skip_or_fail(error)
        yield account


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser; a module's, since while it runs its thread can run no event loop of another's."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        skip_or_fail("There is no Chromium here; on Debian: apt install chromium.")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        skip_or_fail(error)
    with sync_playwright() as playwright:
        # Root, which containers and CI machines often are, can't have Chromium's own sandbox.
        running = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        yield running
        running.close()


@pytest.fixture
def bench(storage: Storage, tmp_path: Path) -> Iterator[Bench]:
    """The product on real storage with a fake OpenFace, and one uploaded medium."""
    with Bench.running(storage, tmp_path) as running:
        yield running


class StartDevstack(Protocol):
    """Starts a devstack around an app; the arguments are those of `Devstack.running`."""

    def __call__(self, app_dir: Path, **arguments: Any) -> Devstack: ...


@pytest.fixture
def start_devstack(storage: Storage) -> Iterator[StartDevstack]:
    """Start devstacks on the session's storage; they are stopped when the test ends."""
    with ExitStack() as cleanup:

        def start(app_dir: Path, **arguments: Any) -> Devstack:
            return cleanup.enter_context(Devstack.running(app_dir, **({"storage": storage} | arguments)))

        yield start


@pytest.fixture
def write_app(tmp_path: Path) -> Callable[..., Path]:
    """Write a function app from the text of its function_app.py; returns its folder."""

    def write(function_app: str, *, host_json: str = '{"version": "2.0"}') -> Path:
        folder = tmp_path / "app"
        folder.mkdir(exist_ok=True)
        (folder / "function_app.py").write_text(textwrap.dedent(function_app), "utf-8")
        (folder / "host.json").write_text(host_json, "utf-8")
        return folder

    return write


@pytest.fixture
def pid_pipe(tmp_path: Path) -> Path:
    """A pipe through which a program tells its process id; to read it is to wait for it."""
    path = tmp_path / "pids"
    os.mkfifo(path)
    return path
