"""What deploy/ makes in Azure fits the app: its settings, containers, roles, function and outcomes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycep
import pytest
import yaml

from devstack.functions_host.webhook import ROUTE
from openface_runner.outcomes import Outcome
from openface_runner.settings import Settings
from openface_runner.storage import CONNECTION
from openface_runner.storage.poison import QUEUE

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TEMPLATES = sorted(DEPLOY.rglob("*.bicep"))
NAMES = json.loads((DEPLOY / "names.json").read_text())
ROLES = json.loads((DEPLOY / "roles.json").read_text())
DEPLOYMENT = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs/security.md").read_text(encoding="utf-8")

# Of the Functions host, App Service and the container; "App settings reference" in Microsoft's documentation.
HOST_SETTINGS = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "ASPNETCORE_URLS",
    "AzureFunctionsWebHost__hostid",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "WEBSITES_CONTAINER_START_TIME_LIMIT",
    "WEBSITES_ENABLE_APP_SERVICE_STORAGE",
    "WEBSITES_PORT",
}
IDENTITY = {"credential", "clientId"}
CONNECTIONS = {
    "AzureWebJobsStorage": {"accountName", *IDENTITY},
    CONNECTION: {"blobServiceUri", "queueServiceUri", *IDENTITY},
}


def template(name: str) -> dict[str, Any]:
    return dict(pycep.BicepParser().parse(text=(DEPLOY / name).read_text(encoding="utf-8")))


def properties(name: str, resource: str) -> dict[str, Any]:
    found: dict[str, Any] = template(name)["resources"][resource]["config"]["properties"]
    return found


def variable(name: str, of: str) -> Any:
    return template(of)["variables"][name]["value"]


def app_settings() -> dict[str, str]:
    settings: dict[str, str] = variable("hostSettings", "modules/app.bicep")
    return settings


def blob_functions() -> Iterator[str]:
    """The names that function_app.py gives its functions with blob triggers."""
    for node in ast.walk(ast.parse((ROOT / "function_app.py").read_text())):
        if isinstance(node, ast.FunctionDef):
            calls = [item for item in node.decorator_list if isinstance(item, ast.Call)]
            names = {ast.unparse(call.func): call for call in calls}
            if "app.blob_trigger" in names:
                yield ast.literal_eval(names["app.function_name"].args[0])


def granted(module: str) -> set[str]:
    """The roles that the app's identity gets in a module, by name."""
    return {item["operator"]["operands"]["operand_2"] for item in variable("appRoles", module)}


def documented_roles(connection: str) -> set[str]:
    """The roles that docs/security.md wants for a connection; its table leaves repeated first cells empty."""
    found: set[str] = set()
    who = ""
    for line in SECURITY.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3:
            who = cells[0] or who
            if who == f"the app's identity, for `{connection}`":
                found.add(cells[1])
    return found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_template_is_bicep(path: Path) -> None:
    assert pycep.BicepParser().parse(text=path.read_text(encoding="utf-8"))["resources"]


@pytest.mark.parametrize("name", ["main.bicep", "events.bicep"])
def test_every_parameter_says_what_it_is(name: str) -> None:
    for parameter, declared in template(name)["parameters"].items():
        assert any(item["type"] == "description" for item in declared["decorators"]), parameter


def test_every_module_gets_the_parameters_that_it_declares() -> None:
    modules = {
        module["detail"]["path"]: module["config"]["params"] for module in template("main.bicep")["modules"].values()
    }
    assert set(modules) == {f"modules/{path.name}" for path in TEMPLATES if path.parent.name == "modules"}
    for path, given in modules.items():
        assert set(given) == set(template(path)["parameters"]), path


def test_every_setting_is_the_hosts_a_connections_or_the_apps_own() -> None:
    known = HOST_SETTINGS | {name.upper() for name in Settings.model_fields}
    for name in app_settings():
        connection, _, field = name.partition("__")
        assert name in known or field in CONNECTIONS[connection], name


def test_both_connections_are_complete_and_by_identity() -> None:
    for connection, fields in CONNECTIONS.items():
        assert {name for name in app_settings() if name.partition("__")[0] == connection} == {
            f"{connection}__{field}" for field in fields
        }


def test_the_worker_has_more_threads_than_the_host_starts_invocations() -> None:
    blobs = json.loads((ROOT / "host.json").read_text())["extensions"]["blobs"]
    assert int(app_settings()["PYTHON_THREADPOOL_THREAD_COUNT"]) > blobs["maxDegreeOfParallelism"]


def test_the_containers_are_the_settings_defaults() -> None:
    assert NAMES["outputContainer"] == Settings.model_fields["output_container"].default
    assert NAMES["jobsContainer"] == Settings.model_fields["jobs_container"].default


