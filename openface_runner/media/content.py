"""What is in a medium: image or video, by content and never by name, checked before OpenFace sees it.

OpenFace takes cut files without a word (a half JPEG gives a whole-looking CSV), so images are decoded whole here,
and a video's packets are compared with what its container promises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

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
    warnings: ClassVar[tuple[str, ...]] = ()
    """Nothing about an image makes its numbers doubtful by itself."""
    format: str
    width: int
    """As OpenFace sees it, after turning; so is the height."""
    height: int
    suffix: str
    """The suffix of the file that OpenFace gets, with its dot."""
    conversions: tuple[str, ...] = ()
    """What was done to it before OpenFace gets it, each a short phrase; empty when it gets the file untouched."""


@dataclass(frozen=True, kw_only=True)
class VideoMedium:
    """A video whose packets are all there; they are not decoded."""

    kind: ClassVar[str] = "video"
    format: str
    codec: str
    width: int
    """As stored, before any turning; so is the height."""
    height: int
    frames: int
    """Packets that are shown: the rows that a whole CSV has, one a frame."""
    duration: float
    """Seconds."""
    rate: float
    """Frames a second on average, as OpenFace takes it for its timestamps."""
    rotation: int = 0
    """Degrees clockwise (0, 90, 180, 270) by which the container asks for the picture to be turned."""
    mirrored: bool = False
    """Whether the container asks for the picture to be mirrored left to right, after turning."""
    variable_rate: bool = False
    """Whether the frames are spaced so unevenly that no constant rate gives their times."""
    timestamps: tuple[float, ...] | None = None
    """Seconds from the first frame, to the millisecond, one a frame; None where OpenFace's own are right, or where
    nobody knows."""
    suffix: str
    conversions: tuple[str, ...] = ()
    """What was done to it before OpenFace gets it, each a short phrase; empty when it gets the file untouched."""
    warnings: tuple[str, ...] = ()
    """What makes its numbers doubtful, each a sentence."""

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once turned as the container asks: the CSV's coordinates are in these pixels."""
        return (self.height, self.width) if self.rotation in (90, 270) else (self.width, self.height)


Medium = ImageMedium | VideoMedium


def describe(medium: Medium) -> dict[str, object]:
    """A medium's content as plain data, for a record."""
    fields = {name: value for name, value in vars(medium).items() if name not in ("suffix", "warnings")}
    return {"kind": medium.kind, **fields}


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A medium that is fit for OpenFace."""

    medium: Medium
    path: Path
    """What OpenFace gets, under a name of our own: a link to the source, or a converted copy."""


def _never() -> None:
    """The check of who has nothing to call off."""


def prepare(source: Path, work: Path, limits: Limits, check: Callable[[], None] = _never) -> Prepared:
    """Tell what the file holds, prove that it is whole as far as that can be told, and make it fit for OpenFace.

    Arguments:
        source: the medium, under whatever name; it is only read.
        work: a fresh folder, which gets the files "medium" and, with the right suffix, what OpenFace is to read.
        limits: the largest media that are taken.
        check: called again and again meanwhile; what it raises comes through.

    Raises:
        Rejected: ``unreadable``, ``unsupported``, ``too_large`` or ``incomplete``, with the reason.
    """
    # Only now: both bring large native libraries, which the app's start can do without.
    from openface_runner.media import images, videos

    if source.stat().st_size == 0:
        raise Rejected(Outcome.UNREADABLE, "The file is empty.")
    # A name from outside reaches neither OpenFace's command line nor a library that reads its suffix.
    plain = _link(work / "medium", source)
    medium = images.prepare(plain, limits, plain.with_suffix(".png"), check) or videos.inspect(plain, limits, check)
    if medium is None:
        raise _rejection_of_unknown(plain)
    path = plain.with_suffix(medium.suffix)
    converted = isinstance(medium, ImageMedium) and medium.conversions
    return Prepared(medium=medium, path=path if converted else _link(path, source))


def _link(link: Path, source: Path) -> Path:
    link.symlink_to(source.absolute())
    return link


_SURE = 0.5
"""puremagic's confidence from which its answer rests on a signature rather than on a guess from text."""

_COMMON_UPLOADS = {b"PK\x03\x04": "application/zip", b"%PDF": "application/pdf"}
"""By their first four bytes; too few for puremagic to be sure of when it has no suffix to go by."""


def _rejection_of_unknown(path: Path) -> Rejected:
    # Only now: the app's start can do without it.
    import puremagic

    with path.open("rb") as file:
        common = _COMMON_UPLOADS.get(file.read(4))
    if common:
        return _unsupported(common)
    guesses = puremagic.magic_file(str(path))
    if not guesses or guesses[0].confidence < _SURE:
        return Rejected(Outcome.UNREADABLE, "The file is neither a picture nor a video that can be read.")
    best = guesses[0]
    if best.mime_type in ("image/jpeg", "image/png", "image/bmp") or best.mime_type.startswith("video/"):
        return Rejected(
            Outcome.UNREADABLE,
            f"The file begins like {best.mime_type} but can't be read: it is damaged or of a rare kind.",
        )
    return _unsupported(best.mime_type or best.name)


def _unsupported(kind: str) -> Rejected:
    return Rejected(Outcome.UNSUPPORTED, f"The file is neither a picture nor a video but of the type {kind}.")
