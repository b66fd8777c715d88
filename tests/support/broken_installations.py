"""A fake OpenFace that is whole, and each way in which an installation is found broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install

# OpenFace's models that no list names: without one of them the programs exit with 0 and leave its columns out.
_INTENSITY_MODEL = "AU_predictors/AU_12_intensity.dat"
_GAZE_MODEL = "model/model_eye/gaze.dat"
_DROPS_COLUMNS = """
bin=$(dirname "$0")
drop() {
  [ -e "$bin/$1" ] || [ ! -e "$out/$stem.csv" ] ||
    python3 - "$out/$stem.csv" "$2" <<'END'
import csv, sys
path, prefix = sys.argv[1:]
rows = list(csv.reader(open(path)))
kept = [i for i, name in enumerate(rows[0]) if not name.startswith(prefix)]
open(path, "w").write("".join(",".join(row[i] for i in kept) + "\\n" for row in rows))
END
}
drop AU_predictors/AU_12_intensity.dat AU12_r
drop model/model_eye/gaze.dat gaze_0
"""


@dataclass(frozen=True)
class Broken:
    """One way to break an installation."""

    what: str
    do: Callable[[Path], object]


def whole(bin_dir: Path) -> Path:
    """Install the fake."""
    install(bin_dir, image=GOOD_IMAGE + _DROPS_COLUMNS, video=GOOD_VIDEO + _DROPS_COLUMNS)
    for name in (_INTENSITY_MODEL, _GAZE_MODEL):
        (bin_dir / name).touch()
    return bin_dir


def _remove(name: str) -> Callable[[Path], object]:
    return lambda bin_dir: (bin_dir / name).unlink()


def _instead(program: str, body: str) -> Callable[[Path], object]:
    def do(bin_dir: Path) -> None:
        (bin_dir / program).write_text(f"#!/bin/sh\n{body}\n")

    return do


def _not_a_program(bin_dir: Path) -> None:
    (bin_dir / "FaceLandmarkImg").write_bytes(b"\x7fELF for another machine")


WAYS = (
    Broken("FeatureExtraction removed", _remove("FeatureExtraction")),
    Broken("FaceLandmarkImg not executable", lambda bin_dir: (bin_dir / "FaceLandmarkImg").chmod(0o644)),
    Broken("the landmark model removed", _remove("model/main_ceclm_general.txt")),
    Broken("one of its patch experts removed", _remove("model/patch_experts/cen_patches_0.35_of.dat")),
    Broken("an eye model removed", _remove("model/model_eye/main_clnf_synth_right.txt")),
    Broken("the static AU models' list removed", _remove("AU_predictors/AU_all_static.txt")),
    Broken("the dynamic AU models' list removed", _remove("AU_predictors/AU_all_best.txt")),
    Broken("an AU model that is in no list removed", _remove(_INTENSITY_MODEL)),
    Broken("a gaze model that is in no list removed", _remove(_GAZE_MODEL)),
    Broken("built for a processor with other instructions", _instead("FaceLandmarkImg", "kill -ILL $$")),
    Broken("built for another kind of machine", _not_a_program),
    Broken(
        "a shared library missing",
        _instead(
            "FeatureExtraction",
            'echo "FeatureExtraction: error while loading shared libraries: libopencv_core.so.4.1: cannot open shared '
            'object file: No such file or directory" >&2; exit 127',
        ),
    ),
    Broken(
        "built on a newer system",
        _instead(
            "FaceLandmarkImg",
            'echo "FaceLandmarkImg: /lib/libc.so.6: version \\`GLIBC_2.34\' not found (required by it)" >&2; exit 1',
        ),
    ),
    Broken("the AU models unreadable, so that it aborts", _instead("FeatureExtraction", "kill -ABRT $$")),
)
