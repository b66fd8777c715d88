"""The function app's settings, the way `func start` gives them to an app on a laptop."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from devstack.errors import FunctionAppError

HOST_STORAGE = "AzureWebJobsStorage"
_DEVELOPMENT_STORAGE = "UseDevelopmentStorage=true"


def local(app_dir: Path) -> dict[str, str]:
    """The "Values" of local.settings.json, what the developer has set; empty when there is no such file.

    Raises FunctionAppError when the file isn't what it should be.
    """
    return _values(app_dir / "local.settings.json") or {}


def environment(app_dir: Path, *, overrides: Mapping[str, str], connection_string: str) -> dict[str, str]:
    """The whole environment of the app: `overrides`, else this process's environment, else the app's file.

    That file is local.settings.json, or its example where the developer has none.

    The host's own storage, and every setting that says `UseDevelopmentStorage=true`, becomes `connection_string`, so
    that an app finds its storage on whatever ports it listens.
    """
    merged = {**_in_files(app_dir), **os.environ, HOST_STORAGE: _DEVELOPMENT_STORAGE, **overrides}
    return {
        name: connection_string if value.strip().rstrip(";") == _DEVELOPMENT_STORAGE else value
        for name, value in merged.items()
    }


def connection(settings: Mapping[str, str], name: str) -> str:
    """The connection string that a binding's `connection` names. Raises FunctionAppError when there is none."""
    if value := settings.get(name):
        return value
    raise FunctionAppError(
        f"A trigger's connection is {name!r}, and no app setting of that name exists. Add it to local.settings.json; "
        f'"{_DEVELOPMENT_STORAGE}" is the storage of this devstack. Identity connections ({name}__serviceUri) work '
        "in Azure only."
    )


def _in_files(app_dir: Path) -> dict[str, str]:
    own = _values(app_dir / "local.settings.json")
    return (_values(app_dir / "local.settings.json.example") or {}) if own is None else own


def _values(path: Path) -> dict[str, str] | None:
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))["Values"]
    except (ValueError, KeyError, TypeError) as error:
        raise FunctionAppError(f'{path} must be a JSON object with an object "Values" in it: {error}') from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise FunctionAppError(f'"Values" in {path} must be an object whose values are strings.')
    return values
