"""A medium's way, from the event of its arrival to its checked CSV and its record.

    decline what isn't ours - look - claim - already done? - download - analyse - look again - publish - record

Whatever step it dies at, the next delivery of the event ends in the same state: the published CSV is the commit, and
everything before it can be done again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openface_runner import job_log
from openface_runner.analysis import Analysis
from openface_runner.cancellation import Cancellation
from openface_runner.media.address import decline_reason, printable
from openface_runner.media.content import Medium, describe
from openface_runner.openface.batches import Arrival
from openface_runner.outcomes import (
    DiskFull,
    InternalFault,
    JobError,
    Measured,
    Outcome,
    PublishConflict,
    Rejected,
    SourceChanged,
    Verdict,
)
from openface_runner.plan import Plan
from openface_runner.records import Record, State, Step
from openface_runner.services import Services
from openface_runner.storage import Claim, Published, Source, Version, VersionGone
from openface_runner.workspace import NO_ROOM

_log = logging.getLogger(__name__)

_LARGE_IMAGE = 16 * 1024**2
"""Bytes from which a medium isn't waited for by images that could share a run of OpenFace with it."""
_MOST_STARTS = 5
"""How often a job starts anew because its medium changed, before the host is asked to try later."""


def analyse_blob(services: Services, container: str, name: str) -> None:
    """Bring one blob's job to its outcome; return when there is nothing more to do about this event.

    Called once for each delivery of an event, as often as the host likes, at the same time too.

    Raises:
        JobError: no outcome was reached and another try may help: the host tries again, and at last puts the event
            into the poison queue.
    """
    reason = decline_reason(container, name)
    if reason is not None:
        _log.info("Declined %s: %s.", printable(f"{container}/{name}"), reason)
        return
    source = services.account.source(container, name)
    with _errors_about(source), services.running.job() as job, services.analyser.expecting() as arrival:
        try:
            version = source.look()
            if version is None or version.is_directory:
                _log.info("Declined %s: %s.", source, "it marks a directory" if version else "it is gone")
                return
            plan = Plan.of(services, source, version)
        except VersionGone as gone:
            _log.info("Declined %s: %s.", source, gone)
            return
        if version.size > _LARGE_IMAGE:
            arrival.over()
        services.prepare()
        services.index.add(container, plan.container_modified)
        first = plan.record(source, attempts=0)
        with services.records.claim(source, first, job, on_wait=arrival.over) as claim:
            if claim is None:
                _log.info("%s is being analysed by another invocation, whose own event covers it.", source)
                return
            _Job(services, source, claim, job, arrival).run(plan if claim.fresh else None)


@contextmanager
def _errors_about(source: Source) -> Iterator[None]:
    """Make every error one that the host shows well: a sentence with the medium, what happened and what to do."""
    try:
        yield
    except JobError as error:
        error.about(source)
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise DiskFull("The disk of the working folder is full.").about(source) from error
        raise InternalFault(f"A fault of this program: {type(error).__name__}: {error}.").about(source) from error


