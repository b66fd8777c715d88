"""What is in a medium: image or video, by content and never by name, checked before OpenFace sees it.

OpenFace takes cut files without a word (a half JPEG gives a whole-looking CSV), so images are decoded whole here,
and a video's packets are compared with what its container promises.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import puremagic

from openface_runner.outcomes import Outcome, Rejected


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The largest media that are taken."""

    max_pixels: int
    max_duration: float
    """Seconds."""


@dataclass(frozen=True, kw_only=True)
class ImageMedium:
    """An image that was decoded whole."""

    kind: ClassVar[str] = "image"
    format: str
    width: int
    height: int
    suffix: str
    """The file name suffix that belongs to the format, with its dot."""


@dataclass(frozen=True, kw_only=True)
class VideoMedium:
    """A video whose packets are all there; they are not decoded."""

    kind: ClassVar[str] = "video"
    format: str
    codec: str
    width: int
    height: int
    frames: int
    """Packets that aren't marked as discarded: the rows that a whole CSV has, one a frame."""
    duration: float
    """Seconds."""
    suffix: str


Medium = ImageMedium | VideoMedium


def describe(medium: Medium) -> dict[str, object]:
    """A medium's content as plain data, for a record."""
    return {"kind": medium.kind, **{key: value for key, value in vars(medium).items() if key != "suffix"}}


def inspect(path: Path, limits: Limits) -> Medium:
    """Tell what the file holds, and prove that it is whole as far as that can be told without OpenFace.

    Raises:
        Rejected: ``unreadable``, ``unsupported``, ``too_large`` or ``incomplete``, with the reason.
    """
    # Only now: both bring large native libraries, which the app's start can do without.
    from openface_runner.media import images, videos

    if path.stat().st_size == 0:
        raise Rejected(Outcome.UNREADABLE, "The file is empty.")
    medium = images.inspect(path, limits) or videos.inspect(path, limits)
    if medium is None:
        raise _rejection_of_unknown(path)
    return medium


_SURE = 0.5
"""puremagic's confidence from which its answer rests on a signature rather than on a guess from text."""


def _rejection_of_unknown(path: Path) -> Rejected:
    guesses = puremagic.magic_file(str(path))
    if not guesses or guesses[0].confidence < _SURE:
        return Rejected(Outcome.UNREADABLE, "The file is neither a picture nor a video that can be read.")
    best = guesses[0]
    if best.mime_type in ("image/jpeg", "image/png", "image/bmp") or best.mime_type.startswith("video/"):
        return Rejected(
            Outcome.UNREADABLE, f"The file begins like a {best.mime_type} file but can't be read: it is damaged."
        )
    return Rejected(
        Outcome.UNSUPPORTED, f"The file is neither a picture nor a video but of the type {best.mime_type or best.name}."
    )
