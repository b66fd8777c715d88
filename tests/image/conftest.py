"""The base images of the image tests, built once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import pytest

from tests.image.builder import REPOSITORY, Builder, missing_tools
from tests.support.fake_openface import MODEL_FILES
from tests.support.missing import skip_or_fail
from tests.support.samples import RECORDINGS

_HERE = Path(__file__).parent
_RECORDED = {"FaceLandmarkImg": "image-face", "FeatureExtraction": "video-face"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out of a plain run of the tests: they need tools that build images, and minutes."""
    del config
    if os.environ.get("IMAGE_TESTS") != "true":
        for item in items:
            if item.path.parent == _HERE and "builder" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason="builds images; `make image-test` runs it"))


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where an OpenFace image keeps what, and what is wrong with it."""

    programs: str
    models: str = ""
    """Beside the programs unless it is named."""
    libraries: str = "/opt/odd/lib"
    program_flags: str = ""
    """More of the linker's, for the programs."""
    leave_out: tuple[str, ...] = ()
    build_arguments: dict[str, str] = field(default_factory=dict)
    """What a user would have to add to the build."""


@pytest.fixture(scope="session")
def builder() -> Builder:
    if missing := missing_tools():
        skip_or_fail(
            f"Images can't be built here: {', '.join(missing)} missing (Debian: apt install buildah mmdebstrap)."
        )
    return Builder(REPOSITORY / ".devstack" / "images")


@pytest.fixture(scope="session")
def functions_image(builder: Builder) -> str:
    """A "Functions" image."""
    return builder.functions()


OpenFaceImage = Callable[[Layout], str]


@pytest.fixture(scope="session")
def openface_image(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> OpenFaceImage:
    """Makes "OpenFace" images."""
    context = tmp_path_factory.mktemp("openface")
    shutil.copytree(_HERE / "openface", context / "openface")
    models = context / "models"
    for name in (*MODEL_FILES, "model/main_clnf_general.txt", "classifiers/haarcascade_frontalface_alt.xml"):
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        (models / name).touch()
    for program, case in _RECORDED.items():
        recorded = models / "model/recorded" / program
        recorded.mkdir(parents=True)
        for path in (RECORDINGS / case / "stdout.txt", *(RECORDINGS / case / "outputs/out").iterdir()):
            shutil.copy(path, recorded)
    system = builder.system("bookworm", ("g++",))
    template = Template((_HERE / "bases/openface.Containerfile").read_text(encoding="utf-8"))

    def make(layout: Layout) -> str:
        filled = template.safe_substitute(
            SYSTEM=system,
            PROGRAMS=layout.programs,
            MODELS=layout.models or layout.programs,
            LIBRARIES=layout.libraries,
            PROGRAM_FLAGS=layout.program_flags,
            LEAVE_OUT=" ".join(layout.leave_out),
        )
        (context / "Containerfile").write_text(filled, encoding="utf-8")
        return builder.build(context, context / "Containerfile", "openface")

    return make
