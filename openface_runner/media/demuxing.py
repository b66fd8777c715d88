"""Opening videos with FFmpeg's libraries (PyAV), and nothing that they may name; reading them packet by packet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from openface_runner.outcomes import Outcome, Rejected

# FFmpeg's demuxer names. A list of what is allowed, because some others (playlists, image sequences) open further
# files and addresses that the uploaded file names.
SUFFIXES = {
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4",
    "matroska,webm": ".mkv",
    "avi": ".avi",
    "mpeg": ".mpg",
    "mpegts": ".ts",
    "asf": ".wmv",
    "flv": ".flv",
    "ogg": ".ogv",
}
"""By FFmpeg's name of the kinds that are taken, what OpenFace's copy or link ends in."""

# A frame may be far larger than the header says. Twice the pixels of 8K, which no camera reaches.
_DECODING = {"max_pixels": str(2 * 7680 * 4320)}
_OPTIONS = {"format_whitelist": ",".join(SUFFIXES), "protocol_whitelist": "file", **_DECODING}


def open_video(path: Path, **options: str) -> InputContainer:
    """Open a file of one of the known kinds, and nothing that it may name.

    Raises:
        av.error.FFmpegError: it can't be read, or is of another kind.
    """
    # metadata_errors: a title in an unknown encoding is no reason to refuse a clip.
    return av.open(str(path), mode="r", options=_OPTIONS | options, metadata_errors="replace")


def video_stream(container: InputContainer) -> VideoStream:
    """The moving picture in a file, which isn't its cover.

    Raises:
        Rejected: ``unsupported``: there is none, or nothing here can decode it.
    """
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise Rejected(Outcome.UNSUPPORTED, "The file holds no moving picture, only sound or a cover.")
    if not streams[0].codec_context:  # PyAV has none where FFmpeg has no decoder
        raise Rejected(Outcome.UNSUPPORTED, "The video's encoding isn't known: it is damaged or of a rare kind.")
    streams[0].codec_context.options = dict(_DECODING)
    return streams[0]


def packets(
    container: InputContainer, check: Callable[[], None], stream: VideoStream | None = None
) -> Iterator[av.Packet[Any]]:
    """All packets of a file, or of one stream, with an empty one for each stream at the end, which flushes decoders.

    Arguments:
        check: called before each packet; what it raises comes through.
    """
    demuxed = container.demux(*([] if stream is None else [stream]))
    while True:
        check()
        try:
            packet = next(demuxed)
        except StopIteration:
            return
        except IndexError:
            # PyAV stumbles over streams that turn up late (in MPEG-TS, MPEG-PS and FLV), once it has given out all
            # packets and the empty ones of the streams that it knows.
            return
        yield packet
