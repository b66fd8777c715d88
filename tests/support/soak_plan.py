"""What a soak does to each of its media, and what must become of it; repeatable by its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from openface_runner.outcomes import Outcome
from tests.support.bench import FACE
from tests.support.fake_openface import GOOD_IMAGE, replay
from tests.support.storage_faults import Fault, answer, cut, cut_in_response

SHARE = 0.02
"""Of the media, for each kind of fault."""


class Kind(StrEnum):
    """What goes wrong with a medium."""

    NOTHING = "nothing"
    # OpenFace's doing:
    SEGV = "OpenFace dies of SIGSEGV"
    KILLED = "OpenFace is killed from outside, once"
    SILENT = "OpenFace exits with 0 and leaves nothing"
    HANGS = "OpenFace hangs"
    CUT = "OpenFace writes a cut CSV"
    NOT_NUMERIC = "OpenFace writes a cell that isn't a number"
    HEADER_ONLY = "OpenFace writes a header and no row"
    FLOODS = "OpenFace floods its output"
    # the medium's:
    NO_FACE = "the picture has no face"
    DAMAGED = "the picture is damaged"
    OVERWRITTEN = "the medium is overwritten meanwhile"
    METADATA = "the medium is given new metadata meanwhile"
    DELETED = "the medium is deleted meanwhile"
    # the events':
    DUPLICATES = "its event comes four times"
    # storage's:
    BUSY = "storage answers 503"
    THROTTLED = "storage answers 429"
    UNHEARD = "the connection is cut after a write took effect"
    REFUSED = "the connection is cut before a write"
    CUT_DOWNLOAD = "the download is cut in the middle"


OUTCOMES = {
    Kind.SEGV: Outcome.CRASHED,
    Kind.SILENT: Outcome.CRASHED,
    Kind.HANGS: Outcome.TIMED_OUT,
    Kind.CUT: Outcome.CRASHED,
    Kind.NOT_NUMERIC: Outcome.CRASHED,
    Kind.HEADER_ONLY: Outcome.CRASHED,
    Kind.NO_FACE: Outcome.NO_FACE,
    Kind.DAMAGED: Outcome.UNREADABLE,
}
"""Of all other kinds, media end ``analysed``."""

STORAGE_FAULTS: dict[Kind, Fault] = {
    Kind.BUSY: answer(503, "ServerBusy"),
    Kind.THROTTLED: answer(429, "TooManyRequests"),
    Kind.UNHEARD: cut(after=True),
    Kind.REFUSED: cut(),
    Kind.CUT_DOWNLOAD: cut_in_response(),
}

CHANGES = (Kind.OVERWRITTEN, Kind.METADATA, Kind.DELETED)

_CSV = '"$out/$stem.csv"'
_BODIES = {
    Kind.SEGV: "kill -SEGV $$",
    Kind.KILLED: f'[ -e "$medium_flag" ] || {{ : > "$medium_flag"; kill -KILL $$; }}\n{GOOD_IMAGE}',
    Kind.SILENT: "exit 0",
    Kind.HANGS: "exec sleep 1000",
    Kind.CUT: f"{GOOD_IMAGE}truncate -s -9 {_CSV}",
    Kind.NOT_NUMERIC: f"{GOOD_IMAGE}sed -i '2s/,0/,=cmd()/' {_CSV}",
    Kind.HEADER_ONLY: f"{GOOD_IMAGE}sed -i '2,$d' {_CSV}",
    Kind.FLOODS: f"yes complaint | head -c 5000000\n{GOOD_IMAGE}",
    Kind.NO_FACE: replay("image-no-face", "no_face"),
}


@dataclass(frozen=True)
class PlannedMedium:
    """One medium of a soak."""

    number: int
    kind: Kind

    @property
    def name(self) -> str:
        """Its blob's name."""
        return f"{self.number:05}.jpg"

    @property
    def content(self) -> bytes:
        """A picture of a face that tells the fake OpenFace, in bytes behind its end, what to do."""
        whole = FACE[: len(FACE) // 2] if self.kind is Kind.DAMAGED else FACE
        return whole + f"\nsoak:{self.kind.name}:{self.number:05}\n".encode()

    @property
    def outcome(self) -> Outcome:
        """What it must end in, unless it is deleted before."""
        return OUTCOMES.get(self.kind, Outcome.ANALYSED)


def plan(number: int, seed: int) -> list[PlannedMedium]:
    """So many media in random order, with the same share of each kind of fault (at least one of each)."""
    faulty = [kind for kind in Kind if kind is not Kind.NOTHING for _ in range(max(1, round(number * SHARE)))]
    kinds = faulty + [Kind.NOTHING] * (number - len(faulty))
    random.Random(seed).shuffle(kinds)  # noqa: S311 - repeatable on purpose
    return [PlannedMedium(index, kind) for index, kind in enumerate(kinds)]


def fake_image_program(flags: str) -> str:
    """The body of a FaceLandmarkImg that does as its medium says; ``flags`` is a folder for what it must remember."""

    cases = "".join(f"*soak:{kind.name}:*)\n{body}\n;;\n" for kind, body in _BODIES.items())

    remember = f'asked=$(tail -c 40 "$medium"); medium_flag="{flags}/${{asked##*:}}"'
    return f'{remember}\ncase "$asked" in\n{cases}*)\n{GOOD_IMAGE}\n;;\nesac'
