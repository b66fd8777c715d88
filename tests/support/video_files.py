"""Small videos as phones, browsers and tools make them, each with the outcome that the product owes it.

There is no Theora among PyAV's encoders, so the Ogg file holds VP8. The outcomes are those with the stand-in, and with
any OpenFace whose OpenCV decodes the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
from PIL import Image

from tests.support.video_encoding import (
    AGAINST,
    FRAMES,
    LONG,
    TICKS,
    Recipe,
    cut,
    damage,
    encode,
    remux,
    sound_only,
    turned,
    with_hidden_frames,
)


@dataclass(frozen=True, kw_only=True)
class VideoFile:
    """One video, and what the product has to say of it."""

    name: str
    description: str
    path: Path
    outcome: str


_SMALL = ("scale=240:240",)
_ODD = ("scale=321:241",)
_IN_THE_DARK = (0, 40, 80, 120, 200, 280, 360, 400, 440, 520, 600, 680)
_THIRTY_A_SECOND = tuple(round(number * TICKS / 30) for number in range(FRAMES))
_INTERLACED = {"x264-params": "interlaced=1", "flags": "+ildct+ilme"}
_FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_FAST = {"movflags": "faststart"}
_QUIET = {"x265-params": "log-level=none"}
_MIRRORED = (-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
_UPSIDE_DOWN = (65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30)
_MJPEG = Recipe(codec="mjpeg", pixels="yuvj420p")
_VP8, _VP9, _MPEG4 = (
    Recipe(codec="libvpx"),
    Recipe(codec="libvpx-vp9", options={"cpu-used": "8"}),
    Recipe(codec="mpeg4"),
)
_LONG = Recipe(frames=LONG, chain=_SMALL)

_ANALYSED: dict[str, tuple[str, Recipe]] = {
    "plain.mp4": ("H.264 with B-frames and sound in MP4", Recipe(options={"bf": "2"}, sound=True)),
    "plain.mov": ("H.264 in QuickTime", Recipe()),
    "plain.m4v": ("H.264 in M4V", Recipe()),
    "plain.3gp": ("MPEG-4 in 3GP, older phones", _MPEG4),
    "vp8.webm": ("VP8 in WebM", _VP8),
    "vp9.webm": ("VP9 in WebM", _VP9),
    "plain.mkv": ("H.264 with B-frames in Matroska", Recipe(options={"bf": "2"})),
    "mpeg4.avi": ("MPEG-4 with B-frames in AVI", replace(_MPEG4, options={"bf": "2"})),
    "mjpeg.avi": ("Motion JPEG in AVI, webcams", _MJPEG),
    "mpeg2.mpg": ("MPEG-2 with B-frames in a program stream", Recipe(codec="mpeg2video", options={"bf": "2"})),
    "plain.ts": ("H.264 with B-frames in a transport stream", Recipe(options={"bf": "2"})),
    "plain.wmv": ("Windows Media Video", Recipe(codec="wmv2")),
    "plain.flv": ("Sorenson Spark in Flash Video", Recipe(codec="flv")),
    "vp8.ogv": ("VP8 in Ogg", _VP8),
    "hevc.mp4": ("HEVC in MP4, newer phones", Recipe(codec="libx265", options=_QUIET)),
    "hevc_10_bits.mp4": ("HEVC of 10 bits", Recipe(codec="libx265", options=_QUIET, pixels="yuv420p10le")),
    "av1.mp4": ("AV1 in MP4", Recipe(codec="libsvtav1", options={"preset": "12"})),
    "interlaced.ts": ("interlaced H.264, camcorders", Recipe(options=_INTERLACED)),
    "one_frame.mp4": ("a single frame", Recipe(frames=1)),
    "odd_size.webm": ("321 x 241 pixels", replace(_VP8, chain=_ODD)),
    "fragmented.mp4": ("a fragmented MP4, web recorders", Recipe(muxing=_FRAGMENTED, options={"g": "5"})),
    "no_duration.webm": ("WebM of unknown duration, browsers", replace(_VP8, muxing={"live": "1"})),
    "varying.mp4": ("12 to 25 frames a second, phones in the dark", Recipe(times=_IN_THE_DARK)),
    "varying.webm": ("the same in WebM", replace(_VP8, times=_IN_THE_DARK)),
    "gaps.avi": ("AVI with empty slots, screen recorders", replace(_MJPEG, times=_IN_THE_DARK)),
    "rounded.webm": ("30 frames a second, said to be 25", replace(_VP8, times=_THIRTY_A_SECOND)),
    **{f"turned_{by}.mp4": (f"a tag to turn it by {by} degrees", turned(by)) for by in (90, 180, 270)},
    **{
        f"turned_{by}_square.mp4": (f"the same, {by} degrees, square", turned(by, square=True)) for by in (90, 180, 270)
    },
    "turned_90.mov": ("the same in QuickTime, iPhones", turned(90)),
    "turned_90.mkv": ("the same in Matroska", turned(90)),
    "turned_90_odd.mov": (
        "the same at an odd size",
        replace(turned(90), codec="mjpeg", pixels="yuvj420p", chain=(*_ODD, *AGAINST[90])),
    ),
    "mirrored.mp4": ("a tag to mirror it", Recipe(chain=(*Recipe().chain, "hflip"), matrix=_MIRRORED)),
    "upside_down.mp4": ("a tag to put it on its head", Recipe(chain=(*Recipe().chain, "vflip"), matrix=_UPSIDE_DOWN)),
}
_CUT: dict[str, tuple[str, Recipe, str]] = {
    "mp4": ("MP4", replace(_LONG, muxing=_FAST), "incomplete"),
    "mkv": ("Matroska", _LONG, "incomplete"),
    "webm": ("WebM", replace(_LONG, codec="libvpx"), "incomplete"),
    "avi": ("AVI", replace(_LONG, codec="mpeg4"), "incomplete"),
    "wmv": ("WMV", replace(_LONG, codec="wmv2"), "incomplete"),
    "flv": ("Flash Video", _LONG, "incomplete"),
    "ts": ("a transport stream, which promises nothing", replace(_LONG, options={"bf": "0"}), "analysed"),
    "mpg": ("a program stream, which promises nothing", replace(_LONG, codec="mpeg2video"), "analysed"),
    "m4v": ("MP4 with its index at the end", _LONG, "unreadable"),
}
"""By suffix."""
_DAMAGED = ("mp4", "mkv", "webm", "avi", "wmv", "flv", "ts", "mpg")


def make_video_files(folder: Path, clip: Path) -> list[VideoFile]:
    """Write all test videos into a folder; takes a few seconds.

    Arguments:
        clip: a clip of 480 x 480 pixels with a face from its first frame on.
    """
    groups = (_whole(folder, clip), _with_edit_lists(folder, clip), _broken(folder, clip), _not_measured(folder, clip))
    return [file for group in groups for file in group]


def _whole(folder: Path, clip: Path) -> Iterator[VideoFile]:
    for name, (description, recipe) in _ANALYSED.items():
        yield _file(encode(clip, folder / name, recipe), description)
    hidden = with_hidden_frames(folder / "vp8.webm", folder / "hidden_frames.webm")
    yield _file(hidden, "VP8 with hidden frames, which are never shown")


def _with_edit_lists(folder: Path, clip: Path) -> Iterator[VideoFile]:
    source = encode(clip, folder / "whole.mp4", _LONG)
    yield _file(remux(source, folder / "trimmed.mp4", shift=-5), "an edit list hides the first five frames")
    yield _file(remux(source, folder / "late.mp4", shift=5), "an edit list begins with a pause")
    cover = folder / "cover.jpg"
    with av.open(str(clip)) as container:
        Image.frombytes("RGB", (480, 480), next(container.decode(video=0)).to_rgb().to_ndarray().tobytes()).save(cover)
    yield _file(remux(source, folder / "with_cover.mp4", cover=cover), "with a cover picture")
    cover.unlink()
    source.unlink()


def _broken(folder: Path, clip: Path) -> Iterator[VideoFile]:
    for suffix, (kind, recipe, outcome) in _CUT.items():
        path = encode(clip, folder / f"cut.{suffix}", recipe)
        yield _file(cut(path, 0.8), f"{kind}, cut at 80 %", outcome)
    for suffix in _DAMAGED:
        path = encode(clip, folder / f"damaged.{suffix}", _CUT[suffix][1])
        yield _file(damage(path), f"{suffix.upper()}, damaged in the middle", "incomplete")
    tagged = replace(turned(180), frames=LONG, muxing=_FAST)
    path = damage(encode(clip, folder / "damaged_turned.mp4", tagged))
    yield _file(path, "damaged in the middle, with a tag to turn it", "incomplete")


def _not_measured(folder: Path, clip: Path) -> Iterator[VideoFile]:
    nothing = replace(_VP8, chain=("crop=64:64:0:0", "scale=240:240"))
    yield _file(encode(clip, folder / "no_face.webm", nothing), "no face in it", "no_face")
    yield _file(sound_only(folder / "sound.m4a"), "sound without a picture", "unsupported")


def _file(path: Path, description: str, outcome: str = "analysed") -> VideoFile:
    return VideoFile(name=path.name, description=description, path=path, outcome=outcome)
