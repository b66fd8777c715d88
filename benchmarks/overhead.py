"""1: what an invocation costs beyond the bare OpenFace command on the same file."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.clips import FACE, looped
from benchmarks.measuring import Result, alternating, paired_difference
from benchmarks.setting import Setting
from openface_runner.jobs import analyse_blob
from openface_runner.openface.installation import Program
from openface_runner.records import Record, Step

TARGET = 0.15
"""Seconds."""
FRAMES = 300


def run(repeat: int, *, fake: bool = False) -> Result:
    """From the start of the invocation to the CSV's arrival, against the bare command, and against the old way."""
    result = Result(
        title="One medium",
        columns=("medium", "engine", "app beyond the bare command", "target", "old way beyond it", "bare command"),
    )
    with Setting.running(fake=fake) as setting, Setting.running(fake=True) as quick:
        clip = looped(setting.fresh("clip.mp4"), FRAMES) if not fake else None
        picture = setting.fresh("face.jpg")
        picture.write_bytes(FACE)
        for place in (setting, quick):
            result.rows.append(_row(place, "one picture", picture, Program.IMAGE, repeat))
        if clip is not None:
            result.rows.append(_row(setting, f"one clip of {FRAMES} frames", clip, Program.VIDEO, repeat))
        result.notes.append(f"Where the app's own time goes, one picture: {_profile(quick, picture, repeat)}.")
    return result


def _row(setting: Setting, what: str, path: Path, program: Program, repeat: int) -> tuple[str, ...]:
    samples = alternating(
        {
            "app": lambda: _until_the_csv(setting, path)[0],
            "bare": lambda: setting.bare([path], program),
            "old": lambda: setting.old_way(setting.upload(path, path.suffix), program),
        },
        repeat,
    )
    beyond, old = (paired_difference(samples[name], samples["bare"]) for name in ("app", "old"))
    return (what, setting.engine, f"{beyond:+.3f} s", f"{TARGET} s", f"{old:+.3f} s", str(samples["bare"]))


def _until_the_csv(setting: Setting, path: Path) -> tuple[float, Record, datetime]:
    name = setting.upload(path, path.suffix).blob_name
    began = datetime.now(UTC)
    analyse_blob(setting.services, setting.container, name)
    record = setting.services.records.read(setting.container, name)
    if record is None or Step.PUBLISHED not in record.steps:
        raise RuntimeError(f"{name} was not analysed: {record}")
    return (record.steps[Step.PUBLISHED] - began).total_seconds(), record, began


def _profile(setting: Setting, path: Path, repeat: int) -> str:
    times: dict[Step, list[float]] = {}
    for _ in range(repeat):
        _, record, before = _until_the_csv(setting, path)
        for step, reached in sorted(record.steps.items(), key=lambda item: item[1]):
            times.setdefault(step, []).append((reached - before).total_seconds())
            before = reached
    return ", ".join(f"until {step} {statistics.median(taken) * 1000:.0f} ms" for step, taken in times.items())