def test_uploads_reach_the_app_and_what_it_writes_does_not() -> None:
    containers = variable("containers", "events.bicep")
    filters = properties("events.bicep", "subscription")["filter"]
    (left_out,) = (
        item["values"] for item in filters["advancedFilters"] if item["operatorType"] == "StringNotBeginsWith"
    )
    prefixes = [
        re.sub(r"\$\{names\.(\w+)\}", lambda match: NAMES[match[1]], value.replace("${containers}", containers))
        for value in left_out
    ]

    def sent(container: str) -> bool:
        return not any(f"/blobServices/default/containers/{container}/blobs/x".startswith(item) for item in prefixes)

    assert sent("3f0c5a9e-6d1b-4c57-8a55-0d6d2f4e9c11")
    assert [container for container in NAMES.values() if sent(container)] == []


def test_the_events_go_to_the_apps_webhook_and_function() -> None:
    address = properties("events.bicep", "subscription")["destination"]["properties"]["endpointUrl"]
    assert f"{ROUTE}?functionName=Host.Functions.${{functionName}}&code=" in address
    (function,) = blob_functions()
    assert template("events.bicep")["parameters"]["functionName"]["default"] == function
    assert f"\nfunction_name={function}\n" in (DEPLOY / "connect.sh").read_text()


def test_sign_in_leaves_the_webhook_to_event_grid() -> None:
    excluded = properties("modules/app.bicep", "signIn")["globalValidation"]["excludedPaths"]
    assert ROUTE in [variable(name, "modules/app.bicep") for name in excluded]


@pytest.mark.parametrize("name", ["modules/media.bicep", "modules/host_storage.bicep"])
def test_no_key_opens_an_account(name: str) -> None:
    account = properties(name, "account")
    assert account["allowSharedKeyAccess"] is False
    assert account["allowBlobPublicAccess"] is False
    assert account["minimumTlsVersion"] == "TLS1_2"


@pytest.mark.parametrize(
    ("module", "connection"),
    [("modules/host_storage.bicep", "AzureWebJobsStorage"), ("modules/media.bicep", CONNECTION)],
)
def test_the_app_gets_the_roles_that_security_names(module: str, connection: str) -> None:
    assert granted(module) == documented_roles(connection) != set()


def test_the_roles_have_the_documented_ids() -> None:
    assert dict(re.findall(r"^\| ([A-Z][\w ]+) \| `([0-9a-f-]{36})` \|", DEPLOYMENT, re.MULTILINE)) == ROLES


def test_every_role_is_used() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    assert [role for role in ROLES if f"roles['{role}']" not in texts and f"roles.{role}" not in texts] == []


def test_the_alert_of_jobs_without_a_result_leaves_out_the_good_outcomes() -> None:
    query = (DEPLOY / "alerts/without_result.kql").read_text()
    (listed,) = re.findall(r"!in \((.+)\)", query)
    assert set(re.findall(r'"(\w+)"', listed)) == {str(outcome) for outcome in Outcome if outcome.is_good}


def test_the_alert_of_jobs_given_up_knows_the_poison_queue() -> None:
    assert f'message contains "{QUEUE}"' in (DEPLOY / "alerts/given_up.kql").read_text()


def test_every_alert_query_is_deployed_with_its_blanks_filled() -> None:
    source = (DEPLOY / "modules/alerts.bicep").read_text()
    for path in (DEPLOY / "alerts").iterdir():
        blanks = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", path.read_text())
        assert all(f"loadTextContent('../alerts/{path.name}'), '{blank}'" in source for blank in blanks)
        assert f"loadTextContent('../alerts/{path.name}')" in source


def test_azd_finds_what_azure_yaml_names() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").is_file()
    assert project["hooks"]
    assert [hook["run"] for hook in project["hooks"].values() if not (ROOT / hook["run"]).is_file()] == []


def test_azds_parameters_exist_and_their_variables_are_documented() -> None:
    parameters = json.loads((DEPLOY / "main.parameters.json").read_text())["parameters"]
    assert set(parameters) <= set(template("main.bicep")["parameters"])
    variables = re.findall(r"\$\{(\w+)", json.dumps(parameters))
    assert [name for name in variables if f"`{name}`" not in DEPLOYMENT] == []


@pytest.mark.parametrize("page", ["deployment.md", "operations.md"])
def test_every_link_of_the_pages_leads_somewhere(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", text)
    assert links
    for file, heading in links:
        target = ROOT / "docs" / (file or page)
        assert target.is_file(), file
        if heading:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
            assert heading in anchors, f"{file}#{heading}"
