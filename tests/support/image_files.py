"""Image files of every format and oddity that uploads have, made from one face, each with the outcome it has."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import ExifTags, Image

pillow_heif.register_heif_opener()

_STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""By EXIF orientation, how an upright image is turned before it is stored."""

_FORMATS: dict[str, dict[str, Any]] = {
    "jpg": {"quality": 95},
    "png": {},
    "bmp": {},
    "webp": {"lossless": True},
    "tif": {"compression": "tiff_lzw"},
    "gif": {},
    "heic": {"quality": 90},
    "avif": {"quality": 90},
}
"""By suffix, how Pillow is to write it."""


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """One file."""

    name: str
    description: str
    path: Path
    expected: str
    """Its outcome, with the default limits and the stand-in for OpenFace."""

    @property
    def is_taken(self) -> bool:
        """Whether it is handed to OpenFace."""
        return self.expected in ("analysed", "no_face")


def make_image_files(folder: Path, face: Path) -> list[ImageFile]:
    """Write all files into a folder.

    Arguments:
        folder: created if need be.
        face: a picture in which a face is found, at least 128 pixels wide and high.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(face) as image:
        picture = image.convert("RGB")
    groups = (_formats, _orientations, _kinds_of_pixels, _several_pictures, _names_and_sizes, _broken, _refused)
    return [file for group in groups for file in group(_Studio(folder, picture))]


def exif_of(orientation: int) -> Image.Exif:
    """EXIF that holds nothing but an orientation."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def stored_for(picture: Image.Image, orientation: int) -> Image.Image:
    """An upright picture's pixels as a camera stores them beside that EXIF orientation."""
    turn = _STORED_AS[orientation]
    return picture if turn is None else picture.transpose(turn)


def with_alpha(picture: Image.Image) -> Image.Image:
    """The picture with alpha that runs from 0 at the top to 255 at the bottom."""
    result = picture.copy()
    result.putalpha(Image.linear_gradient("L").resize(picture.size))
    return result


def sixteen_bits(picture: Image.Image) -> Image.Image:
    """The picture in grey with 16 bits, whose lower bytes would show if they were rounded."""
    grey = picture.convert("L").tobytes()
    return Image.frombytes("I;16", picture.size, bytes(byte for high in grey for byte in (255 - high, high)))


@dataclass(frozen=True)
class _Studio:
    folder: Path
    picture: Image.Image

    def save(self, name: str, description: str, image: Image.Image | None = None, **options: Any) -> ImageFile:
        """Write a good file; the format is told by the name's suffix."""
        (image or self.picture).save(self.folder / name, **options)
        return ImageFile(name=name, description=description, path=self.folder / name, expected="analysed")

    def write(self, name: str, description: str, content: bytes, expected: str) -> ImageFile:
        """Write a file of which the content is known."""
        (self.folder / name).write_bytes(content)
        return ImageFile(name=name, description=description, path=self.folder / name, expected=expected)

    def bytes_of(self, suffix: str, image: Image.Image | None = None, **options: Any) -> bytes:
        """The content of a file of that format."""
        path = self.folder / f"scratch.{suffix}"
        (image or self.picture).save(path, **(options or _FORMATS[suffix]))
        content = path.read_bytes()
        path.unlink()
        return content


def _formats(studio: _Studio) -> Iterator[ImageFile]:
    for suffix, options in _FORMATS.items():
        yield studio.save(f"plain.{suffix}", f"plain {suffix.upper()}", **options)
    yield studio.save("progressive.jpg", "progressive JPEG", progressive=True)
    yield studio.save("lossy.webp", "lossy WebP", quality=90)
    yield studio.save("uncompressed.tif", "TIFF without compression")
    yield studio.save("deflate.tif", "TIFF, deflated", compression="tiff_adobe_deflate")
    yield studio.save("jpeg.tif", "TIFF, compressed as JPEG", compression="jpeg", quality=95)


def _orientations(studio: _Studio) -> Iterator[ImageFile]:
    for orientation in _STORED_AS:
        stored = stored_for(studio.picture, orientation)
        yield studio.save(
            f"orientation_{orientation}.jpg",
            f"JPEG with EXIF orientation {orientation}",
            stored,
            exif=exif_of(orientation).tobytes(),
            quality=95,
        )
    for suffix in ("png", "webp", "tif", "heic", "avif"):
        stored = stored_for(studio.picture, 6)
        yield studio.save(
            f"orientation_6.{suffix}",
            f"{suffix.upper()} with EXIF orientation 6",
            stored,
            exif=exif_of(6).tobytes(),
            **_FORMATS[suffix],
        )


