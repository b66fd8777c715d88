"""The page about reliability keeps up with the tests."""

from __future__ import annotations

import pytest

from tests.support.reliability_page import rows_on_the_page


def test_every_fault_that_a_test_injects_has_its_row_on_the_page(request: pytest.FixtureRequest) -> None:
    """Of the tests that are collected now: all of them, in a whole run."""
    injected = {str(mark.args[0]) for item in request.session.items for mark in item.iter_markers("fault")}
    assert injected - rows_on_the_page() == set(), "run `make soak` to write the page anew"
