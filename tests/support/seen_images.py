"""What becomes of image files and of their pixels. OpenCV's imread in colour, as in OpenFace, is the judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image, ImageChops

from openface_runner.media.content import ImageMedium, Limits, prepare
from openface_runner.outcomes import Rejected
from tests.support.image_files import ImageFile, make_image_files, sixteen_bits, with_alpha
from tests.support.samples import sample

LIMITS = Limits(max_pixels=50_000_000, max_duration=900)


@dataclass(frozen=True)
class Seen:
    """What a file was told to be, and the pixels that OpenFace gets."""

    medium: ImageMedium
    pixels: Image.Image


@dataclass(frozen=True)
class Folder:
    """A folder for files with one small picture."""

    path: Path
    picture: Image.Image

    def save(self, suffix: str, image: Image.Image | None = None, **options: Any) -> Path:
        path = self.path / f"picture.{suffix}"
        (image or self.picture).save(path, **options)
        return path


@cache
def small_picture() -> Image.Image:
    """A colour picture of an odd size, to be left as it is."""
    with Image.open(sample("face.jpg")) as image:
        return image.convert("RGB").resize((61, 47))


def small_image_files(folder: Path) -> list[ImageFile]:
    """All kinds of image files, smaller and so made sooner than those that OpenFace is to find a face in."""
    face = folder / "face.png"
    with Image.open(sample("face.jpg")) as image:
        image.resize((160, 160)).save(face)
    return make_image_files(folder / "files", face)


def see(path: Path, limits: Limits = LIMITS) -> Seen:
    with TemporaryDirectory() as work:
        prepared = prepare(path, Path(work), limits)
        assert isinstance(prepared.medium, ImageMedium)
        with Image.open(prepared.path) as image:
            image.load()
            return Seen(prepared.medium, image)


def outcome_of(path: Path, limits: Limits = LIMITS) -> str:
    try:
        see(path, limits)
    except Rejected as rejected:
        return rejected.verdict.outcome
    return "analysed"


def imread(cv2: Any, path: Path) -> Image.Image | None:
    """What OpenFace would see in a file."""
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return None if read is None else Image.fromarray(read[:, :, ::-1])


def as_openface_sees(cv2: Any, path: Path) -> Image.Image:
    with TemporaryDirectory() as work:
        seen = imread(cv2, prepare(path, Path(work), LIMITS).path)
    assert seen is not None
    return seen


def difference(one: Image.Image, other: Image.Image) -> int:
    """The most that any value of any pixel differs by."""
    assert one.size == other.size
    bands = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getextrema()
    return max(high for _, high in bands)  # type: ignore[misc]


def looks_like(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures differ no more than a lossy format blurs them."""
    coarse = [image.convert("RGB").resize((12, 8), Image.Resampling.BOX) for image in (one, other)]
    return one.size == other.size and difference(*coarse) < 16


def in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return sixteen_bits(picture)
    return with_alpha(picture).convert(mode) if mode.endswith("A") else picture.convert(mode)
