"""Which lines of Azurite's access log are finished writes, and how the log is followed. The lines are Azurite's own."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from devstack.access_log import FinishedWrite, WriteApi, finished_write, follow
from devstack.event_grid import Bookmark

CONTAINER = "3f0c6c1e-0000-4000-8000-000000000001"
AT = "127.0.0.1 - - [22/Nov/2026:20:29:43 +0000] "
BLOB = f"/devstoreaccount1/{CONTAINER}"


@pytest.mark.parametrize(
    ("request_line", "status", "blob", "api"),
    [
        (f"PUT {BLOB}/small.txt", 201, "small.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/blocks.bin?comp=blocklist", 201, "blocks.bin", WriteApi.PUT_BLOCK_LIST),
        (f"PUT {BLOB}/copied%20to.txt", 202, "copied to.txt", WriteApi.COPY_BLOB),
        (f"PUT {BLOB}/%C3%BC%E6%BC%A2.txt", 201, "ü漢.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/%c3%bc.txt", 201, "ü.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/100%25.txt", 201, "100%.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/a%2520b.txt", 201, "a%20b.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/a%2Bb.txt", 201, "a+b.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/p+q.txt", 201, "p+q.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/a%23b.txt", 201, "a#b.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/a%3Fb.txt", 201, "a?b.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/a%3Bb.txt", 201, "a;b.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/dir/sub%20dir/x.txt", 201, "dir/sub dir/x.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/comp%3Dblocklist.txt", 201, "comp=blocklist.txt", WriteApi.PUT_BLOB),
        (f"PUT {BLOB}/sas.txt?se=2026-11-22T21%3A29%3A50Z&sp=cw&sig=Dg5%2B%3D", 201, "sas.txt", WriteApi.PUT_BLOB),
    ],
)
def test_a_finished_write_names_the_blob(request_line: str, status: int, blob: str, api: WriteApi) -> None:
    line = f'{AT}"{request_line} HTTP/1.1" {status} -'
    assert finished_write(line) == FinishedWrite(container=CONTAINER, blob=blob, api=api)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (f"PUT {BLOB}/small.txt", 409),
        (f"PUT {BLOB}/small.txt", 412),
        (f"PUT {BLOB}/fromurl", 501),
        (f"PUT {BLOB}/blocks.bin?comp=block&blockid=MDAwMDA", 201),
        (f"PUT {BLOB}/staged?comp=block&blockid=QUFBQQ%3D%3D", 201),
        (f"PUT {BLOB}/small.txt?comp=metadata", 200),
        (f"PUT {BLOB}/small.txt?comp=properties", 200),
        (f"PUT {BLOB}/small.txt?comp=tags", 204),
        (f"PUT {BLOB}/small.txt?comp=lease", 201),
        (f"PUT {BLOB}/small.txt?comp=lease", 200),
        (f"PUT {BLOB}/small.txt?comp=snapshot", 201),
        (f"PUT {BLOB}/small.txt?comp=tier", 200),
        (f"PUT {BLOB}/append?comp=appendblock", 201),
        (f"PUT {BLOB}/page?comp=page", 201),
        (f"PUT {BLOB}?restype=container", 201),
        (f"PUT {BLOB}?restype=container&comp=metadata", 200),
        (f"PUT {BLOB}?restype=container&comp=acl", 200),
        (f"GET {BLOB}/small.txt", 206),
        (f"HEAD {BLOB}/small.txt", 200),
        (f"HEAD {BLOB}/gone", 404),
        (f"DELETE {BLOB}/a%20b.txt", 202),
        ("GET /devstoreaccount1/?comp=list&include=", 200),
        ("PUT /devstoreaccount1/test-queue", 201),
        ("POST /devstoreaccount1/test-queue/messages", 201),
        ("PUT /devstoreaccount1/test-queue/messages/1234?popreceipt=x&visibilitytimeout=600", 204),
    ],
)
def test_everything_else_is_no_finished_write(request_line: str, status: int) -> None:
    assert finished_write(f'{AT}"{request_line} HTTP/1.1" {status} -') is None


def test_azurites_other_lines_are_no_finished_writes() -> None:
    assert finished_write("Azurite Blob service is successfully listening at http://127.0.0.1:21000") is None
    assert finished_write("") is None


async def first_lines(log: Path, count: int, *, position: int = 0, then: bytes = b"") -> list[str]:
    """The first lines that are followed; `then` is appended once the first of them has come."""
    found: list[str] = []
    async with aclosing(follow(log, position=position)) as lines:
        async for line in lines:
            found.append(line.text)
            if len(found) == 1 and then:
                with log.open("ab") as file:
                    file.write(then)
            if len(found) == count:
                break
    return found


def test_half_a_line_waits_for_its_rest(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b"one\ntw")
    assert asyncio.run(first_lines(log, 3, then="o\nthreé\n".encode())) == ["one", "two", "threé"]


def test_following_begins_at_the_position(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b"old\nnew\n")
    assert asyncio.run(first_lines(log, 1, position=len(b"old\n"))) == ["new"]


def test_a_log_that_began_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b"new\n")
    assert asyncio.run(first_lines(log, 1, position=1000)) == ["new"]


def test_a_log_may_appear_later(tmp_path: Path) -> None:
    log = tmp_path / "not there yet" / "access.log"

    async def appear() -> None:
        log.parent.mkdir(exist_ok=True)
        log.write_bytes(b"here\n")

    async def both() -> list[str]:
        following = asyncio.create_task(first_lines(log, 1))
        await asyncio.sleep(0)
        await appear()
        return await following

    assert asyncio.run(both()) == ["here"]


def test_a_bookmark_outlives_its_object_and_a_log_that_is_all_told_begins_anew(tmp_path: Path) -> None:
    log, file = tmp_path / "access.log", tmp_path / "position"
    log.write_bytes(b"one\ntwo\n")
    Bookmark(file).move(4)
    assert Bookmark(file).position == 4
    Bookmark.begin_anew_if_all_is_told(file, log)
    assert log.exists()
    Bookmark(file).move(8)
    Bookmark.begin_anew_if_all_is_told(file, log)
    assert not log.exists()
    assert Bookmark(file).position == 0
