from __future__ import annotations

from collections.abc import Mapping

import pytest

from openface_runner.media.request import AuModel, Request, read_request
from openface_runner.outcomes import Outcome, Rejected
from openface_runner.settings import Capture

POSED, WILD = Capture.POSED, Capture.WILD


@pytest.mark.parametrize(
    ("blob", "container", "expected"),
    [
        ({}, {}, POSED),
        ({"capture": "wild"}, {}, WILD),
        ({"Capture": " WILD "}, {}, WILD),
        ({}, {"capture": "wild"}, WILD),
        ({"capture": "posed"}, {"capture": "wild"}, POSED),
        ({"media_type": "iw"}, {}, WILD),
        ({"media_type": "vp"}, {"media_type": "vw"}, POSED),
        ({"capture": "posed", "media_type": "vw"}, {}, POSED),
        ({"media_type": "vp"}, {"capture": "wild"}, POSED),
        ({"title": "foo"}, {}, POSED),
    ],
)
def test_the_blobs_metadata_win_over_the_containers_and_these_over_the_default(
    blob: Mapping[str, str], container: Mapping[str, str], expected: Capture
) -> None:
    assert read_request(blob, container, default_capture=POSED) == Request(capture=expected)


def test_the_static_au_model_is_asked_for_by_metadata() -> None:
    assert read_request({"au_model": "static"}, {}, default_capture=WILD).au_model is AuModel.STATIC


@pytest.mark.parametrize(
    "metadata", [{"capture": "foo"}, {"media_type": "image"}, {"au_model": "neural"}, {"capture": ""}]
)
@pytest.mark.parametrize("on_container", [False, True])
def test_a_value_that_does_not_exist_is_an_outcome_and_not_a_guess(
    metadata: Mapping[str, str], on_container: bool
) -> None:
    blob, container = ({}, metadata) if on_container else (metadata, {})
    with pytest.raises(Rejected) as rejected:
        read_request(blob, container, default_capture=POSED)
    ((key, value),) = metadata.items()
    assert rejected.value.verdict.outcome is Outcome.INVALID_REQUEST
    assert f"{key}={value!r}" in rejected.value.verdict.message
