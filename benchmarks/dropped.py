"""2 and 3: many media dropped at once, against bare OpenFace processes over the same files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.clips import CLIP, FACE
from benchmarks.measuring import Result, alternating, paired_ratio
from benchmarks.setting import Setting
from devstack.stack import REPOSITORY
from openface_runner.jobs import analyse_blob
from openface_runner.openface.installation import Program

AT_ONCE = json.loads((REPOSITORY / "host.json").read_text())["extensions"]["blobs"]["maxDegreeOfParallelism"]
"""Invocations that the host runs at once."""


def images(repeat: int, *, fake: bool = False, numbers: Sequence[int] = (20, 100)) -> Result:
    """Pictures, against one process over all of them and against one process a picture."""
    result = Result(
        title="Pictures dropped at once",
        columns=("pictures", "app / one process over all", "target", "app / a process a picture", "app"),
    )
    with Setting.running(fake=fake) as setting:
        for number in numbers:
            files = _files(setting, number)
            variants: dict[str, Callable[[], float | None]] = {
                "app": partial(_deliver, setting, [FACE] * number),
                "one": partial(setting.bare, files, Program.IMAGE),
            }
            few = number == min(numbers)
            if few:
                variants["each"] = partial(_each, setting, files, Program.IMAGE)
            samples = alternating(variants, repeat)
            each = f"{paired_ratio(samples['app'], samples['each']):.2f}" if few else "not run"
            ratio = f"{paired_ratio(samples['app'], samples['one']):.2f}"
            result.rows.append((str(number), ratio, "1.3", each, str(samples["app"])))
        result.notes.append(
            f"{setting.engine}; {setting.processes} OpenFace processes and {AT_ONCE} invocations at once."
        )
    return result


def videos(repeat: int, *, fake: bool = False, numbers: Sequence[int] = (2, 4)) -> Result:
    """Clips, against as many bare processes side by side."""
    result = Result(title="Clips at once", columns=("clips", "app / bare processes side by side", "target", "app"))
    with Setting.running(fake=fake) as setting:
        content = CLIP.read_bytes()
        for number in numbers:
            samples = alternating(
                {
                    "app": partial(_deliver, setting, [content] * number),
                    "bare": partial(_each, setting, [CLIP] * number, Program.VIDEO, at_once=number),
                },
                repeat,
            )
            ratio = f"{paired_ratio(samples['app'], samples['bare']):.2f}"
            result.rows.append((str(number), ratio, "1.1", str(samples["app"])))
        result.notes.append(f"{setting.engine}; {setting.processes} OpenFace processes at once in the app.")
    return result


def _files(setting: Setting, number: int) -> list[Path]:
    folder = setting.fresh("x").parent
    paths = [folder / f"{index}.jpg" for index in range(number)]
    for path in paths:
        path.write_bytes(FACE)
    return paths


def _deliver(setting: Setting, contents: Sequence[bytes]) -> float | None:
    names = [setting.upload(content).blob_name for content in contents]
    return _timed(partial(_deliver_all, setting, names))


def _deliver_all(setting: Setting, names: Sequence[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(partial(analyse_blob, setting.services, setting.container), names))


def _timed(work: partial[None]) -> float:
    return alternating({"it": work}, 1)["it"].median


def _each(setting: Setting, files: Sequence[Path], program: Program, at_once: int | None = None) -> None:
    with ThreadPoolExecutor(at_once or setting.processes) as pool:
        list(pool.map(lambda file: setting.bare([file], program), files))
