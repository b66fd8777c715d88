"""The scripts in deploy/, run with an ``az`` that plays Azure and a webhook that plays the app."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.missing import skip_or_fail
from tests.support.webhook_server import webhook_server

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "deploy").glob("*.sh"))
KEY = "the-webhooks-key"

# Writes its arguments down, one call a line, and answers as a resource group does in which main.bicep was deployed.
AZ = """#!/usr/bin/env python3
import json, os, pathlib, sys
log = pathlib.Path(os.environ["CALLS"])
words = sys.argv[1:]
with log.open("a") as file:
    file.write(json.dumps([pathlib.Path(sys.argv[0]).name, *words]) + "\\n")
said = " ".join(words)
for part in ("app", "registry", "media"):
    if f"tags.part=='{part}'" in said:
        print(os.environ.get(f"FOUND_{part}", f"the-{part}"))
if "loginServer" in said:
    print("the-registry.azurecr.io")
if "keys list" in said:
    print(os.environ.get("KEY", ""))
if "deployment group create" in said:
    done = sum("deployment" in line for line in log.read_text().splitlines())
    sys.exit(done <= int(os.environ.get("FAILED_DEPLOYMENTS", "0")))
"""


class Azure:
    """Runs scripts with a played Azure, and tells what they asked of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._calls = folder / "calls"
        for name in ("az", "azd", "docker"):
            program = folder / name
            program.write_text(AZ)
            program.chmod(0o755)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self._folder}:{os.environ['PATH']}",
            "CALLS": str(self._calls),
            "AZURE_RESOURCE_GROUP": "the-group",
            "POLL_SECONDS": "0",
            **variables,
        }
        return subprocess.run(
            ["sh", ROOT / "deploy" / script], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def calls(self, *words: str) -> list[list[str]]:
        """The calls that have all of the words."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [call for call in map(json.loads, lines) if set(words) <= set(call)]


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def test_the_scripts_are_clean() -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if shellcheck is None:
        skip_or_fail("shellcheck is missing; requirements-dev.txt brings it")
    assert SCRIPTS
    checked = subprocess.run([shellcheck, "-x", *SCRIPTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.stdout == ""
    assert checked.returncode == 0


def test_the_image_is_built_in_the_registry_and_run(azure: Azure) -> None:
    done = azure.run("publish.sh", OPENFACE_IMAGE="an/openface:2", IMAGE_TAG="first")
    assert done.returncode == 0, done.stderr
    (build,) = azure.calls("acr", "build")
    assert {"the-registry", "openface-runner:first", "OPENFACE_IMAGE=an/openface:2", "linux/amd64"} <= set(build)
    (configured,) = azure.calls("functionapp", "config", "set")
    assert {"the-app", "DOCKER|the-registry.azurecr.io/openface-runner:first"} <= set(configured)
    assert not azure.calls("docker")


def test_an_image_that_is_only_here_is_built_here_and_pushed(azure: Azure) -> None:
    assert azure.run("publish.sh", IMAGE_BUILD="docker", IMAGE_TAG="first").returncode == 0
    assert [call[1] for call in azure.calls("docker")] == ["build", "push"]
    assert not azure.calls("acr", "build")


def test_azd_remembers_the_image_for_the_next_deployment(azure: Azure) -> None:
    assert azure.run("publish.sh", AZURE_ENV_NAME="production", IMAGE_TAG="first").returncode == 0
    (remembered,) = azure.calls("azd")
    assert remembered[1:] == ["env", "set", "IMAGE", "the-registry.azurecr.io/openface-runner:first"]


def test_no_image_is_built_where_none_is_wanted(azure: Azure) -> None:
    assert azure.run("publish.sh", IMAGE_BUILD="none").returncode == 0
    assert not azure.calls()


def test_a_way_of_building_that_does_not_exist_changes_nothing(azure: Azure) -> None:
    done = azure.run("publish.sh", IMAGE_BUILD="podman")
    assert done.returncode == 1
    assert "IMAGE_BUILD is 'podman'; it may be acr, docker or none." in done.stderr
    assert not azure.calls("functionapp", "config", "set")


@pytest.mark.parametrize("script", ["publish.sh", "connect.sh"])
@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"AZURE_RESOURCE_GROUP": ""}, "Set AZURE_RESOURCE_GROUP"),
        ({"FOUND_app": ""}, "Deploy deploy/main.bicep there first"),
        ({"FOUND_app": "one\ntwo"}, "There are several"),
    ],
)
def test_a_group_that_does_not_fit_is_named(azure: Azure, script: str, variables: dict[str, str], why: str) -> None:
    done = azure.run(script, **variables)
    assert done.returncode == 1
    assert why in done.stderr
    assert not azure.calls("acr", "build")
    assert not azure.calls("deployment")


def test_events_are_connected_once_the_webhook_takes_them(azure: Azure) -> None:
    with webhook_server(lambda number: (404, 503, 200)[number]) as app:
        done = azure.run("connect.sh", KEY=KEY, APP_ADDRESS=app.address)
    assert done.returncode == 0, done.stderr
    assert [post.target for post in app.posts] == [
        "/runtime/webhooks/blobs?functionName=Host.Functions.analyse_media"
    ] * 3
    assert app.posts[0].headers["x-functions-key"] == KEY
    assert app.posts[0].headers["aeg-event-type"] == "SubscriptionValidation"
    (deployed,) = azure.calls("deployment", "create")
    assert {"appName=the-app", "mediaAccountName=the-media", "functionName=analyse_media"} <= set(deployed)


def test_the_webhooks_key_is_in_no_argument_and_not_printed(azure: Azure) -> None:
    with webhook_server(lambda _: 200) as app:
        done = azure.run("connect.sh", KEY=KEY, APP_ADDRESS=app.address)
    assert KEY not in done.stdout + done.stderr
    assert KEY not in json.dumps(azure.calls())


@pytest.mark.parametrize(
    ("key", "status", "why"), [("", 200, "it has made no key blobs_extension"), (KEY, 401, "its webhook answers 401")]
)
def test_an_app_that_takes_no_events_is_not_connected(azure: Azure, key: str, status: int, why: str) -> None:
    with webhook_server(lambda _: status) as app:
        done = azure.run("connect.sh", KEY=key, APP_ADDRESS=app.address, WAIT_SECONDS="0")
    assert done.returncode == 1
    assert why in done.stderr
    assert not azure.calls("deployment")


def test_an_app_that_does_not_answer_at_all_is_not_connected(azure: Azure) -> None:
    with webhook_server() as app:
        closed = app.address
    done = azure.run("connect.sh", KEY=KEY, APP_ADDRESS=closed, WAIT_SECONDS="0")
    assert done.returncode == 1
    assert "its webhook answers 000" in done.stderr


@pytest.mark.parametrize(("failures", "code", "tries"), [(2, 0, 3), (3, 1, 3)])
def test_a_deployment_is_tried_three_times(azure: Azure, failures: int, code: int, tries: int) -> None:
    with webhook_server(lambda _: 200) as app:
        done = azure.run("connect.sh", KEY=KEY, APP_ADDRESS=app.address, FAILED_DEPLOYMENTS=str(failures))
    assert done.returncode == code
    assert len(azure.calls("deployment", "create")) == tries
