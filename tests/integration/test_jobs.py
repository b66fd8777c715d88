"""A medium's way on real storage, with programs in OpenFace's place that do just what a test needs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError

from openface_runner.outcomes import BrokenInstallation, Outcome
from openface_runner.records import State
from tests.support.bench import FACE, Bench, meanwhile
from tests.support.fake_openface import GOOD_IMAGE, only_on_samples, replay
from tests.support.samples import RECORDINGS

NO_FACE = replay("image-no-face", "no_face")


def test_a_medium_that_was_overwritten_meanwhile_is_analysed_in_its_newer_version(bench: Bench) -> None:
    with meanwhile(bench, lambda: bench.medium.upload_blob(FACE, overwrite=True)):
        bench.run()
    assert bench.result_source() == bench.etag()
    assert bench.record().source["etag"] == bench.etag()


def test_new_metadata_meanwhile_start_the_job_anew_since_no_event_would(bench: Bench) -> None:
    with meanwhile(bench, lambda: bench.medium.set_blob_metadata({"capture": "wild"})):
        bench.run()
    assert bench.record().request["capture"] == "wild"
    assert bench.result_source() == bench.etag()


def test_a_medium_that_was_deleted_meanwhile_leaves_no_result(bench: Bench) -> None:
    with meanwhile(bench, bench.medium.delete_blob):
        bench.run()
    assert bench.record().state is State.WITHDRAWN
    with pytest.raises(ResourceNotFoundError):
        bench.result.get_blob_properties()


def test_a_result_that_somebody_else_wrote_meanwhile_is_not_written_over_blindly(bench: Bench) -> None:
    with meanwhile(bench, lambda: bench.result.upload_blob(b"theirs", metadata={"source_etag": "x"})):
        bench.run()
    assert bench.result_source() == bench.etag()
    assert bench.result.download_blob().readall().startswith(b"face,confidence,")


def test_the_csv_of_an_older_version_is_removed_when_the_newer_one_has_none(bench: Bench) -> None:
    bench.run()
    bench.medium.upload_blob(FACE, overwrite=True)
    bench.program(only_on_samples(GOOD_IMAGE, otherwise=NO_FACE))
    bench.run()
    assert bench.record().outcome is Outcome.NO_FACE
    with pytest.raises(ResourceNotFoundError):
        bench.result.get_blob_properties()


def test_a_result_that_is_there_already_is_left_alone(bench: Bench) -> None:
    bench.run()
    published, record = bench.result.get_blob_properties(), bench.record()
    bench.program("kill -KILL $$")
    bench.run()
    assert bench.result.get_blob_properties().etag == published.etag
    assert bench.record() == record


def test_an_outcome_without_a_csv_is_not_repeated_either(bench: Bench) -> None:
    bench.program(NO_FACE)
    bench.run()
    bench.program("kill -KILL $$")
    bench.run()
    assert (bench.record().outcome, bench.record().attempts) == (Outcome.NO_FACE, 1)


def test_a_record_that_never_came_to_its_end_after_the_commit_is_finished(bench: Bench) -> None:
    bench.run()
    ended = bench.record()
    unfinished = ended.model_copy(update={"state": State.RUNNING})
    bench.record_blob.upload_blob(unfinished.to_json(), overwrite=True)
    bench.program("kill -KILL $$")
    bench.run()
    record = bench.record()
    assert (record.state, record.outcome, record.message) == (State.ENDED, Outcome.ANALYSED, ended.message)


def test_a_result_whose_record_is_gone_is_not_written_again(bench: Bench) -> None:
    bench.run()
    published = bench.result.get_blob_properties()
    bench.record_blob.delete_blob()
    bench.run()
    assert bench.result.get_blob_properties().etag == published.etag
    assert (bench.record().state, bench.record().outcome) == (State.ENDED, Outcome.ANALYSED)


def test_an_older_result_whose_record_is_gone_is_removed_when_the_newer_version_has_none(bench: Bench) -> None:
    bench.run()
    bench.record_blob.delete_blob()
    bench.medium.upload_blob(FACE, overwrite=True)
    bench.program(only_on_samples(GOOD_IMAGE, otherwise=NO_FACE))
    bench.run()
    assert (bench.record().outcome, bench.csv()) == (Outcome.NO_FACE, None)


def test_another_setting_makes_another_result(bench: Bench) -> None:
    bench.run()
    first = bench.result.get_blob_properties().etag
    bench.services = bench.start(COLUMN_GROUPS="pose,action_units")
    bench.run()
    assert bench.result.get_blob_properties().etag != first


def test_deliveries_at_the_same_moment_make_one_run(bench: Bench) -> None:
    runs = bench.bin_dir / "runs"
    bench.program(f'echo run >> "{runs}"\n{GOOD_IMAGE}')
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(bench.run) for _ in range(4)]:
            future.result()
    assert runs.read_text().split() == ["run"]
    assert bench.record().attempts == 1


def test_pictures_that_are_dropped_at_once_share_few_runs_and_each_has_its_own_record_and_result(
    bench: Bench, tmp_path: Path
) -> None:
    processes, work = tmp_path / "processes", bench.folder / "work"
    # The first run goes on until all others are ready for OpenFace.
    wait = f'until [ "$(ls -d {work}/openface-job-*/medium.jpg | wc -l)" -ge 9 ]; do sleep 0.05; done'
    wait_once = f'if mkdir "{tmp_path}/first" 2>/dev/null; then {wait}; fi'
    bench.program(f'echo $$ >> "{processes}"\n{wait_once}\n{GOOD_IMAGE}')
    bench.services = bench.start(OPENFACE_PROCESSES="1", PROVE_AT_START="false")
    names = [f"{number}.jpg" for number in range(8)]
    for name in names:
        bench.upload(name)
    with ThreadPoolExecutor(9) as pool:
        for future in [pool.submit(bench.run, name) for name in ("face.jpg", *names)]:
            future.result()
    measured = processes.read_text().split()
    assert len(measured) == 9
    # The last may have been on its way still when the second run began.
    assert len(set(measured)) <= 3
    expected = (RECORDINGS / "image-face/outputs/out/face.csv").read_bytes()
    assert bench.published() == sorted(["face.jpg", *names])
    for name in names:
        record = bench.record(name)
        assert (record.outcome, record.attempts, record.blob) == (Outcome.ANALYSED, 1, name)
        assert bench.csv(name) == expected
    assert max(bench.record(name).engine["batch_size"] for name in names) > 1


def test_the_csv_of_an_older_openface_is_published_as_it_is(bench: Bench) -> None:
    older = bench.bin_dir / "older.csv"
    bench.program(f"""{GOOD_IMAGE}sed -i 's/,/, /g' "$out/$stem.csv"; cp "$out/$stem.csv" "{older}" """)
    bench.run()
    assert bench.record().outcome is Outcome.ANALYSED
    assert b", AU12_r, " in older.read_bytes()
    assert bench.result.download_blob().readall() == older.read_bytes()


def test_a_failure_is_raised_noted_and_mended_by_the_next_try(bench: Bench) -> None:
    bench.program("kill -SEGV $$")
    with pytest.raises(BrokenInstallation):
        bench.run()
    failed = bench.record()
    assert (failed.state, failed.outcome) == (State.RETRYING, None)
    bench.program(GOOD_IMAGE)
    bench.run()
    record = bench.record()
    assert (record.state, record.outcome, record.attempts, record.error) == (State.ENDED, Outcome.ANALYSED, 2, None)


def test_a_medium_over_the_limit_is_not_even_downloaded(bench: Bench) -> None:
    bench.services = bench.start(MAX_BYTES="1000")
    bench.run()
    record = bench.record()
    assert record.outcome is Outcome.TOO_LARGE
    assert "downloaded" not in record.steps


def test_a_blob_that_is_gone_or_a_directory_is_no_job(bench: Bench) -> None:
    bench.run("nothing.jpg")
    assert bench.services.records.read(bench.container, "nothing.jpg") is None
    bench.medium.set_blob_metadata({"hdi_isfolder": "true"})
    bench.run()
    assert bench.services.records.read(bench.container, "face.jpg") is None


def test_a_name_too_long_for_a_suffix_still_has_its_record_and_result(bench: Bench) -> None:
    name = "x" * 980 + ".jpg"
    bench.blob(bench.container, name).upload_blob(FACE)
    bench.run(name)
    record = bench.record(name)
    assert record.outcome is Outcome.ANALYSED
    assert record.csv is not None and record.csv.endswith(".csv")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00 not JSON", b'{"blob": 5}', b'{"schema_version": 9, "blob": "face.jpg", "state": "dreaming"}'],
)
def test_a_record_that_cannot_be_understood_is_written_anew(bench: Bench, content: bytes) -> None:
    bench.services.prepare()
    bench.record_blob.upload_blob(content)
    assert bench.services.records.read(bench.container, "face.jpg") is None
    bench.run()
    assert (bench.record().state, bench.record().outcome) == (State.ENDED, Outcome.ANALYSED)
