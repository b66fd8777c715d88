"""Files that are made to do harm: they cost little memory, open nothing else, and can be called off."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from openface_runner.media.content import Limits, prepare
from openface_runner.media.videos import count_frames
from openface_runner.outcomes import Outcome, Rejected
from tests.support import bombs
from tests.support.image_files import make_image_files
from tests.support.samples import SAMPLES, sample
from tests.support.video_encoding import encode

ROOT = Path(__file__).parents[2]
MOST_MIB = 600
LIMITS = Limits(max_pixels=50_000_000, max_duration=900)


def probe(path: Path, work: Path) -> tuple[str, str]:
    """What a file is found to be, by a process of its own, and why; its memory stays bounded."""
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.probe", str(path), str(work)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["grown_by_mib"] < MOST_MIB, told
    return told["outcome"], told["message"]


def probe_bytes(content: bytes, folder: Path) -> str:
    (folder / "upload").write_bytes(content)
    return probe(folder / "upload", folder / "work")[0]


@pytest.mark.fault("a picture that promises or inflates to gigabytes", "it is refused or measured in little memory")
@pytest.mark.parametrize("what", bombs.PICTURES)
def test_a_picture_that_is_a_bomb_costs_little_memory(what: str, tmp_path: Path) -> None:
    make, expected = bombs.PICTURES[what]
    assert probe_bytes(make(), tmp_path) == expected


@pytest.mark.fault("a picture's file of 2 GiB", "it is refused without being read")
@pytest.mark.parametrize(
    "head", [bombs.webp_canvas(16), bombs.png_header(16, 16), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"]
)
def test_a_picture_in_a_huge_file_is_refused_unread(head: bytes, tmp_path: Path) -> None:
    path = bombs.write_hollow(tmp_path / "upload", head, 2**31 - 1)
    outcome, message = probe(path, tmp_path / "work")
    assert (outcome, "2,147,483,647 bytes" in message) == ("too_large", True)


@pytest.mark.parametrize("head", [b"", b"\0\0\0\x18ftypisom"])
def test_a_huge_file_of_no_kind_is_not_held_in_memory(head: bytes, tmp_path: Path) -> None:
    path = bombs.write_hollow(tmp_path / "upload", head, 2**31 - 1)
    assert probe(path, tmp_path / "work")[0] in ("unreadable", "unsupported")


@pytest.mark.fault("a video with a header that lies", "it is refused or measured in little memory")
def test_a_video_that_lies_costs_little_memory(tmp_path: Path) -> None:
    clips = {
        kind: encode(sample("face.mp4"), tmp_path / f"clip.{kind}", bombs.motion_jpeg()).read_bytes()
        for kind in ("mov", "avi", "mkv")
    }
    cases: dict[str, tuple[bytes, str]] = {
        "zeros": (bombs.mp4_with_zeros(), "unsupported"),
        "nested": (bombs.mp4_nested(), "unreadable"),
        "10^6 frames": (bombs.mp4_of_frames(clips["mov"], 10**6), "incomplete"),
        "10^9 frames": (bombs.mp4_of_frames(clips["mov"], 10**9), "too_large"),
        "9 x 10^7 frames": (bombs.mp4_of_frames(clips["mov"], 9 * 10**7), "too_large"),
        "10^9 frames in AVI": (bombs.avi_of_frames(clips["avi"], 10**9), "too_large"),
        "lengths": (bombs.mkv_with_lengths(clips["mkv"]), "video"),
        "larger and larger": (bombs.clip_that_grows(tmp_path, 16_000), "incomplete"),
    }
    ends = {}
    for what, (content, _) in cases.items():
        folder = tmp_path / what
        folder.mkdir()
        ends[what] = probe_bytes(content, folder)
    assert ends == {what: expected for what, (_, expected) in cases.items()}


class Canary:
    """Things that nobody may touch: a web server, and a pipe that whoever opens it hangs on."""

    def __init__(self, folder: Path) -> None:
        self.visits: list[str] = []
        self.pipe = folder / "canary"
        os.mkfifo(self.pipe)
        visits = self.visits

        class Handler(BaseHTTPRequestHandler):
            def handle(self) -> None:
                visits.append(str(self.client_address))

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/canary.mp4"

    def run(self) -> threading.Thread:
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        return thread


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    canary = Canary(tmp_path)
    thread = canary.run()
    yield canary
    canary.server.shutdown()
    thread.join()
    canary.server.server_close()


_NAMING: dict[str, Callable[[str], str]] = {
    "M3U8": lambda target: f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
    "ffconcat": lambda target: f"ffconcat version 1.0\nfile '{target}'\n",
    "SVG": lambda target: (
        f'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="{target}"/></svg>'
    ),
    "DASH": lambda target: (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">'
        f"<Representation id='1' bandwidth='1'><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period>"
        "</MPD>"
    ),
    "SDP": lambda target: f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\na=control:{target}\nm=video 5004 RTP/AVP 96\n",
    "SMIL": lambda target: f'<smil><body><video src="{target}"/></body></smil>',
    "ASX": lambda target: f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "PLS": lambda target: f"[playlist]\nNumberOfEntries=1\nFile1={target}\n",
    "EPS": lambda target: f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({target}) run\n",
    "IMF": lambda target: (
        f'<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>{target}</Id></CompositionPlaylist>'
    ),
}


@pytest.mark.fault("a file that names other files or addresses", "nothing else is opened")
@pytest.mark.parametrize("kind", _NAMING)
def test_a_file_that_names_others_opens_none_of_them(kind: str, canary: Canary, tmp_path: Path) -> None:
    for number, target in enumerate((canary.url, str(canary.pipe), f"file://{canary.pipe}")):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert probe_bytes(_NAMING[kind](target).encode(), folder) in ("unsupported", "unreadable")
    assert canary.visits == []


@pytest.mark.fault("a QuickTime file whose pictures are in another file", "nothing else is opened")
def test_a_movie_with_its_data_elsewhere_opens_nothing_else(canary: Canary, tmp_path: Path) -> None:
    clip = encode(sample("face.mp4"), tmp_path / "clip.mov", bombs.motion_jpeg()).read_bytes()
    for kind, target in (
        (b"url ", canary.url),
        (b"alis", canary.url),
        (b"url ", f"file://{canary.pipe}"),
        (b"alis", str(canary.pipe)),
    ):
        folder = tmp_path / f"{kind.decode()}{len(target)}"
        folder.mkdir()
        # What it says of its pictures fits this file as well as the other, so they may be looked for in here.
        probe_bytes(_referring(clip, kind, target.encode()), folder)
    assert canary.visits == []


def _referring(clip: bytes, kind: bytes, target: bytes) -> bytes:
    """The movie with its data reference changed to another file; the boxes around it grow by as much."""
    start = clip.index(b"dref") + 12
    (old,) = struct.unpack_from(">I", clip, start)
    if kind == b"alis":
        # An alias record with the target as its Unix path.
        record = struct.pack(">IHH", 0, 0, 2) + bytes(142) + struct.pack(">hH", 18, len(target)) + target
        record += bytes(len(target) % 2) + struct.pack(">hH", -1, 0)
        entry = kind + bytes(4) + record
    else:
        entry = kind + bytes(4) + target + b"\0"
    new = struct.pack(">I", len(entry) + 4) + entry
    changed = bytearray(clip[:start] + new + clip[start + old :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = clip.rindex(box, 0, start) - 4
        (size,) = struct.unpack_from(">I", clip, place)
        struct.pack_into(">I", changed, place, size + len(new) - old)
    return bytes(changed)


class CalledOff(Exception):
    """What a check raises."""


class After:
    """A check that raises when it is called for the last time that is allowed."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise CalledOff


