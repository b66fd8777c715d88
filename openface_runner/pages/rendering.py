"""Templates, and how values are written in them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from openface_runner.media.address import printable
from openface_runner.pages import addresses

_FOLDER = resources.files("openface_runner") / "pages" / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_MINUTE, _HOUR = 60, 3600
_STEP = 1024


def render(template: str, **values: Any) -> bytes:
    """A page as UTF-8; everything in it is escaped."""
    return _templates().get_template(template).render(**values).encode()


def static_file(name: str) -> tuple[bytes, str] | None:
    """A file that pages load, and its media type; None when there is none of that name."""
    content = _static_files().get(name)
    if content is None:
        return None
    return content, _TYPES[f".{name.rpartition('.')[2]}"]


@cache
def _static_files() -> dict[str, bytes]:
    folders = {"": _FOLDER, "vendor/": _FOLDER / "vendor"}
    return {
        f"{prefix}{file.name}": file.read_bytes()
        for prefix, folder in folders.items()
        for file in folder.iterdir()
        if f".{file.name.rpartition('.')[2]}" in _TYPES
    }


@cache
def _static_address(name: str) -> str:
    # With what it holds in its address, it can be kept for ever.
    digest = hashlib.sha256(_static_files()[name]).hexdigest()[:12]
    return f"{addresses.ROOT}/{addresses.STATIC}/{name}?v={digest}"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("openface_runner.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "root": addresses.ROOT,
        "static": _static_address,
        "container_address": addresses.of_container,
        "medium_address": addresses.of_medium,
    }
    environment.filters |= {
        "printable": printable,
        "moment": _moment,
        "duration": duration,
        "size": size,
    }
    return environment


def _moment(moment: datetime | None) -> Markup:
    """UTC, and marked so that the browser can show it in its own time."""
    if moment is None:
        return Markup()
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), utc.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def duration(seconds: float | None) -> str:
    """Such as ``1.2 s``, ``3 min 5 s`` or ``2 h 4 min``; empty when it isn't known."""
    if seconds is None:
        return ""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def size(count: int | None) -> str:
    """Bytes, such as ``12.3 kB`` or ``4.0 MB``; empty when it isn't known."""
    if count is None:
        return ""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < _STEP:
            break
        value, unit = value / _STEP, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
