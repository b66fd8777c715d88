"""``jobs``: where the jobs of all containers stand, or those of one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from openface_runner.cli import following
from openface_runner.cli.following import say, say_json
from openface_runner.cli.wrong_use import WrongUse
from openface_runner.status import Job, Status, explain

if TYPE_CHECKING:
    from rich.table import Table

    from openface_runner.storage.browse import Browser, Medium

_CONTAINERS = 20
_MOST_CONTAINERS = 5000
_EXPLAINED = 20
"""Jobs that need somebody and are looked at one by one, for their sentences."""


def add_command(commands: Any) -> None:
    """Add ``jobs`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "jobs",
        help="where jobs stand",
        description="Without a name, lists containers, newest first, with how many of their jobs stand where; with "
        "one, its media. Uses the MediaStorage connection. With --watch it goes on until nothing waits or runs: as a "
        "table on a terminal, with a line for each change elsewhere. Exit code 1 when a job of CONTAINER failed or was "
        "given up, when there is no CONTAINER, or when storage refused; 2 for wrong use or settings.",
    )
    parser.add_argument("container", nargs="?", type=following.container_name, metavar="CONTAINER")
    parser.add_argument("--watch", action="store_true", help="go on until nothing waits or runs")
    parser.add_argument("--count", type=int, default=_CONTAINERS, help="containers to list; default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.set_defaults(run=run)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is shown of one container or job."""

    key: str
    cells: tuple[str, ...]
    style: str = ""
    progress: int | None = None
    line: str
    """For a pipe."""
    fields: dict[str, Any]
    notes: tuple[str, ...] = ()
    """Sentences below it."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look has shown."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    is_over: bool
    needs_somebody: bool = False
    empty: str = ""
    """What to say where there is no row."""


def run(arguments: argparse.Namespace) -> int:
    """List or watch; see ``add_command`` for what it prints and returns."""
    if not 1 <= arguments.count <= _MOST_CONTAINERS:
        raise WrongUse(f"--count may be 1 to {_MOST_CONTAINERS}.")
    with following.storage_as_a_person_sees_it():
        look = following.browser()
        if arguments.container:
            one = OneContainer(look, arguments.container)
            return follow(one.look, watch=arguments.watch, as_json=arguments.json)
        return follow(lambda: _all(look, arguments.count), watch=arguments.watch, as_json=arguments.json)


def follow(look: Callable[[], Seen], *, watch: bool, as_json: bool) -> int:
    """Show what a look sees, once or until nothing more happens; 1 when a job needs somebody, else 0."""
    console = None if as_json else following.terminal()
    if not watch:
        seen = look()
        if console:
            console.print(_table(seen), *_notes(seen), sep="\n")
        else:
            _print_changes(seen, {}, as_json=as_json)
        return int(seen.needs_somebody)
    last: list[Seen] = []
    if console:
        from rich.console import Group
        from rich.live import Live

        with Live(console=console, auto_refresh=False) as live:

            def redraw() -> bool:
                last[:] = [look()]
                live.update(Group(_table(last[0]), *_notes(last[0])), refresh=True)
                return last[0].is_over

            following.watch(redraw)
    else:
        told: dict[str, object] = {}

        def tell() -> bool:
            last[:] = [look()]
            _print_changes(last[0], told, as_json=as_json)
            return last[0].is_over

        following.watch(tell)
    return int(last[0].needs_somebody)


class OneContainer:
    """The jobs of one container.

    Arguments:
        browser: what looks at storage.
        container: its name.
        names: the media that count, as they are now; all, in whatever version, without.
    """

    def __init__(self, browser: Browser, container: str, names: Collection[str] = ()) -> None:
        self._browser = browser
        self._container = container
        self._names = names
        self._known: dict[tuple[str, datetime | None], Medium | None] = {}

    def look(self) -> Seen:
        """Look at them."""
        media = self._browser.media(self._container, most=None)
        jobs = [self._current(job) for job in media.jobs if not self._names or job.name in self._names]
        needing = [job for job in jobs if job.status.needs_somebody]
        explained = {job.name: self._medium(job) for job in needing[:_EXPLAINED]}
        now = datetime.now(UTC)
        return Seen(
            columns=("medium", "state", "took", "bytes"),
            rows=[_job_row(job, explained.get(job.name), now) for job in jobs],
            is_over=all(job.status.is_over for job in jobs) and len(jobs) >= len(self._names),
            needs_somebody=bool(needing) or (media.gone and not jobs),
            empty="There is no such container." if media.gone else "There is no medium in this container.",
        )

    def _current(self, job: Job) -> Job:
        """The job, where media are named only as one of the newest version: what an older one came to doesn't count."""
        if not self._names or not job.status.is_over:
            return job
        medium = self._medium(job)
        return replace(job, status=Status.WAITING, outcome=None) if medium and medium.is_outdated else job

    def _medium(self, job: Job) -> Medium | None:
        key = (job.name, job.ended)
        if key not in self._known or not job.status.is_over:
            self._known[key] = self._browser.medium(job.container, job.name)
        return self._known[key]


def _job_row(job: Job, medium: Medium | None, now: datetime) -> Row:
    state, took = following.state_of(job), following.seconds_in_words(job.seconds(now))
    notes = tuple(text for text in explain(medium.status, medium.record) if text) if medium else ()
    size = "" if job.bytes is None else f"{job.bytes:,}"
    return Row(
        key=job.name,
        cells=(job.name, state, took, size),
        style=following.style_of(job.status),
        progress=job.progress if job.status is Status.RUNNING else None,
        line=" ".join((f"{job.container}/{job.name}: {state}.", *notes)),
        fields=following.job_fields(job, now, medium),
        notes=notes,
    )


def _all(browser: Browser, count: int) -> Seen:
    page = browser.containers(count)
    rows = []
    for container in page.containers:
        tally = container.tally
        counts = {name: getattr(tally, name) for name in ("waiting", "running", "done", "failed")}
        rows.append(
            Row(
                key=container.name,
                cells=(container.name, *(str(count or "") for count in counts.values())),
                line=f"{container.name}: {', '.join(f'{count} {name}' for name, count in counts.items())}",
                fields={"container": container.name, "modified": container.modified, **counts, "more": tally.more},
            )
        )
    return Seen(
        columns=("container", "waiting", "running", "done", "failed"),
        rows=rows,
        is_over=all(container.tally.is_over for container in page.containers),
        empty="No job yet. Upload a picture or a clip: python -m openface_runner upload FILE",
    )


def _table(seen: Seen) -> Table | str:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from openface_runner.media.address import printable

    if not seen.rows:
        return seen.empty
    table = Table(*seen.columns)
    for row in seen.rows:
        cells: list[Any] = [
            Text(printable(cell), style=row.style if at == 1 else "") for at, cell in enumerate(row.cells)
        ]
        if row.progress is not None:
            bar = Table.grid(padding=(0, 1))
            bar.add_row(cells[1], ProgressBar(total=100, completed=row.progress, width=16))
            cells[1] = bar
        table.add_row(*cells)
    return table


def _notes(seen: Seen) -> Iterator[Any]:
    from rich.text import Text

    from openface_runner.media.address import printable

    for row in seen.rows:
        if row.notes:
            yield Text(printable(" ".join((f"{row.key}:", *row.notes))))


def _print_changes(seen: Seen, told: dict[str, object], *, as_json: bool) -> None:
    if not seen.rows and not told and not as_json:
        say(seen.empty)
        told[""] = seen.empty
    for row in seen.rows:
        # How long a job has been running isn't a change.
        news = row.line, {name: value for name, value in row.fields.items() if name != "seconds"}
        if told.get(row.key) != news:
            told[row.key] = news
            say_json(row.fields) if as_json else say(row.line)
