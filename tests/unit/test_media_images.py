"""Images of all kinds: which are taken, what is done to them, and what is told of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pillow_heif
import pytest
from PIL import Image, TiffImagePlugin

from openface_runner.media.content import Limits, describe, prepare
from openface_runner.outcomes import Outcome
from tests.support.image_files import ImageFile, exif_of, stored_for
from tests.support.seen_images import (
    LIMITS,
    Folder,
    difference,
    looks_like,
    outcome_of,
    see,
)
from tests.support.video_encoding import ordinary_scheduling


def test_every_kind_of_image_file_has_the_outcome_that_is_expected_of_it(files: list[ImageFile]) -> None:
    outcomes = {file.name: outcome_of(file.path) for file in files}
    assert outcomes == {file.name: "analysed" if file.is_taken else file.expected for file in files}


@pytest.mark.parametrize(
    ("name", "conversions"),
    [
        ("plain.jpg", ()),
        ("plain.png", ()),
        ("plain.bmp", ()),
        ("orientation_6.jpg", ()),
        ("alpha.png", ()),
        ("cmyk.jpg", ()),
        ("plain.heic", ("converted from HEIC",)),
        ("orientation_6.heic", ("converted from HEIC", "turned upright (EXIF orientation 6)")),
        ("orientation_6.tif", ("converted from TIFF", "turned upright (EXIF orientation 6)")),
        ("orientation_6.avif", ("converted from AVIF", "turned upright (EXIF orientation 6)")),
        ("alpha.webp", ("converted from WebP", "alpha dropped")),
        ("alpha.tif", ("converted from TIFF", "alpha blended with black")),
        ("16_bits.tif", ("converted from TIFF", "16 bits reduced to 8")),
        ("cmyk.tif", ("converted from TIFF", "CMYK converted to RGB")),
        ("three_pages.tif", ("converted from TIFF", "first of 3 pages")),
        ("animated.gif", ("converted from GIF", "first of 3 frames")),
        ("three_pictures.heic", ("converted from HEIC", "main one of 3 pictures")),
    ],
)
def test_what_was_done_to_an_image_is_told(files: list[ImageFile], name: str, conversions: tuple[str, ...]) -> None:
    (file,) = (file for file in files if file.name == name)
    medium = see(file.path).medium
    assert medium.conversions == conversions
    assert json.loads(json.dumps(describe(medium)))["conversions"] == list(conversions)


@pytest.mark.parametrize("mode", ["I;16", "RGB;16"])
def test_a_heic_of_10_bits_is_reduced_to_8(folder: Folder, mode: str) -> None:
    path = folder.path / "ten.heic"
    expected = folder.picture.convert("L") if mode == "I;16" else folder.picture
    values = b"".join(bytes((0, value)) for value in expected.tobytes())
    pillow_heif.from_bytes(mode, expected.size, values).save(path)
    seen = see(path)
    assert seen.medium.conversions == ("converted from HEIC", "10 bits reduced to 8")
    assert looks_like(seen.pixels, expected)


def test_an_avif_of_10_bits_is_reduced_to_8(folder: Folder) -> None:
    path = folder.path / "ten.avif"
    picture = folder.picture.resize((64, 48))
    with ordinary_scheduling(), av.open(str(path), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
        container.mux([*stream.encode(frame), *stream.encode(None)])
    seen = see(path)
    assert seen.medium.conversions == ("converted from AVIF", "10 bits reduced to 8")
    assert seen.pixels.size == picture.size


@pytest.mark.parametrize("suffix", ["webp", "tif", "gif"])
def test_the_converted_image_has_the_very_pixels_of_a_lossless_one(
    tmp_path: Path, picture: Image.Image, suffix: str
) -> None:
    source = picture.quantize(256) if suffix == "gif" else picture
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    source.save(tmp_path / f"picture.{suffix}", **options)
    assert difference(see(tmp_path / f"picture.{suffix}").pixels, source) == 0


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_a_heic_or_avif_has_the_pixels_that_its_own_library_gives(
    tmp_path: Path, picture: Image.Image, suffix: str
) -> None:
    path = tmp_path / f"picture.{suffix}"
    picture.save(path, quality=90)
    with Image.open(path) as image:
        assert difference(see(path).pixels, image) == 0
    assert looks_like(see(path).pixels, picture)


@pytest.mark.parametrize("suffix", ["webp", "tif", "heic", "avif"])
def test_the_converted_image_carries_nothing_that_could_change_it_again(
    tmp_path: Path, picture: Image.Image, suffix: str
) -> None:
    path = tmp_path / f"picture.{suffix}"
    stored_for(picture, 6).save(path, exif=exif_of(6).tobytes(), icc_profile=srgb_profile())
    seen = see(path)
    assert seen.pixels.format == "PNG"
    assert (seen.pixels.mode, seen.pixels.info) == ("RGB", {})
    assert dict(seen.pixels.getexif()) == {}


def srgb_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("suffix", ["webp", "tif", "gif", "heic", "avif"])
def test_limits_hold_for_formats_that_are_converted(tmp_path: Path, picture: Image.Image, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    picture.save(path)
    assert outcome_of(path, Limits(max_pixels=61 * 47, max_duration=1)) == "analysed"
    assert outcome_of(path, Limits(max_pixels=61 * 47 - 1, max_duration=1)) == Outcome.TOO_LARGE


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tif", "gif", "heic", "avif"])
def test_wherever_a_file_is_cut_it_is_unreadable(tmp_path: Path, picture: Image.Image, suffix: str) -> None:
    picture.save(tmp_path / f"whole.{suffix}")
    content = (tmp_path / f"whole.{suffix}").read_bytes()
    path = tmp_path / "cut"
    for percent in (1, 3, 10, 25, 50, 75, 90, 97):
        path.write_bytes(content[: max(len(content) * percent // 100, 12)])
        assert outcome_of(path) == Outcome.UNREADABLE, f"{percent} per cent"


@pytest.mark.parametrize("suffix", ["webp", "tif", "gif", "heic", "avif"])
def test_damage_raises_nothing_but_a_rejection(tmp_path: Path, picture: Image.Image, suffix: str) -> None:
    picture.save(tmp_path / f"whole.{suffix}")
    content = (tmp_path / f"whole.{suffix}").read_bytes()
    path = tmp_path / "damaged"
    for position in range(12, min(len(content), 700), 5):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        assert outcome_of(path) in ("analysed", "unreadable", "unsupported", "too_large")


def test_the_preview_in_a_cameras_raw_file_is_not_taken_for_the_picture(tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / "raw.nef"
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[254] = 1  # "a smaller version of another picture in this file"
    picture.save(path, format="TIFF", tiffinfo=info)
    assert outcome_of(path) == Outcome.UNSUPPORTED


def test_a_full_disk_is_no_damage_of_the_medium(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "picture.webp")
    work = tmp_path / "work"
    work.mkdir()
    (work / "medium.png").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        prepare(tmp_path / "picture.webp", work, LIMITS)
