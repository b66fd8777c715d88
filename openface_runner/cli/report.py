"""``report``: plots of results, as one HTML file that can be sent to somebody."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openface_runner.cli.files import written_whole
from openface_runner.cli.wrong_use import WrongUse
from openface_runner.results import Results, ResultsError, read

if TYPE_CHECKING:
    from openface_runner.plots import Section
    from openface_runner.records import Record


def add_command(commands: Any) -> None:
    """Add ``report`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="plot results, as one HTML file that needs no network",
        description="Writes one HTML file with plots of each CSV: action units, head pose and gaze over time for "
        "clips, drawn faces and bars for pictures. What the record beside a CSV (NAME.json for NAME.csv, as 'analyse' "
        "writes it) knows of its making is told, too. Exit code 0 when every CSV is in the report, 1 when one isn't "
        "whole (the report says so and has the others), 2 for wrong use.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="CSV")
    parser.add_argument(
        "--out", type=Path, default=Path("report.html"), metavar="FILE", help="the report; default: %(default)s"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report; see ``add_command`` for what it prints, writes and returns."""
    _check_names(arguments.files, arguments.out)
    # Only here: the other commands do without a template engine.
    from openface_runner.plots import report

    sections = [_section(file) for file in arguments.files]
    page = report(sections)
    _write(arguments.out, page)
    for file, section in zip(arguments.files, sections, strict=True):
        _say(file, section, arguments.out, as_json=arguments.json)
    if not arguments.json:
        print(f"-> {arguments.out}, {len(page.encode()) / 1e6:.1f} MB")
    return 1 if any(section.trouble for section in sections) else 0


def _check_names(files: Sequence[Path], out: Path) -> None:
    for file in files:
        if not file.is_file():
            raise WrongUse(f"{file} {'is a folder' if file.is_dir() else 'does not exist'}; name CSVs.")
    if out.resolve() in {path.resolve() for file in files for path in (file, _record_of(file))}:
        raise WrongUse(f"The report would overwrite {out}, which it is made of; name another file with --out.")


def _record_of(csv: Path) -> Path:
    return csv.with_suffix(".json")


def _section(file: Path) -> Section:
    from openface_runner.plots import COLUMNS, Section

    try:
        results = read(file, COLUMNS)
    except ResultsError as error:
        # A report goes to others: it names no folder of this computer.
        return Section(name=file.name, trouble=f"This is not a whole result of OpenFace: {error.reason}.")
    except OSError as error:
        return Section(name=file.name, trouble=f"This file can't be read: {error.strerror}.")
    return Section(name=file.name, results=results, **_provenance(file))


def _provenance(file: Path) -> dict[str, Any]:
    """What the record beside a CSV says of its making, as fields of a section."""
    path = _record_of(file)
    try:
        record = _read_record(path)
    except FileNotFoundError:
        return {"facts": [("with", f"not known: there is no {path.name} beside it")]}
    except (ValueError, OSError):
        return {"facts": [("with", f"not known: {path.name} beside it is no record of a job")]}
    engine = f"{record.engine.get('name', 'an unknown program')} {record.engine.get('version', '')}".strip()
    asked = [(name.replace("_", " "), str(value)) for name, value in record.request.items()]
    return {
        "facts": [("with", engine), ("from", record.blob), *asked],
        "warnings": record.warnings,
        "standin": engine if record.engine.get("is_openface") is False else "",
    }


def _read_record(path: Path) -> Record:
    from openface_runner.records import Record

    return Record.model_validate_json(path.read_bytes())


def _write(out: Path, page: str) -> None:
    try:
        with written_whole(out) as passing:
            passing.write_text(page, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"The report {out} can't be written: {error.strerror}; name another file with --out.") from error


def _say(file: Path, section: Section, out: Path, *, as_json: bool) -> None:
    results = section.results
    if as_json:
        line = {"source": str(file), "report": str(out), **_measured(results), "trouble": section.trouble or None}
        print(json.dumps(line), flush=True)
    elif section.trouble:
        print(f"openface_runner: {file}: {section.trouble}", file=sys.stderr)
    elif section.standin:
        print(f"{file}: these are not OpenFace's numbers: measured with {section.standin}.")


def _measured(results: Results | None) -> dict[str, Any]:
    return {"kind": results.kind, "rows": results.rows} if results else {"kind": None, "rows": None}
