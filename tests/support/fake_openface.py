"""Installations of OpenFace that consist of small shell scripts: they replay recorded runs, crash, hang or lie."""

from __future__ import annotations

import shlex
from pathlib import Path

from openface_runner.openface.installation import Program
from tests.support.samples import RECORDINGS

MODEL_FILES = (
    "model/main_ceclm_general.txt",
    *(f"model/patch_experts/cen_patches_{scale}_of.dat" for scale in ("0.25", "0.35", "0.50", "1.00")),
    "model/model_eye/main_clnf_synth_left.txt",
    "model/model_eye/main_clnf_synth_right.txt",
    "AU_predictors/main_static_svms.txt",
    "AU_predictors/AU_all_static.txt",
    "AU_predictors/main_dynamic_svms.txt",
    "AU_predictors/AU_all_best.txt",
)

# Reads OpenFace's own arguments: the folder for outputs, and then one input after the other, with its stem.
_SCRIPT = """\
#!/bin/sh
status=0
previous=
for word; do
  if [ "$previous" = -out_dir ]; then out=$word; fi
  previous=$word
done
previous=
for word; do
  option=$previous
  previous=$word
  if [ "$option" = -f ]; then
    medium=$word
    name=$(basename "$medium"); stem=${{name%.*}}
{body}
    status=$?
  fi
done
exit $status
"""


def install(bin_dir: Path, *, image: str = "exit 0", video: str = "exit 0") -> Path:
    """Write both programs, with these shell commands as their bodies, and all model files by name.

    The bodies are run for one input after the other, and may use ``$medium``, ``$stem`` and ``$out``, and ``continue``
    with the next.
    """
    for name in MODEL_FILES:
        path = bin_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for program, body in ((Program.IMAGE, image), (Program.VIDEO, video)):
        path = bin_dir / program
        path.write_text(_SCRIPT.format(body=body))
        path.chmod(0o755)
    return bin_dir


def replay(case: str, name: str) -> str:
    """A body that leaves what a recorded run left: its messages, its outputs for the input ``name``, its exit."""
    folder = shlex.quote(str(RECORDINGS / case))
    return f"""\
recorded={folder}
if [ -d "$recorded/outputs/out" ]; then
  mkdir -p "$out"
  for file in "$recorded/outputs/out/"*; do
    base=$(basename "$file")
    case "$base" in
      # Said of the input by its name, as the messages below.
      *_of_details.txt) sed "s#/media/[^ ]*#$medium#" "$file" > "$out/$stem${{base#{shlex.quote(name)}}}" ;;
      *) cp "$file" "$out/$stem${{base#{shlex.quote(name)}}}" ;;
    esac
  done
fi
cat "$recorded/stderr.txt" >&2
sed "s#/media/[^ ]*#$medium#" "$recorded/stdout.txt"
"""


def only_on_samples(good: str, *, otherwise: str) -> str:
    """A body that works on the product's own known-good samples, and does something else on every other medium."""
    return f'case "$medium" in\n*/openface/samples/*)\n{good}\n;;\n*)\n{otherwise}\n;;\nesac'


GOOD_IMAGE = replay("image-face", "face")
GOOD_VIDEO = replay("video-face", "face")
