"""Azurite's access log as a source of facts: which blobs were written, told as soon as the line is there.

Azurite prints one line a request, once it has answered, with the address as the client sent it. That names every
finished write without listing containers again and again.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from watchfiles import awatch

# 127.0.0.1 - - [22/Nov/2026:20:29:43 +0000] "PUT /account/container/a%20b.txt?comp=blocklist HTTP/1.1" 201 -
_PUT = re.compile(r'"PUT (?P<target>\S+) HTTP/[\d.]+" (?P<status>\d{3}) ')

# A watch may miss what is written before it begins; looking again this often (milliseconds) makes that harmless.
_LOOK_AGAIN_MS = 500


class WriteApi(StrEnum):
    """The operations that finish a blob, by the names that Event Grid gives them."""

    PUT_BLOB = "PutBlob"
    PUT_BLOCK_LIST = "PutBlockList"
    COPY_BLOB = "CopyBlob"


@dataclass(frozen=True, kw_only=True)
class FinishedWrite:
    """One blob that was written completely."""

    container: str
    # The name as people know it, not percent-encoded.
    blob: str
    api: WriteApi


def finished_write(line: str) -> FinishedWrite | None:
    """The write that a line of the access log tells of, or None for every other line.

    Blocks, metadata, properties, tags, tiers, leases, snapshots, containers, queues and tables, and whatever failed,
    are no finished writes. Only addresses with the account in their path are understood, which is how every client
    speaks to an emulator on an IP address.
    """
    match = _PUT.search(line)
    if match is None:
        return None
    target = urlsplit(match["target"])
    segments = target.path.split("/", 3)[1:]
    query = parse_qs(target.query, keep_blank_values=True)
    api = _api(query.get("comp", [None])[0], int(match["status"]))
    if api is None or "restype" in query or len(segments) < len(("account", "container", "blob")) or not segments[2]:
        return None
    return FinishedWrite(container=unquote(segments[1]), blob=unquote(segments[2]), api=api)


def _api(comp: str | None, status: int) -> WriteApi | None:
    match comp, status:
        case None, 201:
            return WriteApi.PUT_BLOB
        case None, 202:
            return WriteApi.COPY_BLOB
        case "blocklist", 201:
            return WriteApi.PUT_BLOCK_LIST
    return None


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One whole line and where it lies in the file, in bytes: [start, end)."""

    text: str
    start: int
    end: int


async def follow(log: Path, *, position: int) -> AsyncGenerator[LogLine, None]:
    """Yield the whole lines of a growing file from a byte position on, for ever; half a line waits for its rest.

    When the file gets shorter than what was read it was begun anew, and is read from its beginning.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # The folder is watched rather than the file, which may not exist yet.
    watch = awatch(
        log.parent,
        watch_filter=lambda _, path: Path(path).name == log.name,
        debounce=50,
        step=5,
        rust_timeout=_LOOK_AGAIN_MS,
        yield_on_timeout=True,
        recursive=False,
    )
    async with aclosing(watch):
        while True:
            if log.exists() and log.stat().st_size < position:
                position = 0
            for line in _lines(log, position):
                position = line.end
                yield line
            await anext(watch)


def _lines(log: Path, position: int) -> list[LogLine]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(position)
        *whole, _ = file.read().split(b"\n")
    lines = []
    for raw in whole:
        end = position + len(raw) + 1
        lines.append(LogLine(text=raw.decode("utf-8", "replace"), start=position, end=end))
        position = end
    return lines
