"""``analyse``: measure files of this computer, without Azure; the same way as a blob's from the download on."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from openface_runner.analysis import Analyser
from openface_runner.cancellation import Cancellation
from openface_runner.cli.files import check_that_they_are_files, make_folder, name_given_twice, written_whole
from openface_runner.cli.progress import bar
from openface_runner.cli.wrong_use import WrongUse
from openface_runner.media.request import AuModel, Request
from openface_runner.openface.batches import MOST_IMAGES
from openface_runner.outcomes import BrokenInstallation, JobError, ShuttingDown
from openface_runner.records import Record, State, Step
from openface_runner.settings import Capture, Settings

_MOST_AT_ONCE = 128
"""Files in work: enough to fill the runs that images share. All but a few of them only wait."""


_NOTICE_CTRL_C = 0.5
"""Seconds until it is noticed at the latest."""


@dataclass(frozen=True, kw_only=True)
class _Result:
    source: Path
    record: Record

    @property
    def is_good(self) -> bool:
        return self.record.outcome is not None and self.record.outcome.is_good


def add_command(commands: Any) -> None:
    """Add ``analyse`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "analyse",
        help="measure pictures and clips of this computer",
        description="Writes NAME.csv (when a face was measured) and NAME.json (always) into DIR for each medium. "
        "Exit code 0 when every medium is 'analysed' or 'no_face', 1 otherwise, 2 for wrong use or a broken OpenFace.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where results go; made if missing")
    parser.add_argument("--capture", type=Capture, choices=list(Capture), help="how the media were taken")
    parser.add_argument(
        "--au-model",
        type=AuModel,
        choices=list(AuModel),
        default=AuModel.DYNAMIC,
        help="static for clips that hold one expression",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Analyse the files; see ``add_command`` for what it prints, writes and returns."""
    _check_names(arguments.files, arguments.out)
    settings = Settings.from_environment()
    analyser = Analyser.from_settings(settings)
    request = Request(capture=arguments.capture or settings.default_capture, au_model=arguments.au_model)
    make_folder(arguments.out)
    analyser.workspace.sweep()
    if not analyser.engine.is_openface:
        print(f"These are not OpenFace's numbers: measured with {analyser.engine}.", file=sys.stderr)
    cancellation = Cancellation()
    one = partial(_analyse_one, analyser, request, arguments.out, cancellation)
    results = []
    at_once = min(len(arguments.files), settings.openface_processes * MOST_IMAGES, _MOST_AT_ONCE)
    with bar("analysing", len(arguments.files)) as progress, ThreadPoolExecutor(at_once) as pool:
        try:
            for future in _as_they_end([pool.submit(one, file) for file in arguments.files]):
                results.append(future.result())
                progress.advance(progress.task_ids[0])
                _report(results[-1], arguments.out, as_json=arguments.json)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            cancellation.cancel(ShuttingDown())
            raise
    return 0 if all(result.is_good for result in results) else 1


def _as_they_end(futures: Iterable[Future[_Result]]) -> Iterator[Future[_Result]]:
    pending = set(futures)
    while pending:
        # Not as_completed: another thread may take Ctrl-C's signal, which doesn't end this one's wait.
        ended, pending = wait(pending, timeout=_NOTICE_CTRL_C, return_when=FIRST_COMPLETED)
        yield from ended


def _check_names(files: Sequence[Path], out: Path) -> None:
    check_that_they_are_files(files)
    if (twice := name_given_twice(files)) is not None:
        raise WrongUse(f"Several files are named {twice!r} and would write the same result; use a DIR for each.")
    inputs = {file.resolve() for file in files}
    for file in files:
        for result in (_csv_of(out, file), _record_of(out, file)):
            if result.resolve() in inputs:
                raise WrongUse(
                    f"The result of {file} would overwrite {result}, which is to be analysed; use another DIR."
                )


def _csv_of(out: Path, file: Path) -> Path:
    return out / f"{file.name}.csv"


def _record_of(out: Path, file: Path) -> Path:
    return out / f"{file.name}.json"


def _analyse_one(analyser: Analyser, request: Request, out: Path, cancellation: Cancellation, file: Path) -> _Result:
    asked = {"capture": request.capture, "au_model": request.au_model}
    record = Record(blob=file.name, state=State.RUNNING, request=asked, settings=analyser.fingerprint(request))
    csv = _csv_of(out, file)
    # Never two results at once: what an earlier run left would pass for this one's.
    csv.unlink(missing_ok=True)
    with analyser.workspace.folder() as work:
        try:
            analysis = analyser.analyse(file, request, work, cancellation)
        except (BrokenInstallation, ShuttingDown):
            raise
        except (JobError, OSError) as error:
            record = record.given_up(error)
        else:
            if analysis.csv is not None:
                with written_whole(csv) as passing:
                    shutil.copyfile(analysis.csv, passing)
            record = (
                record.judged(analysis.verdict)
                .reached(
                    Step.MEASURED,
                    source={"bytes": file.stat().st_size},
                    **analysis.for_record(analyser.engine),
                    csv=csv.name if analysis.csv else None,
                )
                .ended()
            )
    _record_of(out, file).write_text(record.to_json() + "\n", encoding="utf-8")
    return _Result(source=file, record=record)


def _report(result: _Result, out: Path, *, as_json: bool) -> None:
    record = result.record
    csv = str(out / record.csv) if record.csv else None
    if as_json:
        line = {"source": str(result.source), "outcome": record.outcome, "message": record.message, "csv": csv}
        print(json.dumps(line), flush=True)
        return
    print(f"{result.source}: {record.outcome or record.state}. {record.message}", *([f"-> {csv}"] if csv else []))
    if not result.is_good:
        print(f"  {record.advice}")