class _Job:
    """One claimed medium, in the claim's time."""

    def __init__(self, services: Services, source: Source, claim: Claim, job: Cancellation, arrival: Arrival) -> None:
        self._services = services
        self._source = source
        self._claim = claim
        self._job = job
        self._arrival = arrival
        self._record = claim.record or Record(container=source.container, blob=source.name, state=State.RUNNING)
        self._begun = False
        """Whether the record's attempts have this one in them."""

    def run(self, plan: Plan | None) -> None:
        """Bring the medium to its outcome.

        Arguments:
            plan: what was planned before the claim, where nobody else can have done anything about it.
        """
        try:
            with _errors_about(self._source):
                self._run_on_newest_version(plan)
        except JobError as error:
            self._note_failure(error)
            raise

    def _run_on_newest_version(self, plan: Plan | None) -> None:
        for _ in range(_MOST_STARTS):
            fresh = plan is not None
            try:
                plan = plan or self._plan()
                if plan is None:
                    self._end(self._record.withdrawn())
                    return
                with self._job.part() as work, self._claim.watching(plan.version, work):
                    self._analyse(plan, work, fresh=fresh)
                if self._is_over(plan.version):
                    return
            except (VersionGone, PublishConflict) as change:
                _log.info("%s starts anew: %s", self._source, change)
            plan = None
        raise SourceChanged(f"It changed {_MOST_STARTS} times while it was analysed.")

    def _plan(self) -> Plan | None:
        version = self._source.look()
        return Plan.of(self._services, self._source, version) if version else None

    def _is_over(self, version: Version) -> bool:
        """Whether the version that was dealt with is the newest still, with nobody else to see to a newer one.

        A delivery that waits for this claim gives up after one lease period, and trusts in this job. So the claim isn't
        renewed any more before this last look: whoever begins to wait after it sees the claim's end.
        """
        self._claim.pause()
        now = self._source.look()
        if now is None or now.etag == version.etag:
            return True
        self._claim.resume()
        return False

    def _analyse(self, plan: Plan, work: Cancellation, *, fresh: bool) -> None:
        published = None
        if fresh:
            self._note(self._record.model_copy(update={"attempts": 1}))
            self._begun = True
        else:
            published = self._services.results.published(self._source)
            if self._already_done(plan, published):
                _log.info("%s is already done: %s.", self._source, self._record.outcome)
                return
            self._begin(plan)
        with self._services.analyser.workspace.folder() as folder:
            if plan.rejected is not None:
                analysis = Analysis(verdict=plan.rejected.verdict)
            else:
                analysis = self._download_and_analyse(plan, folder, work)
            self._check_unchanged(plan.version)
            self._publish(analysis, published)
        self._end(self._record.ended())

    def _already_done(self, plan: Plan, published: Published | None) -> bool:
        record = self._record
        wanted = (plan.version.etag, plan.fingerprint)
        known = (record.source.get("etag"), record.settings) == wanted
        ended = known and record.state is State.ENDED
        if published is None or (published.source_etag, published.settings) != wanted:
            return ended and record.outcome is not Outcome.ANALYSED
        if not ended:
            # A job died between the commit and the record's end: only that is left to do.
            record = record if known else plan.record(self._source, attempts=1)
            verdict = Verdict.analysed(Measured(**record.measured))
            self._end(record.judged(verdict).reached(Step.PUBLISHED, csv=self._csv_place()).ended())
        return True

    def _begin(self, plan: Plan) -> None:
        before = self._record
        again = (before.source.get("etag"), before.settings) == (plan.version.etag, plan.fingerprint)
        attempts = before.attempts + (not self._begun) if again and before.state is not State.ENDED else 1
        self._update(plan.record(self._source, attempts))
        self._begun = True

    def _csv_place(self) -> str:
        results = self._services.results
        return f"{results.container}/{results.name_for(self._source)}"

    def _download_and_analyse(self, plan: Plan, folder: Path, work: Cancellation) -> Analysis:
        analyser = self._services.analyser
        version = plan.version
        try:
            analyser.check_size(version.size)
        except Rejected as rejected:
            return Analysis(verdict=rejected.verdict)
        upload = folder / "upload"
        with analyser.workspace.room_for(version.size):
            self._source.download(version, upload, work.check)
        self._note(self._record.reached(Step.DOWNLOADED))
        return analyser.analyse(
            upload,
            plan.request,
            folder,
            work,
            arrival=self._arrival,
            on_inspected=self._note_medium,
            on_progress=self._note_progress,
        )

    def _note_medium(self, medium: Medium) -> None:
        self._note(self._record.reached(Step.INSPECTED, medium=describe(medium)))

    def _note_progress(self, share: float) -> None:
        percent = int(share * 100)
        self._note(self._record.model_copy(update={"progress": percent}))
        _log.info("%s: %d percent measured.", self._source, percent)

    def _note(self, record: Record) -> None:
        self._record = record
        self._claim.note(record)

    def _check_unchanged(self, version: Version) -> None:
        # Metadata that change alter the ETag and raise no event: nobody else would come back for the new version.
        now = self._source.look()
        if now is None or now.etag != version.etag:
            raise VersionGone("it changed while it was analysed")

    def _publish(self, analysis: Analysis, published: Published | None) -> None:
        results = self._services.results
        # Written before the commit, so that whoever finds the commit without the record's end can finish it.
        self._update(
            self._record.judged(analysis.verdict).reached(
                Step.MEASURED,
                **analysis.for_record(self._services.analyser.engine),
                csv=self._csv_place() if analysis.csv else None,
            )
        )
        if analysis.csv is not None:
            results.publish(self._source, analysis.csv, self._provenance(analysis), over=published)
            self._record = self._record.reached(Step.PUBLISHED)
        elif outdated := published or results.published(self._source):
            results.withdraw(self._source, outdated)

    def _provenance(self, analysis: Analysis) -> dict[str, str]:
        return {
            "source_container": self._source.container,
            "source_blob": self._source.name,
            "source_etag": self._record.source["etag"],
            "settings": self._record.settings,
            "outcome": analysis.verdict.outcome.value,
            "engine": str(self._services.analyser.engine),
        }

    def _end(self, record: Record) -> None:
        self._update(record)
        job_log.write(self._record)

    def _note_failure(self, error: JobError) -> None:
        attempts = self._record.attempts + (not self._begun)
        record = self._record.model_copy(update={"attempts": attempts}).failed(error)
        job_log.write(record)
        try:
            self._update(record)
        except JobError as second:
            # The first error is the one that matters; it is on its way to the host.
            _log.warning("The record of %s could not be written either: %s", self._source, second)

    def _update(self, record: Record) -> None:
        self._record = self._claim.write(record)
