"""Where numbers come from, as names and values in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openface_runner.pages.rendering import duration, size
from openface_runner.records import Record

_NAMES = {
    "rate": "frames a second",
    "au_model": "action unit model",
    "upright_copy": "upright copy",
    "frames_with_face": "frames with a face",
    "confidence_median": "median confidence",
    "confidence_lowest": "lowest confidence",
    "content_type": "declared as",
    "last_modified": "uploaded",
    "etag": "its ETag",
    "bytes": "size",
}
_NOT_FOR_PEOPLE = ("last_modified", "timestamps")
"""The first is in the timeline; the second are numbers for each frame."""


def facts(record: Record) -> list[tuple[str, str]]:
    """Names and values: by what it was measured, what was asked for, what the file is, what was found."""
    engine = record.engine
    found = {
        "measured with": f"{engine.get('name', '')} {engine.get('version', '')}".strip() if record.measured else ""
    }
    for fields in (record.request, record.medium, record.measured, record.source):
        for name, value in _told(fields):
            found.setdefault(name, value)
    found["settings"] = record.settings
    found["tries"] = str(record.attempts)
    return [(name, value) for name, value in found.items() if value]


def _told(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if name not in _NOT_FOR_PEOPLE and value is not None:
            yield _NAMES.get(name, name.replace("_", " ")), _text(name, value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list | tuple):
        return "; ".join(str(item) for item in value)
    if name == "bytes" and isinstance(value, int):
        return size(value)
    if name == "duration" and isinstance(value, int | float):
        return duration(value)
    if name == "rotation":
        return f"{value}\N{DEGREE SIGN}" if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)