def _kinds_of_pixels(studio: _Studio) -> Iterator[ImageFile]:
    grey, cmyk = studio.picture.convert("L"), studio.picture.convert("CMYK")
    for suffix in ("jpg", "png", "tif", "webp"):
        yield studio.save(f"grey.{suffix}", f"{suffix.upper()} in grey", grey, **_FORMATS[suffix])
    for suffix in ("jpg", "tif"):
        yield studio.save(f"cmyk.{suffix}", f"{suffix.upper()} in CMYK", cmyk, **_FORMATS[suffix])
    for suffix in ("png", "webp", "heic", "avif"):
        alpha = with_alpha(studio.picture)
        yield studio.save(f"alpha.{suffix}", f"{suffix.upper()} with alpha", alpha, **_FORMATS[suffix])
    half_clear = studio.picture.copy()
    half_clear.putalpha(200)
    yield studio.save("alpha.tif", "TIFF with alpha", half_clear)
    for suffix in ("png", "tif"):
        yield studio.save(f"16_bits.{suffix}", f"{suffix.upper()} with 16 bits", sixteen_bits(studio.picture))
    for suffix in ("png", "tif"):
        yield studio.save(f"palette.{suffix}", f"{suffix.upper()} with a palette", studio.picture.quantize(256))
        dots = studio.save(
            f"one_bit.{suffix}", f"{suffix.upper()} of black and white dots", studio.picture.convert("1")
        )
        yield replace(dots, expected="no_face")


def _several_pictures(studio: _Studio) -> Iterator[ImageFile]:
    others = [Image.new("RGB", studio.picture.size, colour) for colour in ("navy", "teal")]
    many: dict[str, Any] = {"save_all": True, "append_images": others}
    yield studio.save("three_pages.tif", "TIFF of three pages, a face on the first", **many)
    for suffix in ("gif", "webp", "avif"):
        yield studio.save(f"animated.{suffix}", f"{suffix.upper()} of three frames, a face on the first", **many)
    yield studio.save("three_pictures.heic", "HEIC of three pictures, a face on the main one", **many)


def _names_and_sizes(studio: _Studio) -> Iterator[ImageFile]:
    odd = studio.picture.resize((513, 511))
    for suffix, options in _FORMATS.items():
        yield studio.save(f"odd.{suffix}", f"{suffix.upper()} of 513 x 511 pixels", odd, **options)
    for suffix, alias in (("heic", "heic.jpg"), ("jpg", "jpeg.heic"), ("webp", "webp.png"), ("png", "png.mp4")):
        content = studio.bytes_of(suffix)
        yield studio.write(alias, f"{suffix.upper()} with a wrong suffix", content, "analysed")


def _broken(studio: _Studio) -> Iterator[ImageFile]:
    for suffix in _FORMATS:
        name, content = suffix.upper(), studio.bytes_of(suffix)
        yield studio.write(f"cut.{suffix}", f"{name}, cut in the middle", content[: len(content) // 2], "unreadable")
        yield studio.write(f"head.{suffix}", f"{name}, the first 40 bytes", content[:40], "unreadable")
        start = 800 if suffix == "gif" else 20  # a GIF's palette comes first, and any bytes will do there
        hole = content[:start] + bytes(200) + content[start + 200 :]
        yield studio.write(f"damaged.{suffix}", f"{name}, 200 bytes near its start are zeros", hole, "unreadable")


def _refused(studio: _Studio) -> Iterator[ImageFile]:
    grey = studio.picture.convert("L")
    yield _unsupported(studio.save("float.tif", "TIFF of floating-point numbers", grey.convert("F")))
    yield _unsupported(studio.save("32_bits.tif", "TIFF of 32-bit numbers", grey.convert("I")))
    yield _unsupported(studio.save("lab.tif", "TIFF in LAB", Image.new("LAB", studio.picture.size)))
    yield _unsupported(studio.save("icon.ico", "icon"))
    bombs: dict[str, Callable[[], bytes]] = {
        "png": lambda: studio.bytes_of("png", Image.new("1", (20_000, 20_000))),
        "tif": lambda: studio.bytes_of("tif", Image.new("1", (20_000, 20_000)), compression="group4"),
        "gif": lambda: _gif_header(20_000, 20_000),
    }
    for suffix, bomb in bombs.items():
        yield studio.write(f"bomb.{suffix}", f"{suffix.upper()} of 20000 x 20000 pixels", bomb(), "too_large")


def _unsupported(file: ImageFile) -> ImageFile:
    return replace(file, expected="unsupported")


def _gif_header(width: int, height: int) -> bytes:
    """A GIF that promises a picture of that size and holds nothing of it."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return b"GIF89a" + screen + frame + b"\x08\x00;"
