"""Microsoft's own host on a laptop, `func start`, where the Azure Functions Core Tools are installed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from devstack import processes
from devstack.errors import FunctionAppError, PartEnded
from devstack.ports import LOOPBACK

_STOP_SECONDS = 20.0


def find() -> str | None:
    """The `func` program on the PATH, or None."""
    return shutil.which("func")


class CoreTools:
    """A running `func start`; made by `running`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.url = f"http://{LOOPBACK}:{port}"

    async def run(self) -> None:
        """Return never: raises PartEnded when it ends by itself."""
        code = await self._process.wait()
        raise PartEnded(f"`func start` ended by itself ({processes.how_it_ended(code)}); see what it printed above.")


@asynccontextmanager
async def running(app_dir: Path, *, environment: Mapping[str, str], port: int) -> AsyncIterator[CoreTools]:
    """Start `func start` in the app's folder and stop it at the end. It answers some seconds later.

    `environment` wins over local.settings.json, as func has it. Raises FunctionAppError when func or that file is
    missing.
    """
    func = find()
    if func is None:
        raise FunctionAppError("The Azure Functions Core Tools aren't installed: there is no `func` on the PATH.")
    if not (app_dir / "local.settings.json").is_file():
        raise FunctionAppError(
            f"`func start` needs {app_dir / 'local.settings.json'}: copy local.settings.json.example to it."
        )
    process = await asyncio.create_subprocess_exec(
        *(func, "start", "--port", str(port)),
        cwd=app_dir,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield CoreTools(process, port)
    finally:
        await processes.stop(process, grace=_STOP_SECONDS)
