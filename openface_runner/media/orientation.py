"""Which way up an image is to be seen: by its EXIF, as in OpenCV, and by nothing else (XMP says it too, at times)."""

from __future__ import annotations

from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

_AS_STORED = 1
_ON_ITS_SIDE_FROM = 5
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def size_when_upright(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Width and height after turning, of an image whose reader doesn't turn it."""
    on_its_side = _exif_orientation(image) >= _ON_ITS_SIDE_FROM
    return (image.height, image.width) if on_its_side else image.size


def load_upright(image: ImageFile.ImageFile) -> tuple[Image.Image, str | None]:
    """Decode an image and turn it upright; with what was done, in words, if it was turned."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Pillow itself turns a TIFF while it decodes, by the tag or else by XMP, and forgets the tag.
        image.info.pop("xmp", None)
        note = _note(image.tag_v2.get(ExifTags.Base.Orientation))
        image.load()
        return image, note
    if image.format == "HEIF":
        # libheif itself turns a HEIC by its own header, which the standard puts above EXIF.
        note = _heic_note(image)
        image.load()
        return image, note
    orientation = _exif_orientation(image)
    image.load()
    upright = image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
    return upright, _note(orientation)


def _note(orientation: object) -> str | None:
    return f"turned upright (EXIF orientation {orientation})" if orientation in _TURNS else None


def _heic_note(image: ImageFile.ImageFile) -> str | None:
    # Not public, but nowhere else does pillow-heif say whether the picture was turned.
    heif_file = image._heif_file  # type: ignore[attr-defined]
    steps = heif_file[image.tell()]._c_image.transformations
    if not any(step[0] in ("irot", "imir") for step in steps):
        return None
    return _note(image.info.get("original_orientation")) or "turned upright (HEIC header)"


def _exif_orientation(image: ImageFile.ImageFile) -> int:
    # Not image.getexif(), which also looks into XMP and text chunks.
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF is no reason to refuse a picture
        return _AS_STORED
    return orientation if isinstance(orientation, int) and orientation in _TURNS else _AS_STORED
