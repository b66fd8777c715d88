"""The pixels of an image as OpenCV's imread in colour would give them: 8-bit RGB, upright, the first picture only.

Measured with OpenCV 4.11, and followed here also for formats that this OpenCV doesn't read:

- alpha is dropped, not blended (PNG, WebP, TIFF with grey and alpha); but colour TIFF with alpha is blended with black;
- of 16 bits the higher 8 are kept (PNG, grey TIFF); only colour TIFF is rounded instead, which Pillow can't do, so that
  a value can differ by 1;
- CMYK becomes RGB without a profile, to the pixel as Pillow does it;
- ICC profiles are ignored, so they are ignored here too, and not handed on;
- float and 32-bit TIFF is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL import GifImagePlugin, Image, ImageFile, ImageOps, TiffImagePlugin

from openface_runner.media.checked_file import CheckedFile
from openface_runner.media.orientation import load_upright
from openface_runner.outcomes import Outcome, Rejected

_NAMES = {"WEBP": "WebP", "HEIF": "HEIC"}
_PLAIN = ("RGB", "L", "1", "P")
_WITH_ALPHA = ("RGBA", "LA", "PA")
_OF_OTHER_COLOURS = ("CMYK", "YCbCr")
_HIGH_BYTES = {"I;16": slice(1, None, 2), "I;16L": slice(1, None, 2), "I;16B": slice(0, None, 2)}
"""Where the high byte of each pixel is, by Pillow's mode."""
_BYTE = 8
_WORD = 16
_MOST_PICTURES = 1000
"""Pages of a TIFF or frames of a GIF that are counted; a file can hold millions of empty ones."""
_AV1_HEADER_WITHIN = 65536
"""Bytes of an AVIF file in which its decoder's settings are looked for."""

_SUBFILE_TYPE, _BITS_PER_SAMPLE, _PHOTOMETRIC, _EXTRA_SAMPLES, _DNG_VERSION = 254, 258, 262, 338, 50706
"""Tags of TIFF."""
_WHITE_IS_ZERO = 0
_SHOWS_ALPHA = (1, 2)


def name_of(image: Image.Image) -> str:
    """The format's usual name."""
    return _NAMES.get(image.format or "", image.format or "")


def convert(image: ImageFile.ImageFile, file: CheckedFile) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode the first picture of an image; with what was done to it, each a short phrase.

    Arguments:
        image: just opened.
        file: what it is read from.

    Raises:
        Rejected: ``unsupported``.
        Exception: whatever Pillow's readers raise on damaged data.
    """
    bits = _bits(image, file)
    _refuse(image, bits)
    upright, turned = load_upright(image)
    rgb, notes = _rgb(upright, image)
    rgb.info.clear()  # so that neither EXIF nor a profile nor transparency reaches the PNG
    reduced = f"{bits} bits reduced to 8" if bits > _BYTE else None
    file.check()
    done = (f"converted from {name_of(image)}", _which_picture(image, file), turned, reduced, *notes)
    return rgb, tuple(note for note in done if note)


def _refuse(image: ImageFile.ImageFile, bits: int) -> None:
    if isinstance(image, TiffImagePlugin.TiffImageFile) and (
        image.tag_v2.get(_SUBFILE_TYPE, 0) & 1 or _DNG_VERSION in image.tag_v2
    ):
        raise Rejected(Outcome.UNSUPPORTED, "The file is a camera's raw data, whose first picture is only a preview.")
    # A HEIC's grey values are scaled to 16 bits whatever it has; a TIFF of 12 bits has them as they are.
    if image.mode in _HIGH_BYTES and (image.format == "HEIF" or bits == _WORD):
        return
    if image.mode not in (*_PLAIN, *_WITH_ALPHA, *_OF_OTHER_COLOURS):
        raise Rejected(
            Outcome.UNSUPPORTED,
            f"The {name_of(image)} picture's values can't be told as colours (kind {image.mode}, {bits} bits).",
        )


def _rgb(upright: Image.Image, source: ImageFile.ImageFile) -> tuple[Image.Image, tuple[str, ...]]:
    if upright.mode in _HIGH_BYTES:
        return _high_bytes(upright, source).convert("RGB"), ()
    if upright.mode == "RGBA" and _tag(source, _EXTRA_SAMPLES) in _SHOWS_ALPHA:
        # "RGBa" is RGBA with the colours multiplied by alpha, rounded as libtiff does it for OpenCV.
        return Image.merge("RGB", upright.convert("RGBa").split()[:3]), ("alpha blended with black",)
    notes = []
    if upright.mode in _WITH_ALPHA or "transparency" in upright.info:
        notes.append("alpha dropped")
    if upright.mode in _OF_OTHER_COLOURS:
        notes.append(f"{upright.mode} converted to RGB")
    upright.info.pop("transparency", None)  # or else Pillow would change the colour that stands for it
    return upright.convert("RGB"), tuple(notes)


def _high_bytes(upright: Image.Image, source: ImageFile.ImageFile) -> Image.Image:
    grey = Image.frombytes("L", upright.size, upright.tobytes()[_HIGH_BYTES[upright.mode]])
    # Pillow minds this tag at 8 bits, but not at 16.
    return ImageOps.invert(grey) if _tag(source, _PHOTOMETRIC) == _WHITE_IS_ZERO else grey


def _bits(image: ImageFile.ImageFile, file: CheckedFile) -> int:
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", _BYTE))
    if image.format == "AVIF":
        return _av1_bits(file)
    return _tag(image, _BITS_PER_SAMPLE) or _BYTE


def _av1_bits(file: CheckedFile) -> int:
    # Pillow doesn't tell. The box "av1C" has two bits for it in its third byte. (It has read the whole file by now.)
    file.seek(0)
    _, found, settings = file.read(_AV1_HEADER_WITHIN).partition(b"av1C")
    if not found or len(settings) < 3 or not settings[2] & 0x40:  # noqa: PLR2004 - the third byte
        return _BYTE
    return 12 if settings[2] & 0x20 else 10


def _tag(image: ImageFile.ImageFile, tag: int) -> int | None:
    """A TIFF's tag, or the first of its values; None for other formats."""
    value = image.tag_v2.get(tag) if isinstance(image, TiffImagePlugin.TiffImageFile) else None
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else None


def _which_picture(image: ImageFile.ImageFile, file: CheckedFile) -> str | None:
    if isinstance(image, TiffImagePlugin.TiffImageFile | GifImagePlugin.GifImageFile):
        pictures = sum(1 for _ in _pictures(image, file))
        kind = "frames" if image.format == "GIF" else "pages"
        more = "more than " if pictures > _MOST_PICTURES else ""
        return f"first of {more}{min(pictures, _MOST_PICTURES)} {kind}" if pictures > 1 else None
    frames = int(getattr(image, "n_frames", 1))
    if frames == 1:
        return None
    return f"main one of {frames} pictures" if image.format == "HEIF" else f"first of {frames} frames"


def _pictures(image: TiffImagePlugin.TiffImageFile | GifImagePlugin.GifImageFile, file: CheckedFile) -> Iterator[int]:
    for number in range(_MOST_PICTURES + 1):
        file.check()
        try:
            if isinstance(image, GifImagePlugin.GifImageFile):
                # Not public, but `seek` decodes each frame, and `n_frames` counts them all.
                image._seek(number, update_image=False)
            else:
                image.seek(number)
        except Exception:  # the end, or damage behind the only picture that matters
            return
        yield number
