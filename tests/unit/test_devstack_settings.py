"""The app's settings and limits as the local host reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devstack.errors import FunctionAppError
from devstack.functions_host import app_settings, host_json
from devstack.functions_host.host import HostOptions, queue_name

STORAGE = "BlobEndpoint=http://127.0.0.1:1/a;"


def write_settings(folder: Path, name: str, **values: str) -> None:
    (folder / name).write_text(json.dumps({"IsEncrypted": False, "Values": values}), "utf-8")


def test_overrides_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings(tmp_path, "local.settings.json", FROM_FILE="file", FROM_ENV="file", FROM_OVERRIDE="file")
    monkeypatch.setenv("FROM_ENV", "env")
    monkeypatch.setenv("FROM_OVERRIDE", "env")
    found = app_settings.environment(tmp_path, overrides={"FROM_OVERRIDE": "given"}, connection_string=STORAGE)
    assert [found[name] for name in ("FROM_FILE", "FROM_ENV", "FROM_OVERRIDE")] == ["file", "env", "given"]


def test_the_example_counts_only_without_local_settings(tmp_path: Path) -> None:
    write_settings(tmp_path, "local.settings.json.example", ONLY_EXAMPLE="example")
    assert app_settings.environment(tmp_path, overrides={}, connection_string=STORAGE)["ONLY_EXAMPLE"] == "example"
    assert app_settings.local(tmp_path) == {}
    write_settings(tmp_path, "local.settings.json", OWN="own")
    assert "ONLY_EXAMPLE" not in app_settings.environment(tmp_path, overrides={}, connection_string=STORAGE)
    assert app_settings.local(tmp_path) == {"OWN": "own"}


def test_development_storage_becomes_the_storage_of_the_devstack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings(tmp_path, "local.settings.json", MediaStorage="UseDevelopmentStorage=true;", Other="mine")
    # The host's own queue must never be made in a real account that a shell happens to name.
    monkeypatch.setenv("AzureWebJobsStorage", "DefaultEndpointsProtocol=https;AccountName=real")
    found = app_settings.environment(tmp_path, overrides={}, connection_string=STORAGE)
    assert (found["MediaStorage"], found["AzureWebJobsStorage"], found["Other"]) == (STORAGE, STORAGE, "mine")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Values": []}', '{"Values": {"A": 1}}'])
def test_a_settings_file_of_another_form_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.settings.json").write_text(text, "utf-8")
    with pytest.raises(FunctionAppError, match=r"local\.settings\.json"):
        app_settings.local(tmp_path)


def test_a_missing_connection_is_an_error_that_says_what_to_add() -> None:
    assert app_settings.connection({"MediaStorage": "x"}, "MediaStorage") == "x"
    with pytest.raises(FunctionAppError, match=r"'MediaStorage'.*local\.settings\.json"):
        app_settings.connection({"MediaStorage": ""}, "MediaStorage")


def test_limits_come_from_host_json(tmp_path: Path) -> None:
    blobs = {"maxDegreeOfParallelism": 3, "poisonBlobThreshold": 2}
    (tmp_path / "host.json").write_text(json.dumps({"extensions": {"blobs": blobs}}), "utf-8")
    assert host_json.blob_limits(tmp_path) == host_json.BlobLimits(max_degree_of_parallelism=3, poison_blob_threshold=2)


def test_limits_default_to_the_real_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    (tmp_path / "host.json").write_text('{"version": "2.0"}', "utf-8")
    assert host_json.blob_limits(tmp_path) == host_json.BlobLimits(
        max_degree_of_parallelism=16, poison_blob_threshold=5
    )


@pytest.mark.parametrize(
    "text", [None, "{", "[]", '{"extensions": {"blobs": {"poisonBlobThreshold": 0}}}', '{"extensions": []}']
)
def test_a_host_json_that_cannot_be_used_is_an_error_that_names_it(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "host.json").write_text(text, "utf-8")
    with pytest.raises(FunctionAppError, match=r"host\.json"):
        host_json.blob_limits(tmp_path)


def test_the_queue_is_named_by_the_host_id_or_else_by_the_folder(tmp_path: Path) -> None:
    named = HostOptions(app_dir=tmp_path, environment={"AzureFunctionsWebHost__hostid": "Mine"})
    assert queue_name(named) == "azure-webjobs-blobtrigger-mine"
    here, there = (HostOptions(app_dir=folder, environment={}) for folder in (tmp_path, tmp_path / "other"))
    assert queue_name(here) == queue_name(here) != queue_name(there)
    assert len(queue_name(here)) <= 63