def test_looking_through_any_file_can_be_called_off(tmp_path: Path) -> None:
    files = [file.path for file in make_image_files(tmp_path / "images", sample("face.jpg"))] + sorted(
        SAMPLES.glob("*.mp4")
    )
    for number, path in enumerate(path for path in files if path.stat().st_size):
        for calls in (0, 1, 2, 5):
            _called_off_or_done(path, tmp_path / f"{number}-{calls}", After(calls))


def _called_off_or_done(path: Path, work: Path, check: After) -> None:
    work.mkdir()
    called_off = False
    try:
        prepare(path, work, LIMITS, check)
    except CalledOff:
        called_off = True
    except Rejected as rejected:
        assert rejected.verdict.outcome in Outcome
    assert called_off == (check.left < 0), f"{path.name}: what the check raised was taken for something else"


def test_decoding_a_long_picture_can_be_called_off_in_its_middle(tmp_path: Path) -> None:
    # Each of its scans goes over the whole picture: some bytes cost much time.
    whole = tmp_path / "whole.jpg"
    bombs.write_progressive(whole, scans=2000)
    with pytest.raises(CalledOff):
        prepare(whole, tmp_path, LIMITS, After(6))


def test_counting_frames_can_be_called_off() -> None:
    with pytest.raises(CalledOff):
        count_frames(sample("face.mp4"), After(10))
