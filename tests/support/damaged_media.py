"""Media that are damaged, cut, spliced, mislabelled or made up: each has a number, by which it can be made again."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image

from tests.support.samples import sample
from tests.support.video_encoding import Recipe, encode

pillow_heif.register_heif_opener()

_SIZE = (160, 160)
_ROWS = 75
"""As many as the recorded clip has that fake programs replay, so that a clip that survives its damage is analysed."""
_SMALL = Recipe(chain=("scale=96:96",), frames=_ROWS, options={"g": "12"})
_MPEG4 = replace(_SMALL, codec="mpeg4")
_VP8 = replace(_SMALL, codec="libvpx")

_PICTURES: dict[str, dict[str, Any]] = {
    "jpg": {"quality": 90},
    "png": {},
    "bmp": {},
    "webp": {"quality": 80},
    "tif": {"compression": "tiff_lzw"},
    "gif": {},
    "heic": {"quality": 80},
    "avif": {"quality": 80},
}
_ODD_PICTURES: dict[str, dict[str, Any]] = {
    "progressive.jpg": {"progressive": True},
    "pages.tif": {"compression": "jpeg", "save_all": True},
    "animated.gif": {"save_all": True},
    "animated.webp": {"save_all": True},
    "animated.png": {"save_all": True},
}
_CLIPS: dict[str, Recipe] = {
    "plain.mp4": replace(_SMALL, sound=True),
    "fast.mp4": replace(_SMALL, muxing={"movflags": "faststart"}),
    "fragmented.mp4": replace(_SMALL, muxing={"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    "hevc.mp4": replace(_SMALL, codec="libx265", options={"x265-params": "log-level=none"}),
    "av1.mp4": replace(_SMALL, codec="libsvtav1", options={"preset": "12"}),
    "turned.mp4": replace(_SMALL, rotation=180),
    "turned.mov": replace(_SMALL, rotation=90),
    "plain.mkv": replace(_SMALL, options={"bf": "2"}),
    "vp8.webm": _VP8,
    "live.webm": replace(_VP8, muxing={"live": "1"}),
    "mpeg4.avi": _MPEG4,
    "mjpeg.avi": replace(_SMALL, codec="mjpeg", pixels="yuvj420p"),
    "plain.ts": _SMALL,
    "mpeg2.mpg": replace(_SMALL, codec="mpeg2video"),
    "plain.wmv": replace(_SMALL, codec="wmv2"),
    "plain.flv": replace(_SMALL, codec="flv"),
    "vp8.ogv": _VP8,
}
_FACELESS_SUFFIXES = ("txt", "jpg", "mp4", "")
_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_LONG_EXTREMES = (0, 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
_HEADER = 512
"""Bytes in which most formats have their lengths and sizes."""


@dataclass(frozen=True, kw_only=True)
class DamagedMedium:
    """One case."""

    number: int
    name: str
    """What an uploader might call it; not to be trusted."""
    description: str
    content: bytes


def make_sources(folder: Path, *, picture: str = "face.jpg", clip: str = "face.mp4") -> dict[str, bytes]:
    """Good media in every format that is taken, small, by name; takes some seconds.

    Arguments:
        folder: a fresh folder for the encoders to write to.
        picture, clip: the samples that they are made from.
    """
    with Image.open(sample(picture)) as image:
        small = image.convert("RGB").resize(_SIZE)
    others = [Image.new("RGB", _SIZE, colour) for colour in ("navy", "teal")]
    for suffix, options in _PICTURES.items():
        small.save(folder / f"plain.{suffix}", **options)
    for name, options in _ODD_PICTURES.items():
        more: dict[str, Any] = {"append_images": others} if "save_all" in options else {}
        small.save(folder / name, **options, **more)
    for name, recipe in _CLIPS.items():
        encode(sample(clip), folder / name, recipe)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def damaged(number: int, sources: Mapping[str, bytes]) -> DamagedMedium:
    """Make the case of a number: the same from the same sources, and another for every number.

    Every format and every kind of damage comes up again and again as numbers are counted up.
    """
    chance = random.Random(number)  # noqa: S311 - repeatable on purpose
    names = sorted(sources)
    name = names[number % len(names)]
    harm = _HARMS[number // len(names) % len(_HARMS)]
    content = harm(sources[name], sources, chance)
    shown_as = name if chance.random() < 0.8 else f"upload.{chance.choice((*_FACELESS_SUFFIXES, 'png', 'heic'))}"
    return DamagedMedium(
        number=number,
        name=shown_as,
        description=f"{name}: {harm.__name__.strip('_').replace('_', ' ')}",
        content=content,
    )


_Sources = Mapping[str, bytes]
_Harm = Callable[[bytes, _Sources, random.Random], bytes]


def _flip_bits(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _flip in range(chance.choice((1, 3, 10, 100))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _flip_bits_of_header(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _flip in range(chance.choice((1, 2, 5, 20))):
        changed[chance.randrange(min(_HEADER, len(changed)))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut_end(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def _cut_start(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    return content[chance.randrange(len(content)) :]


def _cut_middle(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    first, second = sorted(chance.sample(range(len(content)), 2))
    return content[:first] + content[second:]


def _splice(content: bytes, sources: _Sources, chance: random.Random) -> bytes:
    other = sources[chance.choice(sorted(sources))]
    return content[: chance.randrange(len(content))] + other[chance.randrange(len(other)) :]


def _zero_a_range(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    length = chance.randrange(1, max(2, len(content) // 4))
    return content[:start] + bytes(len(content[start : start + length])) + content[start + length :]


def _extreme_number(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    return _overwrite(content, chance, len(content))


def _extreme_number_in_header(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    return _overwrite(content, chance, min(_HEADER, len(content)))


def _extreme_number_in_index(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    # Many containers have it at their end.
    kept = max(0, len(content) - 4 * _HEADER)
    return content[:kept] + _overwrite(content[kept:], chance, len(content) - kept)


def _repeat_a_part(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    first, second = sorted(chance.sample(range(len(content) + 1), 2))
    return content[:second] + content[first:second] * chance.randrange(1, 20) + content[second:]


def _header_only(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    return content[: chance.choice((4, 8, 12, 16, 32, 64, 128, 256))]


def _noise_behind_signature(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    return content[: chance.choice((4, 8, 12, 16, 32, 64))] + chance.randbytes(chance.randrange(5_000))


def _polyglot(content: bytes, sources: _Sources, chance: random.Random) -> bytes:
    other = sources[chance.choice(sorted(sources))]
    return content + other if chance.random() < 0.5 else other[: chance.choice((12, 100))] + content


def _swap_parts(content: bytes, _: _Sources, chance: random.Random) -> bytes:
    first, second, third = sorted(chance.sample(range(len(content) + 1), 3))
    return content[:first] + content[second:third] + content[first:second] + content[third:]


def _overwrite(content: bytes, chance: random.Random, within: int) -> bytes:
    changed = bytearray(content)
    for _number in range(chance.choice((1, 1, 2, 4))):
        width, values = chance.choice(((1, _EXTREMES), (2, _EXTREMES), (4, _EXTREMES), (8, _LONG_EXTREMES)))
        value = (chance.choice(values) & (256**width - 1)).to_bytes(width, chance.choice(("little", "big")))
        place = chance.randrange(max(1, within - width))
        changed[place : place + width] = value
    return bytes(changed)


def _random_bytes(_: bytes, __: _Sources, chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 10, 1000, 20_000)))


_HARMS: tuple[_Harm, ...] = (
    _flip_bits,
    _flip_bits_of_header,
    _cut_end,
    _cut_start,
    _cut_middle,
    _splice,
    _zero_a_range,
    _extreme_number,
    _extreme_number_in_header,
    _extreme_number_in_index,
    _repeat_a_part,
    _header_only,
    _noise_behind_signature,
    _polyglot,
    _swap_parts,
    _random_bytes,
)
