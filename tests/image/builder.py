"""Container images without an engine: buildah in a chroot, on base images made of Debian packages.

Nothing here needs a registry. What is built once for all tests is kept between runs, below the state folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = ("buildah", "mmdebstrap")
_BASES = Path(__file__).with_name("bases")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP_CONFIGURATION = Path("/etc/pip.conf")


class BuildFailed(Exception):
    """An image can't be built; the text is what the build printed."""


@dataclass(frozen=True)
class Builder:
    """Builds and runs images.

    Arguments:
        state_dir: a folder of its own, for the images and the systems that they are made of.
    """

    state_dir: Path

    def system(self, suite: str, packages: Sequence[str] = ()) -> str:
        """An image of a bare Debian with a few packages; its name."""
        key = hashlib.sha256(repr((suite, sorted(packages))).encode()).hexdigest()[:12]
        name = f"localhost/system-{suite}-{key}"
        archive = self.state_dir / f"{suite}-{key}.tar"
        if not archive.exists():
            partial = archive.with_suffix(".partial.tar")
            self.state_dir.mkdir(parents=True, exist_ok=True)
            include = [f"--include={','.join(packages)}"] if packages else []
            _run(["mmdebstrap", "--quiet", "--variant=essential", *include, suite, str(partial)])
            partial.rename(archive)
        if not self._has(name):
            with self._container("scratch") as container:
                self._buildah("add", "--quiet", container, str(archive), "/")
                self._buildah("config", "--cmd", "/bin/sh", container)
                self._buildah("commit", "--quiet", container, name)
        return name

    def build(
        self,
        context: Path,
        file: Path,
        name: str,
        arguments: Mapping[str, str] | None = None,
        target: str | None = None,
    ) -> str:
        """Build an image; its name.

        Raises:
            BuildFailed: with what the build printed.
        """
        # A build that fails would leave a container behind otherwise, mounted.
        words = ["build", "--isolation=chroot", "--layers", "--force-rm"]
        words += ["--file", str(file), "--tag", f"localhost/{name}"]
        for key, value in (arguments or {}).items():
            words += ["--build-arg", f"{key}={value}"]
        if target:
            words += ["--target", target]
        self._buildah(*words, str(context))
        return f"localhost/{name}"

    def functions(self) -> str:
        """An image with the paths and the environment of Microsoft's Functions image for Python 3.13."""
        system = self.system("trixie", ("python3", "python3-pip", "ca-certificates", "passwd", "libstdc++6"))
        context = self.state_dir / "functions"
        context.mkdir(exist_ok=True)
        for source in (_CERTIFICATES, _PIP_CONFIGURATION):
            (context / source.name).write_bytes(source.read_bytes() if source.exists() else b"")
        return self.build(context, _BASES / "functions.Containerfile", "functions", {"SYSTEM": system})

    @contextmanager
    def running(self, image: str, mounts: Mapping[Path, str] | None = None) -> Iterator[Container]:
        """A container of an image, in which commands can be run."""
        with self._container(image) as name:
            yield Container(self, name, dict(mounts or {}))

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The folder that is an image's root, seen from outside."""
        with self._container(image) as container:
            yield Path(self._buildah("mount", container).strip())

    def size(self, image: str) -> int:
        """Bytes of all files in an image."""
        with self.mounted(image) as root:
            return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())

    @contextmanager
    def _container(self, image: str) -> Iterator[str]:
        name = self._buildah("from", "--pull-never", image).strip()
        try:
            yield name
        finally:
            self._buildah("rm", name)

    def _has(self, image: str) -> bool:
        return bool(self._buildah("images", "--quiet", "--filter", f"reference={image}").strip())

    def command(self, *words: str) -> list[str]:
        """The words that run buildah on the images of this builder."""
        store = self.state_dir / "store"
        return ["buildah", "--root", str(store), "--runroot", str(self.state_dir / "run"), *words]

    def _buildah(self, *words: str) -> str:
        return _run(self.command(*words))


@dataclass(frozen=True)
class Container:
    """A container in which commands can be run, as the image's user and in its folder."""

    builder: Builder
    name: str
    mounts: Mapping[Path, str]

    def words(self, *command: str, environment: Mapping[str, str] | None = None) -> list[str]:
        """The words that run a command in it."""
        mounted = [word for source, place in self.mounts.items() for word in ("--volume", f"{source}:{place}")]
        variables = [word for name, value in (environment or {}).items() for word in ("--env", f"{name}={value}")]
        return self.builder.command("run", "--isolation=chroot", *mounted, *variables, self.name, "--", *command)

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        words = self.words(*command, environment=environment)
        return subprocess.run(words, capture_output=True, text=True, env=_environment(), check=False)


def missing_tools() -> list[str]:
    """The tools that this machine lacks."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return missing if os.geteuid() == 0 else [*missing, "the rights of root"]


def _environment() -> dict[str, str]:
    # Health checks are kept by the Docker format only.
    return {**os.environ, "BUILDAH_FORMAT": "docker", "BUILDAH_ISOLATION": "chroot"}


def _run(words: Sequence[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, env=_environment(), check=False)
    if done.returncode:
        raise BuildFailed(f"{' '.join(words)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
    return done.stdout
