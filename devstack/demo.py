"""The whole way once, with the samples, from upload to checked CSV; and a table of what came out."""

from __future__ import annotations

import logging
import shutil
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import ContainerClient, ContentSettings
from rich.console import Console
from rich.table import Table

from devstack.commands import choose_openface, page_of
from devstack.errors import DevstackError
from devstack.ports import Ports
from devstack.running import Devstack
from devstack.stack import REPOSITORY, STATE_DIR
from openface_runner import results, storage
from openface_runner.outcomes import Measured, Outcome
from openface_runner.records import Record, Step
from openface_runner.results import ACTION_UNITS, ColumnGroup

_SAMPLES = Path(__file__).parent / "samples"
_RESULTS = Path("demo-results")
_OUTPUT, _JOBS = "openface-output", "openface-jobs"
_TABLE_WIDTH = 140
"""Characters at the most, so that no cell is cut where the output goes into a file."""
_PATIENCE = 180.0
"""Seconds that a sample may take; a first run on a slow laptop takes some."""
_SHOWN_AUS = ("AU01", "AU06", "AU12", "AU25")
_SMILING = "face.jpg"
_SMILE = 1.0
"""AU12 above this, of 5, is a smile that can be seen; OpenFace measures 3.0 on the sample."""


@dataclass(frozen=True, kw_only=True)
class _Sample:
    name: str
    what: str
    content_type: str
    outcome: Outcome
    count: int | None = None
    """Faces or frames that must be found."""

    def fits(self, record: Record) -> bool:
        measured = Measured(**record.measured)
        return record.outcome is self.outcome and (
            self.count is None or self.count in (measured.faces, measured.frames)
        )


SAMPLES = (
    _Sample(name=_SMILING, what="a face", content_type="image/jpeg", outcome=Outcome.ANALYSED, count=1),
    _Sample(name="two_faces.jpg", what="two faces", content_type="image/jpeg", outcome=Outcome.ANALYSED, count=2),
    _Sample(name="no_face.jpg", what="no face", content_type="image/jpeg", outcome=Outcome.NO_FACE),
    _Sample(name="truncated.jpg", what="a damaged file", content_type="image/jpeg", outcome=Outcome.UNREADABLE),
    _Sample(name="face.mp4", what="a clip of a face", content_type="video/mp4", outcome=Outcome.ANALYSED, count=75),
)


def main() -> int:
    """Run the demo in free ports and in memory, beside whatever else runs.

    Returns:
        0 when every sample came out as expected, 1 otherwise.

    Raises:
        DevstackError: a part couldn't start, or a sample never ended.
    """
    # The table says what happened; the host's line for each invocation would bury it.
    logging.getLogger("devstack").setLevel(logging.WARNING)
    chosen = choose_openface(STATE_DIR)
    print(f"{chosen.notice}\n")
    settings = {
        **chosen.environment,
        "MediaStorage": "UseDevelopmentStorage=true",
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "OUTPUT_CONTAINER": _OUTPUT,
        "JOBS_CONTAINER": _JOBS,
    }
    print("Starting Azurite, an Event Grid and a Functions host with the app …", flush=True)
    with Devstack.running(REPOSITORY, settings=settings) as stack:
        container = str(uuid.uuid4())
        records = _upload_and_wait(stack, container)
        csvs = _download(stack, container, records)
    _print_table(records, csvs)
    smile = _print_action_units(csvs.get(_SMILING))
    unexpected = [sample.name for sample in SAMPLES if not sample.fits(records[sample.name])]
    if unexpected or smile <= _SMILE:
        print(f"Not as expected: {', '.join(unexpected) or f'AU12 of {_SMILING} is {smile}'}", file=sys.stderr)
        return 1
    print(f"\nAll {len(SAMPLES)} samples came out as expected. CSVs: {_RESULTS}/")
    print(f"Plots of them: .venv/bin/python -m openface_runner report {_RESULTS}/*.csv")
    print(f"The jobs page: 'make up' serves it at {page_of(Ports().host_url)}")
    return 0


def _upload_and_wait(stack: Devstack, container: str) -> dict[str, Record]:
    with ContainerClient.from_connection_string(stack.connection_string, container) as client:
        client.create_container()
        print(f"Uploading {len(SAMPLES)} samples into the container {container} …", flush=True)
        for sample in SAMPLES:
            with (_SAMPLES / sample.name).open("rb") as file:
                client.upload_blob(
                    sample.name, file, content_settings=ContentSettings(content_type=sample.content_type)
                )
    records = storage.connect({storage.CONNECTION: stack.connection_string}).records(_JOBS)
    found = {}
    for sample in SAMPLES:
        result = stack.wait_until_settled(container, sample.name, timeout=_PATIENCE)
        record = records.read(container, sample.name)
        if record is None or not result.succeeded:
            raise DevstackError(f"The job of {sample.name} failed:\n{result.error or 'there is no record'}")
        found[sample.name] = record
    return found


def _download(stack: Devstack, container: str, records: Mapping[str, Record]) -> dict[str, Path]:
    shutil.rmtree(_RESULTS, ignore_errors=True)
    _RESULTS.mkdir()
    for name, record in records.items():
        # Where a report looks for it.
        (_RESULTS / f"{name}.json").write_text(record.to_json(), encoding="utf-8")
    paths = {name: _RESULTS / f"{name}.csv" for name, record in records.items() if record.csv}
    with ContainerClient.from_connection_string(stack.connection_string, _OUTPUT) as client:
        for name, path in paths.items():
            path.write_bytes(client.download_blob(f"{container}/{name}.csv").readall())
    return paths


def _print_table(records: dict[str, Record], csvs: dict[str, Path]) -> None:
    table = Table("medium", "what it is", "outcome", "measured", "seconds", "CSV")
    for sample in SAMPLES:
        record = records[sample.name]
        measured = Measured(**record.measured).in_words if record.measured else ""
        seconds = (record.steps[Step.ENDED] - record.steps[Step.CLAIMED]).total_seconds()
        csv_place = str(csvs.get(sample.name, ""))
        table.add_row(sample.name, sample.what, record.outcome, measured, f"{seconds:.1f}", csv_place)
    Console(width=max(Console().width, _TABLE_WIDTH)).print(table)


def _print_action_units(path: Path | None) -> float:
    """Print a few action units of an image's first face; the value of AU12, 0 when there is no CSV."""
    if path is None:
        return 0.0
    intensities = results.read(path, [ColumnGroup.ACTION_UNITS]).intensities
    print(f"Action units in {path.name}, intensity from 0 to 5:")
    for code in _SHOWN_AUS:
        print(f"  {code} {ACTION_UNITS[code]:<18} {intensities[code][0]:.2f}")
    return intensities["AU12"][0]
