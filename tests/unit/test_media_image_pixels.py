"""OpenFace sees in a converted image what it would see in the original: OpenCV's imread, its way of reading, judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from tests.support.image_files import ImageFile, exif_of, sixteen_bits, stored_for
from tests.support.missing import skip_or_fail
from tests.support.seen_images import (
    Folder,
    as_openface_sees,
    difference,
    imread,
    in_mode,
    looks_like,
    outcome_of,
    see,
)

ORIENTATIONS = range(1, 9)


@pytest.fixture(scope="module")
def cv2() -> Any:
    try:
        import cv2
    except ImportError as missing:
        skip_or_fail(f"OpenCV comes with the stand-in's packages, which aren't installed: {missing}")
    return cv2


def test_every_image_that_is_taken_can_be_read_by_opencv_at_the_size_that_was_told(
    files: list[ImageFile], cv2: Any
) -> None:
    for file in files:
        if file.is_taken:
            medium = see(file.path).medium
            assert as_openface_sees(cv2, file.path).size == (medium.width, medium.height), file.name


WEBP = ["RGB", "RGBA", "L"]
TIFF = ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"]


@pytest.mark.parametrize(
    ("suffix", "options", "mode"),
    [
        *(("webp", {"lossless": True}, mode) for mode in WEBP),
        *(("webp", {"quality": 80}, mode) for mode in WEBP),
        *(("tif", {}, mode) for mode in TIFF),
        *(("tif", {"compression": "tiff_lzw"}, mode) for mode in TIFF),
        *(("tif", {"compression": "tiff_adobe_deflate"}, mode) for mode in TIFF),
        *(("tif", {"compression": "jpeg"}, mode) for mode in ("RGB", "L")),
        ("tif", {"compression": "group4"}, "1"),
    ],
)
def test_opencv_sees_in_the_converted_image_what_it_sees_in_the_original(
    cv2: Any, folder: Folder, suffix: str, options: dict[str, Any], mode: str
) -> None:
    path = folder.save(suffix, in_mode(folder.picture, mode), **options)
    original = imread(cv2, path)
    assert original is not None
    assert difference(as_openface_sees(cv2, path), original) == 0


def test_a_tiff_in_grey_with_16_bits_whose_white_is_zero_is_not_a_negative(
    cv2: Any, tmp_path: Path, picture: Image.Image
) -> None:
    path = tmp_path / "white_is_zero.tif"
    sixteen_bits(picture).save(path, tiffinfo={262: 0})
    original = imread(cv2, path)
    assert original is not None
    assert difference(as_openface_sees(cv2, path), original) == 0


def test_colour_of_16_bits_in_a_tiff_differs_by_one_at_most_from_what_opencv_sees(
    cv2: Any, tmp_path: Path, picture: Image.Image
) -> None:
    import numpy as np

    path = tmp_path / "colour.tif"
    values = np.asarray(picture).astype(np.uint16) * 256 + np.arange(picture.width, dtype=np.uint16)[None, :, None] * 4
    cv2.imwrite(str(path), values)
    original = imread(cv2, path)
    assert original is not None
    assert difference(as_openface_sees(cv2, path), original) <= 1
    assert see(path).medium.conversions == ("converted from TIFF", "16 bits reduced to 8")


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "heic", "avif"])
def test_openface_sees_an_image_upright_however_it_was_stored(
    cv2: Any, tmp_path: Path, picture: Image.Image, suffix: str, orientation: int
) -> None:
    blocks = picture.resize((96, 64))
    path = tmp_path / f"turned.{suffix}"
    stored_for(blocks, orientation).save(path, exif=exif_of(orientation).tobytes(), quality=100)
    medium = see(path).medium
    assert (medium.width, medium.height) == blocks.size
    assert looks_like(as_openface_sees(cv2, path), blocks)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif"])
def test_an_orientation_that_only_xmp_tells_is_ignored_as_opencv_does(
    cv2: Any, tmp_path: Path, picture: Image.Image, suffix: str
) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    path = tmp_path / f"picture.{suffix}"
    if suffix == "tif":
        info = TiffImagePlugin.ImageFileDirectory_v2()
        info[700] = xmp
        picture.save(path, tiffinfo=info)
    else:
        picture.save(path, xmp=xmp)
    medium = see(path).medium
    assert (medium.width, medium.height) == picture.size == as_openface_sees(cv2, path).size


# Files that go to OpenFace untouched, by what they hold: OpenCV must read them all.
@pytest.mark.parametrize(
    ("mode", "suffix", "options"),
    [
        ("CMYK", "jpg", {}),
        ("L", "jpg", {}),
        ("RGB", "jpg", {"progressive": True}),
        ("I;16", "png", {}),
        ("P", "png", {}),
        ("RGBA", "png", {}),
        ("LA", "png", {}),
        ("1", "png", {}),
        ("P", "bmp", {}),
        ("1", "bmp", {}),
        ("RGBA", "bmp", {}),
    ],
)
def test_opencv_reads_every_kind_of_image_that_is_left_untouched(
    cv2: Any, folder: Folder, mode: str, suffix: str, options: dict[str, Any]
) -> None:
    path = folder.save(suffix, in_mode(folder.picture, mode), **options)
    assert see(path).medium.conversions == ()
    expected = folder.picture.convert("L") if mode in ("L", "LA", "I;16") else in_mode(folder.picture, mode)
    seen = as_openface_sees(cv2, path)
    assert looks_like(seen, expected) if suffix == "jpg" else difference(seen, expected) == 0


def test_a_jpeg_of_12_bits_is_refused_as_opencv_refuses_it(cv2: Any, tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / "picture.jpg"
    picture.save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"\xff\xc0\x00\x11") + 4] = 12  # bits of a value, in the frame's header
    path.write_bytes(content)
    assert imread(cv2, path) is None
    assert outcome_of(path) == "unreadable"
