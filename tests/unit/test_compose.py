"""compose.yaml, the Dockerfile and the devstack fit together. Nothing is run here: that takes a container engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.__main__ import _parser
from devstack.errors import KeysUnreadable
from devstack.host_keys import webhook_key
from devstack.subscription import webhook_url
from openface_runner.storage import CONNECTION

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]


def mounts(service: str) -> dict[str, str]:
    """What is mounted, by its place in the container."""
    pairs = (volume.split(":")[:2] for volume in SERVICES[service]["volumes"])
    return {place: source for source, place in pairs}


def test_what_compose_builds_are_stages_of_the_dockerfile() -> None:
    stages = re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.MULTILINE)
    for service in ("app", "events"):
        assert SERVICES[service]["build"]["target"] in stages
    # What a build without a target makes.
    assert stages[-1] == "app"
    arguments = re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE)
    assert set(SERVICES["app"]["build"]["args"]) <= set(arguments)


def test_everything_is_reachable_from_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert {"127.0.0.1:10000:10000", "127.0.0.1:8080:8080"} <= set(ports)
    assert all(service["network_mode"] == "service:azurite" for name, service in SERVICES.items() if name != "azurite")


def test_the_app_has_its_connections() -> None:
    environment = SERVICES["app"]["environment"]
    assert environment["AzureWebJobsStorage"] == environment[CONNECTION] == "UseDevelopmentStorage=true"


def test_the_event_grid_is_started_with_options_that_it_has_and_follows_azurites_log() -> None:
    events = _parser().parse_args(SERVICES["events"]["command"])
    assert (events.command, events.function, events.host_port) == ("events", ["analyse_media"], 8080)
    written = re.findall(r">>(\S+)", " ".join(SERVICES["azurite"]["command"]))
    volume = mounts("azurite")[str(Path(written[0]).parent)]
    assert mounts("events")[str(events.access_log.parent)] == volume
    assert events.access_log.name == Path(written[0]).name
    assert str(events.state_dir) in mounts("events")


def test_the_host_and_the_event_grid_have_the_same_key_for_development() -> None:
    keys = ROOT / mounts("events")["/run/keys/host.json"]
    folder = SERVICES["app"]["environment"]["FUNCTIONS_SECRETS_PATH"]
    assert ROOT / mounts("app")[f"{folder}/host.json"] == keys
    assert SERVICES["app"]["environment"]["AzureWebJobsSecretStorageType"] == "files"
    assert folder in DOCKERFILE, "the host can't write there"
    assert webhook_key(keys) == "for-development-only"


def test_the_webhooks_key_is_part_of_its_address() -> None:
    assert webhook_url("http://host", "analyse_media", key="a+b/c=") == (
        "http://host/runtime/webhooks/blobs?functionName=Host.Functions.analyse_media&code=a%2Bb%2Fc%3D"
    )


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"systemKeys": [{"name": "another", "value": "x"}]})])
def test_a_file_without_the_webhooks_key_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "host.json"
    file.write_text(content)
    with pytest.raises(KeysUnreadable, match=re.escape(str(file))):
        webhook_key(file)
