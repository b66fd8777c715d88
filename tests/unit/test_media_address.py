from __future__ import annotations

import pytest

from openface_runner.media.address import decline_reason, is_media_container, printable

OURS = "3f0c5a9e-1d5f-4a53-9a41-0e4f8f2f9c11"


@pytest.mark.parametrize(
    "container",
    [
        "openface-output",
        "openface-jobs",
        "azure-webjobs-hosts",
        "$web",
        OURS.upper(),
        OURS.replace("-", ""),
        f"{OURS}0",
    ],
)
def test_only_a_hyphenated_lower_case_uuid_names_a_media_container(container: str) -> None:
    assert is_media_container(OURS)
    assert not is_media_container(container)
    assert decline_reason(container, "face.jpg") == "its container isn't named by a UUID"


@pytest.mark.parametrize(
    "name",
    [
        "face.jpg",
        "a/b/face.jpg",
        "with space.jpg",
        "-rf.jpg",
        "; rm -rf x.jpg",
        "Gesicht-ü-顔.png",
        "..jpg",
        "a..b",
        "no",
    ],
)
def test_a_name_that_the_service_takes_is_ours(name: str) -> None:
    assert decline_reason(OURS, name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder/", "marks a directory"),
        ("", "1 to 1024 characters"),
        ("x" * 1025, "1 to 1024 characters"),
        ("../secret.jpg", "'..' segment"),
        ("a/../../b.jpg", "'..' segment"),
        ("a\\..\\b.jpg", "'..' segment"),
        ("./a.jpg", "'..' segment"),
        ("a\nb.jpg", "control characters"),
    ],
)
def test_a_name_that_nobody_could_have_uploaded_is_declined_with_the_reason(name: str, reason: str) -> None:
    assert reason in str(decline_reason(OURS, name))


def test_a_name_from_outside_makes_one_log_line() -> None:
    assert printable("a/ü 🙂.jpg\nerror: forged\u202e\ud800") == "a/ü 🙂.jpg\\nerror: forged\\u202e\\ud800"
