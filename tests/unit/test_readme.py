"""The README's tables say what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from openface_runner.outcomes import Outcome
from openface_runner.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_row(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default
    if default is PydanticUndefined or default is None:
        shown = ""
    elif isinstance(default, tuple):
        shown = "all"
    elif isinstance(default, bool):
        shown = f"`{str(default).lower()}`"
    else:
        shown = f"`{default}`"
    return f"| `{name.upper()}` | {shown} | {field.description} |"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme_with_its_default(name: str) -> None:
    assert settings_row(name) in README.splitlines()


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_in_the_readme(outcome: Outcome) -> None:
    assert re.search(rf"^\| `{outcome}` \|", README, re.MULTILINE)


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_example_settings_fit_the_host_configuration() -> None:
    values = json.loads((ROOT / "local.settings.json.example").read_text())["Values"]
    blobs = json.loads((ROOT / "host.json").read_text())["extensions"]["blobs"]
    # A sync function runs in a thread: with fewer threads than invocations some would wait inside the worker.
    assert int(values["PYTHON_THREADPOOL_THREAD_COUNT"]) > blobs["maxDegreeOfParallelism"]
