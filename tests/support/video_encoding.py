"""Videos made with PyAV from another video, since no ffmpeg program is needed for that; and ways to break them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.stream import Disposition
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

RATE = 25
FRAMES = 12
LONG = 30
UPRIGHT_SIZE = (480, 360)
TICKS = 1000
"""Of the clock that frames with times of their own are counted in, a second."""
_SAMPLES, _SILENCE = 48_000, 1024
"""Samples of sound a second, and in a frame."""
_VP8_SHOWN = 0x10
_QUALITY = {"libx264": {"crf": "23", "mbtree": "0"}}
"""Otherwise each run's bytes would differ."""
_BIT_EXACT = {"fflags": "+bitexact"}
"""No random or dated identifiers, so that equal recipes make equal files."""
AGAINST: dict[int, tuple[str, ...]] = {
    0: (),
    90: ("transpose=cclock",),
    180: ("hflip", "vflip"),
    270: ("transpose=clock",),
}
"""Filters that lay an upright picture on its side, by the degrees clockwise that undo it."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a clip is encoded."""

    codec: str = "libx264"
    container: str | None = None
    """FFmpeg's name of the muxer; None: by the file's name."""
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    muxing: dict[str, str] = field(default_factory=dict)
    chain: tuple[str, ...] = ("crop=480:360:0:60",)
    """Filters, each as ``name=arguments``."""
    matrix: Sequence[int] | None = None
    """The display matrix."""
    rotation: int = 0
    """Degrees clockwise that the display matrix asks for."""
    times: Sequence[int] | None = None
    """Milliseconds of each frame; None: 25 frames a second."""
    frames: int = FRAMES
    sound: bool = False
    pixel_shape: Fraction = Fraction(1)
    """Width to height of a pixel."""


def turned(degrees: int, *, square: bool = False) -> Recipe:
    """A clip whose pixels lie on their side, with a tag that says by how many degrees clockwise to turn them."""
    shape = () if square else Recipe().chain
    return Recipe(chain=(*shape, *AGAINST[degrees]), rotation=degrees)


@contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Take back at the end what SVT-AV1 does to the thread that encodes with it, and which others inherit.

    Started by root it makes that thread a real-time one (SCHED_FIFO, 99), for good: from then on all that it starts
    goes before everything else on the machine, and what spins starves the rest. Seen with 4.1.0.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


@ordinary_scheduling()
def encode(source: Path, target: Path, recipe: Recipe) -> Path:
    """Write the first frames of a clip anew, as the recipe says."""
    frames = list(_filtered(_decoded(source, recipe.frames), (*recipe.chain, f"format={recipe.pixels}")))
    times = recipe.times if recipe.times is not None else range(len(frames))
    base = Fraction(1, RATE) if recipe.times is None else Fraction(1, TICKS)
    with av.open(str(target), "w", format=recipe.container, options={**_BIT_EXACT, **recipe.muxing}) as output:
        options = {**_QUALITY.get(recipe.codec, {}), **recipe.options}
        stream = _video(output.add_stream(recipe.codec, rate=RATE, options=options))
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, recipe.pixels
        stream.codec_context.time_base = base
        stream.codec_context.sample_aspect_ratio = recipe.pixel_shape
        stream.codec_context.thread_count = 1  # or else each run's bytes differ
        if recipe.matrix is not None:
            stream.set_display_matrix(recipe.matrix)
        elif recipe.rotation:
            stream.set_display_rotation(-recipe.rotation)
        audio = output.add_stream("aac", rate=_SAMPLES) if recipe.sound else None
        for frame, time in zip(frames, times, strict=True):
            frame.pts, frame.time_base = time, base
            frame.pict_type = PictureType.NONE
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if audio is not None:
            for sound in _silence(len(frames) / RATE):
                output.mux(audio.encode(sound))
            output.mux(audio.encode(None))
    return target


def remux(source: Path, target: Path, *, shift: int = 0, cover: Path | None = None) -> Path:
    """Copy a clip's packets into another file.

    Arguments:
        shift: frames by which the presentation starts later; negative: an edit list hides that many.
        cover: a JPEG that becomes the file's cover picture.
    """
    with av.open(str(source)) as container, av.open(str(target), "w", options=_BIT_EXACT) as output:
        stream = container.streams.video[0]
        copied = output.add_stream_from_template(stream)
        art = None
        if cover is not None:
            art = _video(output.add_stream("mjpeg", rate=1))
            art.width, art.height, art.pix_fmt = 512, 512, "yuvj420p"
            art.disposition = Disposition.attached_pic
        ticks = round(shift / RATE / (stream.time_base or 1))
        for packet in container.demux(stream):
            if packet.size:
                packet.stream = copied
                packet.pts = None if packet.pts is None else packet.pts + ticks
                packet.dts = None if packet.dts is None else packet.dts + ticks
                output.mux(packet)
        if art is not None and cover is not None:
            picture = av.Packet(cover.read_bytes())
            picture.stream, picture.pts, picture.dts, picture.time_base = art, 0, 0, Fraction(1, RATE)
            picture.is_keyframe = True
            output.mux(picture)
    return target


def with_hidden_frames(source: Path, target: Path) -> Path:
    """Copy a VP8 clip, with a hidden frame before every fourth, as an encoder puts its alternate references."""
    with av.open(str(source)) as container, av.open(str(target), "w", options=_BIT_EXACT) as output:
        stream = container.streams.video[0]
        copied = output.add_stream_from_template(stream)
        for number, packet in enumerate(packet for packet in container.demux(stream) if packet.size):
            if number % 4 == 1 and packet.pts is not None:
                hidden = av.Packet(bytes([bytes(packet)[0] & ~_VP8_SHOWN, *bytes(packet)[1:]]))
                hidden.stream, hidden.time_base = copied, packet.time_base
                hidden.pts = hidden.dts = packet.pts - 1
                output.mux(hidden)
            packet.stream = copied
            output.mux(packet)
    return target


def sound_only(target: Path) -> Path:
    """Write a second of silence into an MP4 without any picture."""
    with av.open(str(target), "w", options=_BIT_EXACT) as output:
        stream = output.add_stream("aac", rate=_SAMPLES)
        for frame in _silence(1.0):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target


def cut(path: Path, share: float) -> Path:
    """Keep only this share of a file's bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def damage(path: Path) -> Path:
    """Overwrite a tenth of a file in its middle."""
    content = bytearray(path.read_bytes())
    start, length = len(content) // 2, len(content) // 10
    content[start : start + length] = bytes((position * 37) % 251 for position in range(length))
    path.write_bytes(content)
    return path


def _video(stream: object) -> VideoStream:
    assert isinstance(stream, VideoStream)
    return stream


def _decoded(source: Path, count: int) -> Iterator[VideoFrame]:
    with av.open(str(source)) as container:
        for frame, _ in zip(container.decode(video=0), range(count), strict=False):
            yield frame


def _filtered(frames: Iterable[VideoFrame], chain: Iterable[str]) -> Iterator[VideoFrame]:
    graph = None
    for frame in frames:
        if graph is None:
            graph = Graph()
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            )
            steps = [graph.add(*step.split("=", 1)) for step in chain]
            graph.link_nodes(source, *steps, graph.add("buffersink")).configure()
        graph.vpush(frame)
        yield graph.vpull()


def _silence(seconds: float) -> Iterator[AudioFrame]:
    for number in range(int(seconds * _SAMPLES / _SILENCE)):
        frame = AudioFrame(format="fltp", layout="mono", samples=_SILENCE)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLES, number * _SILENCE, Fraction(1, _SAMPLES)
        yield frame
