"""Images: identified by their signature and decoded whole by Pillow."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from openface_runner.media.content import ImageMedium, Limits
from openface_runner.outcomes import Outcome, Rejected

# MPO is what phones call a JPEG with a second picture behind the first; OpenFace reads the first, as all readers do.
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "BMP": ".bmp"}
_KNOWN_BUT_UNSUPPORTED = ("GIF", "WEBP", "TIFF", "AVIF", "ICO", "JPEG2000", "PSD")
# Only formats with a signature: Pillow's other readers take almost any bytes for a picture.
_IDENTIFIED = ("JPEG", "PNG", "BMP", *_KNOWN_BUT_UNSUPPORTED)
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, MemoryError)
"""What Pillow's readers raise on damaged data, by its documentation and by experience."""


def inspect(path: Path, limits: Limits) -> ImageMedium | None:
    """Identify and decode an image; None when the file isn't an image of a known kind.

    The size is read from the header and checked before anything is decoded, so that a decompression bomb costs
    nothing.

    Raises:
        Rejected: ``unsupported``, ``too_large`` or ``unreadable``.
    """
    # Our own limit on pixels, checked below, takes the place of Pillow's fixed one, which warns and then raises.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(path, formats=_IDENTIFIED)
        except UnidentifiedImageError:
            return None
        except Image.DecompressionBombError:
            raise Rejected(Outcome.TOO_LARGE, f"The picture has more than {limits.max_pixels:,} pixels.") from None
        except _DAMAGE as error:
            raise _unreadable(error) from error
    with image:
        _check(image, limits)
        try:
            image.load()
        except _DAMAGE as error:
            raise _unreadable(error) from error
        return ImageMedium(
            format=(image.format or "").lower(),
            width=image.width,
            height=image.height,
            suffix=_SUFFIXES[image.format or ""],
        )


def _check(image: Image.Image, limits: Limits) -> None:
    if image.format not in _SUFFIXES:
        raise Rejected(Outcome.UNSUPPORTED, f"The picture is a {image.format} file, which isn't taken.")
    if image.width * image.height > limits.max_pixels:
        raise Rejected(
            Outcome.TOO_LARGE,
            f"The picture has {image.width} x {image.height} pixels; the limit is {limits.max_pixels:,} in all.",
        )


def _unreadable(error: BaseException) -> Rejected:
    return Rejected(Outcome.UNREADABLE, f"The picture is damaged or was cut off ({str(error)[:120]}).")
