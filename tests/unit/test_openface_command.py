from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from openface_runner.openface.columns import ColumnGroup
from openface_runner.openface.command import Options, build
from openface_runner.openface.installation import Engine, Installation, Program

BIN = Path("/opt/openface/bin")
OUT = Path("/job/out")


def installation(model: Path | None = None) -> Installation:
    programs = {program: BIN / program for program in Program}
    return Installation(programs=programs, model=model, engine=Engine(name="OpenFace", version="test"))


def test_everything_for_the_csv_and_nothing_else_is_asked_for_by_default() -> None:
    argv = build(installation(), Program.IMAGE, [Path("/job/medium.jpg")], OUT, Options())
    assert argv == [
        "/opt/openface/bin/FaceLandmarkImg",
        *("-f", "/job/medium.jpg", "-out_dir", "/job/out"),
        *("-2Dfp", "-3Dfp", "-pdmparams", "-pose", "-aus", "-gaze"),
    ]


def test_a_copy_with_its_own_system_is_started_by_its_own_loader_and_keeps_its_own_name() -> None:
    loader = ("/opt/openface/lib/ld.so", "--library-path", "/opt/openface/lib")
    argv = build(replace(installation(), loader=loader), Program.VIDEO, [Path("/job/medium.mp4")], OUT, Options())
    assert argv[:5] == [*loader, "/opt/openface/bin/FeatureExtraction", "-f"]


def test_several_images_share_one_run() -> None:
    paths = [Path("/job/1.jpg"), Path("/job/2.png")]
    argv = build(installation(), Program.IMAGE, paths, OUT, Options())
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "-f"] == ["/job/1.jpg", "/job/2.png"]


def test_options_become_their_flags() -> None:
    options = Options(wild=True, au_static=True, groups=(ColumnGroup.GAZE, ColumnGroup.ACTION_UNITS))
    argv = build(installation(Path("/models/main.txt")), Program.VIDEO, [Path("/job/medium.mp4")], OUT, options)
    assert argv[5:] == ["-aus", "-gaze", "-wild", "-au_static", "-mloc", "/models/main.txt"]


def test_the_static_au_model_is_for_videos_only() -> None:
    argv = build(installation(), Program.IMAGE, [Path("/job/medium.jpg")], OUT, Options(au_static=True))
    assert "-au_static" not in argv


def test_what_makes_openface_abort_or_overread_is_never_there() -> None:
    for program in Program:
        argv = build(installation(), program, [Path("/job/medium")], OUT, Options(wild=True))
        assert "-verbose" not in argv
        assert argv[-1] != "-f"
