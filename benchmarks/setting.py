"""Where benchmarks run: a storage account, an OpenFace, and the product on both."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

from devstack import openface
from devstack.azurite import Storage
from devstack.running import running_storage
from devstack.stack import STATE_DIR
from openface_runner import services as services_module
from openface_runner.analysis import Analyser
from openface_runner.openface import command
from openface_runner.openface.command import Options
from openface_runner.openface.installation import Program
from openface_runner.services import Services
from openface_runner.settings import Settings
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install


class Setting:
    """A fresh storage account and a container, and the product with an OpenFace."""

    def __init__(self, folder: Path, storage: Storage, environment: Mapping[str, str], *, fake: bool) -> None:
        self.folder = folder
        self._fake = fake
        self.storage = storage
        self.environment = dict(environment)
        self.services = self.start()
        self.service = BlobServiceClient.from_connection_string(storage.connection_string)
        self.container = str(uuid.uuid4())
        self._media: ContainerClient = self.service.create_container(self.container)

    @classmethod
    @contextmanager
    def running(cls, *, fake: bool = False, image: str = GOOD_IMAGE) -> Iterator[Setting]:
        """A setting for the time of the context.

        Arguments:
            fake: replay a recorded run at once instead of measuring.
            image: what a fake FaceLandmarkImg does, in shell.
        """
        with ExitStack() as cleanup:
            folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))).resolve()
            storage = cleanup.enter_context(running_storage(folder / "storage"))
            if fake:
                engine = {"OPENFACE_BIN_DIR": str(install(folder / "bin", image=image, video=GOOD_VIDEO))}
            else:
                engine = dict(openface.choose(STATE_DIR).environment)
            (folder / "work").mkdir()
            environment = {
                **engine,
                "MediaStorage": storage.connection_string,
                "WORK_DIR": str(folder / "work"),
                "PROVE_AT_START": "false",
            }
            setting = cls(folder, storage, environment, fake=fake)
            cleanup.callback(setting.service.close)
            yield setting

    def start(self, **changes: str) -> Services:
        """The product with some settings changed."""
        with changed_environment({**self.environment, **changes}):
            return services_module.start()

    @property
    def engine(self) -> str:
        """Which OpenFace, or what stands in for it."""
        return "fake OpenFace" if self._fake else str(self.services.analyser.engine)

    @property
    def processes(self) -> int:
        """How many OpenFace processes the product runs at once."""
        return self.services.settings.openface_processes

    def upload(self, content: bytes | Path, suffix: str = "") -> BlobClient:
        """Upload a medium under a fresh name."""
        name = f"{uuid.uuid4().hex}{suffix}"
        if isinstance(content, bytes):
            return self._media.upload_blob(name, content)
        with content.open("rb") as file:
            return self._media.upload_blob(name, file, length=content.stat().st_size, max_concurrency=4)

    def fresh(self, name: str) -> Path:
        """A path in a fresh folder."""
        return Path(tempfile.mkdtemp(dir=self.folder)) / name

    def argv(self, media: Sequence[Path], program: Program) -> list[str]:
        """The bare OpenFace command that the product would run on these media."""
        installation = self.services.analyser.installation
        return command.build(installation, program, media, self.fresh("out"), Options())

    def bare(self, media: Sequence[Path], program: Program) -> None:
        """Run the bare OpenFace command."""
        subprocess.run(self.argv(media, program), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603

    def old_way(self, blob: BlobClient, program: Program) -> None:
        """What the service did that this product replaces: the whole blob in memory, a shell, no look at the result."""
        path = self.fresh(blob.blob_name)
        path.write_bytes(blob.download_blob().readall())
        os.system(f"{shlex.join(self.argv([path], program))} > /dev/null 2>&1")  # noqa: S605 - that was its way


@contextmanager
def changed_environment(changes: Mapping[str, str]) -> Iterator[None]:
    """This process's environment with some variables set, for the time of the context."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def chosen_engine() -> str:
    """Which OpenFace ``make bench`` uses here."""
    with changed_environment(dict(openface.choose(STATE_DIR).environment)):
        return str(Analyser.from_settings(Settings.from_environment()).engine)
