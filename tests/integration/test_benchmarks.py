"""The benchmarks run, with small numbers and a fake OpenFace, so that they don't rot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import dropped, many_blobs, memory, overhead, start
from benchmarks.measuring import Result, Samples, paired_difference, paired_ratio

SMALL: dict[str, Callable[[], Result]] = {
    "overhead": lambda: overhead.run(1, fake=True),
    "images": lambda: dropped.images(1, fake=True, numbers=(2,)),
    "videos": lambda: dropped.videos(1, fake=True, numbers=(2,)),
    "memory": lambda: memory.run(sizes=(1, 2)),
    "many_blobs": lambda: many_blobs.run(1, numbers=(1, 3)),
    "start": lambda: start.run(1),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_gives_a_table(name: str) -> None:
    result = SMALL[name]()
    assert result.rows
    assert {len(row) for row in result.rows} == {len(result.columns)}


def test_a_job_makes_as_many_requests_in_a_full_account_as_in_an_empty_one() -> None:
    result = many_blobs.run(1, numbers=(1, 30))
    assert len({row[1] for row in result.rows}) == 1


def test_pairs_are_compared_and_not_medians() -> None:
    slow_machine_in_the_middle = Samples([1.0, 10.0, 1.0]), Samples([2.0, 20.0, 2.0])
    assert paired_ratio(*slow_machine_in_the_middle) == 0.5
    assert paired_difference(*slow_machine_in_the_middle) == -1.0
