"""Images: identified by their signature, decoded whole, and converted where OpenFace can't be trusted to read them.

OpenFace reads images with OpenCV's imread, in colour. JPEG, PNG and BMP it always reads, and those it gets untouched;
what it makes of any other format depends on how its OpenCV was built, so those are converted to PNG.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pillow_heif
from PIL import Image, ImageFile, UnidentifiedImageError

from openface_runner.media import conversion
from openface_runner.media.checked_file import CheckedFile, is_fault_of_machine, reading
from openface_runner.media.content import ImageMedium, Limits
from openface_runner.media.orientation import size_when_upright
from openface_runner.outcomes import Outcome, Rejected

# What else a phone puts beside the picture (depth, thumbnails) is never looked at.
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

# MPO is what phones call a JPEG with a second picture behind the first; OpenFace reads the first, as all readers do.
_UNTOUCHED = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "BMP": ".bmp"}
_CONVERTED = ("WEBP", "TIFF", "GIF", "AVIF", "HEIF")
_KNOWN_BUT_UNSUPPORTED = ("ICO", "JPEG2000", "PSD")
# Only formats with a signature: Pillow's other readers take almost any bytes for a picture.
_IDENTIFIED = ("JPEG", "PNG", "BMP", *_CONVERTED, *_KNOWN_BUT_UNSUPPORTED)
_STILL_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"avis")
_HEAD = 16
"""Bytes that hold the signature of every format."""
_BYTES_OF_PIXEL = 6
"""At most: 16 bits for each of three colours."""
_BYTES_BESIDE_PIXELS = 64 * 1024**2
"""For metadata, and for further pictures in the file."""


def prepare(
    path: Path, limits: Limits, converted: Path, check: Callable[[], None] = lambda: None
) -> ImageMedium | None:
    """Identify and decode an image, and convert it if need be; None when the file isn't an image of a known kind.

    The size is read from the header and checked before anything is decoded, so that a decompression bomb costs
    nothing.

    Arguments:
        path: the image, under a name of our own.
        limits: the largest image that is taken.
        converted: where to write the PNG; written only if the medium's ``conversions`` aren't empty.
        check: called before each read, and between steps; what it raises comes through.

    Raises:
        Rejected: ``unsupported``, ``too_large`` or ``unreadable``.
        OSError: the machine is at fault, not the medium.
    """
    # Some readers make room for the whole picture as soon as they have the header, before the limit below is looked at.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    with warnings.catch_warnings(), reading(path, check) as file:
        warnings.simplefilter("ignore")  # on oddities that Pillow gets over
        image = _open(file, limits)
        if image is None:
            return None
        with image:
            _check(image, limits)
            if image.format in _UNTOUCHED:
                return _untouched(image)
            with _damage_is_unreadable():
                rgb, conversions = conversion.convert(image, file)
        _check_size(rgb, limits)  # a HEIC's header can differ from what is in it
        file.check()
    # Outside the block above: a full disk is no damage of the medium.
    rgb.save(converted, format="PNG", compress_level=1)
    return ImageMedium(
        format=conversion.name_of(image).lower(),
        width=rgb.width,
        height=rgb.height,
        suffix=".png",
        conversions=conversions,
    )


def _open(file: CheckedFile, limits: Limits) -> ImageFile.ImageFile | None:
    _check_bytes(file, limits)
    try:
        with _damage_is_unreadable():
            return Image.open(file, formats=_IDENTIFIED)
    except UnidentifiedImageError as error:
        name = _name_by_signature(_head(file))
        if name is None:
            return None
        raise Rejected(
            Outcome.UNREADABLE,
            f"The file begins like {name} but can't be read: it is damaged or cut off.",
        ) from error
    except Image.DecompressionBombError as error:
        raise Rejected(
            Outcome.TOO_LARGE, f"The picture has more than twice as many pixels as the limit of {limits.max_pixels:,}."
        ) from error


def _check_bytes(file: CheckedFile, limits: Limits) -> None:
    """Refuse a picture that no picture within the limits can be, since most readers hold the file in memory."""
    size = os.fstat(file.fileno()).st_size
    most = limits.max_pixels * _BYTES_OF_PIXEL + _BYTES_BESIDE_PIXELS
    if size <= most:
        return
    Image.init()
    head = _head(file)
    readers = (Image.OPEN[name][1] for name in _IDENTIFIED if name in Image.OPEN)
    if any(accepts is not None and accepts(head) is True for accepts in readers):
        raise Rejected(Outcome.TOO_LARGE, f"The picture's file has {size:,} bytes; the limit is {most:,}.")


def _head(file: CheckedFile) -> bytes:
    file.seek(0)
    return file.read(_HEAD)


def _name_by_signature(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        # Other brands of this family are videos, or bursts that may lack a still picture.
        return ("AVIF" if head[8:11] == b"avi" else "HEIC") if head[8:12] in _STILL_BRANDS else None
    if head[:4] == b"RIFF":
        return "WebP" if head[8:12] == b"WEBP" else None
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    return "GIF" if head[:6] in (b"GIF87a", b"GIF89a") else None


def _untouched(image: ImageFile.ImageFile) -> ImageMedium:
    with _damage_is_unreadable():
        image.load()
    # Measured with OpenCV 4.11: imread turns JPEG and PNG as their EXIF says; a BMP has none.
    width, height = size_when_upright(image)
    return ImageMedium(
        format=(image.format or "").lower(), width=width, height=height, suffix=_UNTOUCHED[image.format or ""]
    )


def _check(image: ImageFile.ImageFile, limits: Limits) -> None:
    if image.format in _KNOWN_BUT_UNSUPPORTED:
        raise Rejected(Outcome.UNSUPPORTED, f"The picture is in the format {image.format}, which isn't taken.")
    _check_size(image, limits)


def _check_size(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.max_pixels:
        raise Rejected(
            Outcome.TOO_LARGE,
            f"The picture has {image.width} x {image.height} pixels; the limit is {limits.max_pixels:,} in all.",
        )


@contextmanager
def _damage_is_unreadable() -> Iterator[None]:
    # Everything, because Pillow's readers have no closed list of what they raise on damaged data: besides OSError there
    # were SyntaxError, struct.error, RuntimeError and TypeError.
    try:
        yield
    except (Rejected, UnidentifiedImageError, Image.DecompressionBombError):
        raise
    except Exception as error:
        if is_fault_of_machine(error):
            raise
        raise _unreadable(error) from error


def _unreadable(error: BaseException) -> Rejected:
    return Rejected(Outcome.UNREADABLE, f"The picture is damaged or was cut off ({str(error)[:120]}).")
