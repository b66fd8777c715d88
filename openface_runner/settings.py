"""Every setting, read once from the environment and checked, with its unit and default.

The connections (``MediaStorage``, ``AzureWebJobsStorage``) aren't here: Azure's own rules name them, and
``storage.py`` reads the one that this program uses itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from openface_runner import cores
from openface_runner.media.address import is_media_container
from openface_runner.openface.columns import ColumnGroup


class Capture(StrEnum):
    """How a medium was taken: in front of the camera on purpose, or in the wild (OpenFace's ``-wild``)."""

    POSED = "posed"
    WILD = "wild"


class JobsPage(StrEnum):
    """Who may see the jobs page."""

    SIGNED_IN = "signed_in"
    """Who signed in through the authentication of Azure's App Service."""
    LOCAL = "local"
    """Who asks on the machine itself, by a name of its loopback."""
    OPEN = "open"
    """Everybody who reaches it."""
    OFF = "off"


class SettingsError(ValueError):
    """One or more settings are wrong; the message names each variable, what it was and what it may be."""


def _split(value: Any) -> Any:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _container_name(value: str) -> str:
    if not re.fullmatch(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*", value):
        raise ValueError("may be 3 to 63 lower-case letters, digits and single hyphens")
    if is_media_container(value):
        raise ValueError("may not be a UUID: containers named by a UUID hold media")
    return value


ContainerName = Annotated[str, AfterValidator(_container_name)]
Groups = Annotated[tuple[ColumnGroup, ...], NoDecode, BeforeValidator(_split), Field(min_length=1)]


class Settings(BaseSettings):
    """The program's settings; each field is read from the variable of the same name in upper case."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    openface_bin_dir: Path | None = Field(
        None, description="Folder of FaceLandmarkImg and FeatureExtraction; empty: PATH, then the known places."
    )
    openface_model: Path | None = Field(
        None, description="Landmark model file, passed as `-mloc`; empty: OpenFace's own default."
    )
    allow_standin: bool = Field(
        False, description="Accept a program that says it isn't OpenFace. For development only: other numbers."
    )
    prove_at_start: bool = Field(
        True, description="Run OpenFace on two samples when the app starts, and stop the app when it fails."
    )
    openface_processes: int = Field(
        default_factory=cores.usable,
        ge=1,
        le=256,
        description="OpenFace processes at once; default: the cores that the container may use.",
    )
    queue_time_limit: float = Field(
        21_600, gt=0, le=604_800, description="Seconds that a medium may wait for an OpenFace process to be free."
    )
    output_container: ContainerName = Field("openface-output", description="Container for the CSVs, and only those.")
    jobs_container: ContainerName = Field("openface-jobs", description="Container for the job records.")
    default_capture: Capture = Field(
        Capture.POSED, description="`posed` or `wild`, for media whose metadata doesn't say."
    )
    column_groups: Groups = Field(
        tuple(ColumnGroup),
        description="Column groups in the CSV, separated by commas: " + ", ".join(f"`{g}`" for g in ColumnGroup) + ".",
    )
    image_time_limit: float = Field(120, gt=0, le=86_400, description="Seconds that OpenFace may take for an image.")
    video_time_limit: float = Field(3600, gt=0, le=86_400, description="Seconds that OpenFace may take for a video.")
    image_cpu_limit: int = Field(
        240, gt=0, le=864_000, description="Seconds of processor time that OpenFace may use for an image."
    )
    video_cpu_limit: int = Field(
        14_400, gt=0, le=864_000, description="Seconds of processor time that OpenFace may use for a video."
    )
    max_bytes: int = Field(2 * 1024**3, gt=0, description="Bytes of a medium, at most.")
    max_pixels: int = Field(
        50_000_000, gt=0, description="Pixels of an image or a video frame (width times height), at most."
    )
    max_duration: float = Field(900, gt=0, description="Seconds that a video may last.")
    jobs_page: JobsPage = Field(
        JobsPage.SIGNED_IN,
        description="Who sees the jobs page: `signed_in` (through App Service authentication), `local` (on this "
        "machine only), `open` (everybody), `off`.",
    )
    work_dir: Path | None = Field(
        None, description="Folder for working folders, one a job; empty: the system's temporary folder."
    )

    @model_validator(mode="after")
    def _containers_differ(self) -> Settings:
        if self.output_container == self.jobs_container:
            raise ValueError(
                f"OUTPUT_CONTAINER and JOBS_CONTAINER are both {self.output_container!r}: they may not be the same, "
                "because what arrives in the output container starts the next stage"
            )
        return self

    @classmethod
    def from_environment(cls, **overrides: Any) -> Settings:
        """Read the settings from the process's environment.

        Arguments:
            overrides: values for fields by name, which win over the environment.

        Raises:
            SettingsError: a value is wrong.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsError("\n".join(_explain(item) for item in error.errors())) from None


def _explain(error: Mapping[str, Any]) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    variable = str(error["loc"][0]).upper()
    reason = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "it should")
    return f"{variable} is {str(error['input'])!r}: {reason}"
