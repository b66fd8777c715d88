from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image

from openface_runner.media.content import ImageMedium, Limits, Medium, VideoMedium, prepare
from openface_runner.media.videos import count_frames
from openface_runner.outcomes import Outcome, Rejected
from tests.support.samples import sample

LIMITS = Limits(max_pixels=50_000_000, max_duration=900)


def prepared(path: Path, limits: Limits = LIMITS) -> Medium:
    with TemporaryDirectory() as work:
        return prepare(path, Path(work), limits).medium


def rejection(path: Path, limits: Limits = LIMITS) -> tuple[Outcome, str]:
    with pytest.raises(Rejected) as rejected:
        prepared(path, limits)
    return rejected.value.verdict.outcome, rejected.value.verdict.message


@pytest.mark.parametrize(("name", "size"), [("face.jpg", (512, 512)), ("one_pixel.png", (1, 1))])
def test_an_image_is_decoded_whole_and_described(name: str, size: tuple[int, int]) -> None:
    medium = prepared(sample(name))
    assert isinstance(medium, ImageMedium)
    assert (medium.width, medium.height) == size


def test_a_video_promises_a_row_for_each_packet() -> None:
    medium = prepared(sample("face.mp4"))
    assert isinstance(medium, VideoMedium)
    assert (medium.frames, medium.duration, medium.codec) == (75, 3.0, "h264")
    counted = count_frames(sample("face.mp4"))
    assert (counted.frames, counted.damaged) == (75, False)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("empty.jpg", Outcome.UNREADABLE),
        ("empty.mp4", Outcome.UNREADABLE),
        ("not_an_image.jpg", Outcome.UNREADABLE),
        ("not_a_video.mp4", Outcome.UNREADABLE),
        ("truncated.jpg", Outcome.UNREADABLE),
        ("header_only.jpg", Outcome.UNREADABLE),
        ("truncated.mp4", Outcome.INCOMPLETE),
    ],
)
def test_a_damaged_medium_never_reaches_openface(name: str, outcome: Outcome) -> None:
    assert rejection(sample(name))[0] is outcome


@pytest.mark.parametrize(
    ("source", "alias"), [("face.jpg", "clip.mp4"), ("face.mp4", "face.jpg"), ("face.jpg", "x.gif")]
)
def test_content_tells_what_a_medium_is_and_not_its_name(tmp_path: Path, source: str, alias: str) -> None:
    shutil.copyfile(sample(source), tmp_path / alias)
    assert prepared(tmp_path / alias) == prepared(sample(source))


@pytest.mark.parametrize("name", ["face.jpg", "one_pixel.png", "face.mp4"])
def test_openface_gets_the_untouched_file_under_a_name_of_ours(tmp_path: Path, name: str) -> None:
    got = prepare(sample(name), tmp_path, LIMITS)
    assert got.path == tmp_path / f"medium{Path(name).suffix}"
    assert got.path.readlink() == sample(name)


def test_a_relative_path_to_the_medium_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample("face.jpg").parent)
    assert prepare(Path("face.jpg"), tmp_path, LIMITS).path.read_bytes() == sample("face.jpg").read_bytes()


@pytest.mark.parametrize("image_format", ["ICO", "JPEG2000"])
def test_rare_picture_formats_are_unsupported(tmp_path: Path, image_format: str) -> None:
    path = tmp_path / "picture"
    with Image.open(sample("face.jpg")) as image:
        image.save(path, format=image_format)
    outcome, message = rejection(path)
    assert outcome is Outcome.UNSUPPORTED
    assert image_format in message


def test_a_damaged_heic_is_unreadable_and_not_a_one_frame_video(tmp_path: Path) -> None:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    assert rejection(path)[0] is Outcome.UNREADABLE


def test_the_module_itself_loads_no_large_library() -> None:
    program = "import sys, openface_runner.media.content; print({'PIL', 'av', 'pillow_heif'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_other_kinds_of_file_are_unsupported_by_name_of_their_type(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(sample("face.jpg"), "face.jpg")
    (tmp_path / "form.pdf").write_bytes(b"%PDF-1.7\n" + bytes(1000))
    assert rejection(tmp_path / "photos.zip") == (
        Outcome.UNSUPPORTED,
        "The file is neither a picture nor a video but of the type application/zip.",
    )
    assert rejection(tmp_path / "form.pdf")[0] is Outcome.UNSUPPORTED


def test_a_playlist_that_names_other_files_is_not_followed(tmp_path: Path) -> None:
    playlist = tmp_path / "clip.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{sample('face.mp4')}\n#EXT-X-ENDLIST\n")
    assert rejection(playlist)[0] is Outcome.UNSUPPORTED


def test_limits_hold_before_anything_is_decoded() -> None:
    small = Limits(max_pixels=512 * 512 - 1, max_duration=900)
    assert rejection(sample("face.jpg"), small)[0] is Outcome.TOO_LARGE
    assert rejection(sample("face.mp4"), Limits(max_pixels=1000, max_duration=900))[0] is Outcome.TOO_LARGE
    outcome, message = rejection(sample("face.mp4"), Limits(max_pixels=10**9, max_duration=2.5))
    assert (outcome, message) == (Outcome.TOO_LARGE, "The video lasts 3 s; the limit is 2.5 s.")


def test_a_picture_over_pillows_own_limit_is_too_large_and_raises_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    assert rejection(path)[0] is Outcome.TOO_LARGE
