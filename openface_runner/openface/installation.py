"""Find an installation of OpenFace and name what it lacks."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path

from openface_runner.openface import cures
from openface_runner.outcomes import BrokenInstallation


class Program(StrEnum):
    """OpenFace's two programs that are used."""

    IMAGE = "FaceLandmarkImg"
    VIDEO = "FeatureExtraction"


KNOWN_PLACES = (
    Path("/opt/openface/bin"),
    Path("/home/openface-build/build/bin"),  # algebr/openface
    Path("/usr/local/bin"),  # OpenFace's own docker folder; its models are in SHARED_MODELS
    Path("/opt/OpenFace/build/bin"),
    Path("/root/openface/build/bin"),
)
SHARED_MODELS = Path("/usr/local/etc/OpenFace")
"""Where OpenFace looks for models after the folder of the program itself."""

# What each part of OpenFace reads, by name, from its own messages. A landmark model that isn't asked for by name is
# the first of these that exists.
_DEFAULT_LANDMARK_MODELS = ("model/main_ceclm_general.txt", "model/main_clnf_general.txt", "model/main_clm_general.txt")
_CEN_PATCHES = tuple(f"model/patch_experts/cen_patches_{scale}_of.dat" for scale in ("0.25", "0.35", "0.50", "1.00"))
_EYE_MODELS = ("model/model_eye/main_clnf_synth_left.txt", "model/model_eye/main_clnf_synth_right.txt")
_AU_MODELS = (
    "AU_predictors/main_static_svms.txt",
    "AU_predictors/AU_all_static.txt",
    "AU_predictors/main_dynamic_svms.txt",
    "AU_predictors/AU_all_best.txt",
)
_OWN_LIBRARIES = Path("../lib")
_OWN_LOADER = "ld.so"
"""In the folder of a copy's own libraries: the dynamic loader of the system that OpenFace was built on."""
_ENGINE_FILE = "engine.json"
"""A program that imitates OpenFace says so in this file next to it; OpenFace itself has none."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What does the measuring, for provenance."""

    name: str
    version: str
    is_openface: bool = True
    leaves_out: tuple[str, ...] = field(default=())
    """Patterns of the CSV columns that it never fills; always empty for OpenFace."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def fills(self, column: str) -> bool:
        """Whether the engine writes this column."""
        return not any(fnmatch(column, pattern) for pattern in self.leaves_out)


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Programs that are there and executable, with the models that they need."""

    programs: Mapping[Program, Path]
    model: Path | None
    engine: Engine
    loader: tuple[str, ...] = ()
    """The words that start a program: its own loader and libraries, for a copy that carries its own system.

    Where OpenFace was built long before the system that runs it, the two must not mix: see ``docs/image.md``.
    """


def find(bin_dir: Path | None, model: Path | None, *, allow_standin: bool) -> Installation:
    """Find OpenFace and check by name that nothing is missing. Nothing is run.

    Arguments:
        bin_dir: the programs' folder; None looks on PATH, then in the known places.
        model: the landmark model to pass as ``-mloc``; None leaves the choice to OpenFace.
        allow_standin: whether a program that says it isn't OpenFace is taken.

    Raises:
        BrokenInstallation: with a list of all that is missing.
    """
    place = _place(bin_dir)
    findings = [*_missing_programs(place)]
    engine = _declared_engine(place)
    if engine is None:
        findings += _missing_models(place, model)
    elif not allow_standin:
        findings.append(
            f"{place} holds {engine}, which isn't OpenFace; its numbers are taken only where ALLOW_STANDIN is true"
        )
    if findings:
        raise BrokenInstallation(f"The OpenFace installation in {place} can't be used:", findings)
    programs = {program: place / program for program in Program}
    return Installation(
        programs=programs,
        model=model and model.resolve(),
        engine=engine or _openface(programs),
        loader=_own_loader(place),
    )


def _place(bin_dir: Path | None) -> Path:
    if bin_dir is not None:
        if not bin_dir.is_dir():
            raise BrokenInstallation(f"OPENFACE_BIN_DIR is {str(bin_dir)!r}, which isn't a folder.")
        return _real_folder(bin_dir)
    on_path = shutil.which(Program.IMAGE)
    candidates = [Path(on_path).parent] if on_path else []
    for candidate in [*candidates, *KNOWN_PLACES]:
        if (candidate / Program.IMAGE).is_file():
            return _real_folder(candidate)
    raise BrokenInstallation(
        "OpenFace isn't installed: FaceLandmarkImg was found neither on PATH nor in "
        + ", ".join(str(place) for place in KNOWN_PLACES)
        + ". Set OPENFACE_BIN_DIR to the folder that holds it."
    )


def _real_folder(folder: Path) -> Path:
    # OpenFace looks for its models beside argv[0]: started through a symbolic link it doesn't find them.
    program = folder / Program.IMAGE
    return program.resolve().parent if program.exists() else folder.resolve()


def _own_loader(place: Path) -> tuple[str, ...]:
    libraries = (place / _OWN_LIBRARIES).resolve()
    loader = libraries / _OWN_LOADER
    # argv[0] stays the program's own path, beside which OpenFace looks for its models.
    return (str(loader), "--library-path", str(libraries)) if loader.exists() else ()


def _missing_programs(place: Path) -> Iterator[str]:
    for program in Program:
        path = place / program
        if not path.is_file():
            yield f"the program {program} is missing: restore it from where OpenFace was built"
        elif not os.access(path, os.X_OK):
            yield f"the program {program} isn't executable: chmod +x {path}"


def _missing_models(place: Path, model: Path | None) -> Iterator[str]:
    def found(name: str) -> bool:
        return (place / name).is_file() or (SHARED_MODELS / name).is_file()

    if model is not None:
        if not model.is_file():
            yield f"the landmark model {model}, named by OPENFACE_MODEL, is missing"
    elif not any(found(name) for name in _DEFAULT_LANDMARK_MODELS):
        yield f"there is no landmark model, none of {', '.join(_DEFAULT_LANDMARK_MODELS)}: {cures.MODELS}"
    elif found(_DEFAULT_LANDMARK_MODELS[0]):
        missing = [name for name in _CEN_PATCHES if not found(name)]
        if missing:
            yield (
                f"the landmark model's patch experts {', '.join(missing)} are missing: {cures.MODELS}; or set "
                "OPENFACE_MODEL to another model, such as model/main_clnf_general.txt"
            )
    for names, cure in ((_EYE_MODELS, cures.EYE_MODELS), (_AU_MODELS, cures.AU_MODELS)):
        yield from (f"the model file {name} is missing: {cure}" for name in names if not found(name))


def _declared_engine(place: Path) -> Engine | None:
    try:
        declared = json.loads((place / _ENGINE_FILE).read_bytes())
        return Engine(
            name=declared["name"],
            version=declared["version"],
            is_openface=False,
            leaves_out=tuple(declared["leaves_out"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenInstallation(f"{place / _ENGINE_FILE} can't be read ({error!r}); remove it or mend it.") from error


def _openface(programs: Mapping[Program, Path]) -> Engine:
    # OpenFace has no option that tells its version, so its programs' own bytes are the version.
    digest = hashlib.sha256()
    for program in Program:
        with programs[program].open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return Engine(name="OpenFace", version=f"sha256:{digest.hexdigest()[:12]}")
