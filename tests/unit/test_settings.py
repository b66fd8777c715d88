from __future__ import annotations

import re

import pytest

from openface_runner.openface.columns import ColumnGroup
from openface_runner.settings import Capture, Settings, SettingsError

VARIABLES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_defaults_ask_for_every_column_group_and_posed_media() -> None:
    settings = Settings.from_environment()
    assert settings.column_groups == tuple(ColumnGroup)
    assert settings.default_capture is Capture.POSED
    assert not settings.allow_standin


def test_an_empty_variable_means_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENFACE_BIN_DIR", "")
    monkeypatch.setenv("MAX_BYTES", "")
    settings = Settings.from_environment()
    assert settings.openface_bin_dir is None
    assert settings.max_bytes == 2 * 1024**3


def test_column_groups_are_a_list_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMN_GROUPS", "action_units, gaze")
    assert Settings.from_environment().column_groups == (ColumnGroup.ACTION_UNITS, ColumnGroup.GAZE)


@pytest.mark.parametrize(
    ("variable", "value", "may_be"),
    [
        ("DEFAULT_CAPTURE", "foo", "'posed' or 'wild'"),
        ("COLUMN_GROUPS", "gaze,nose", "'gaze', 'pose'"),
        ("COLUMN_GROUPS", ",", "at least 1 item"),
        ("OPENFACE_PROCESSES", "0", "greater than or equal to 1"),
        ("OPENFACE_PROCESSES", "many", "a valid integer"),
        ("IMAGE_TIME_LIMIT", "-1", "greater than 0"),
        ("VIDEO_TIME_LIMIT", "1e9", "less than or equal to 86400"),
        ("MAX_BYTES", "2GB", "a valid integer"),
        ("ALLOW_STANDIN", "perhaps", "a valid boolean"),
        ("OUTPUT_CONTAINER", "Results_1", "lower-case letters, digits and single hyphens"),
        ("JOBS_CONTAINER", "3f0c0000-0000-4000-8000-000000000000", "may not be a UUID"),
    ],
)
def test_a_wrong_value_names_its_variable_what_it_was_and_what_it_may_be(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, may_be: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as error:
        Settings.from_environment()
    assert str(error.value).startswith(f"{variable} is ")
    assert re.search(may_be, str(error.value))


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_BYTES", "x")
    monkeypatch.setenv("MAX_PIXELS", "y")
    with pytest.raises(SettingsError, match=r"MAX_BYTES is 'x'.*\nMAX_PIXELS is 'y'"):
        Settings.from_environment()


def test_results_and_records_may_not_share_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUT_CONTAINER", "same")
    monkeypatch.setenv("JOBS_CONTAINER", "same")
    with pytest.raises(SettingsError, match="OUTPUT_CONTAINER and JOBS_CONTAINER are both 'same'"):
        Settings.from_environment()
