"""The stand-in reads a command line as OpenFace does."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.standin.arguments import parse
from devstack.standin.columns import Group


def test_every_f_is_an_input_in_its_order() -> None:
    assert parse(["-f", "b.jpg", "-pose", "-f", "a.jpg"]).files == ("b.jpg", "a.jpg")


def test_a_name_with_a_leading_hyphen_is_an_input_too() -> None:
    assert parse(["-f", "-wild", "-out_dir", "out"]).files == ("-wild",)
    assert not parse(["-f", "-wild"]).wild


def test_unknown_words_are_skipped() -> None:
    request = parse(["-q", "whatever", "-f", "a.jpg", "-no_such_flag", "-wild"])
    assert request.files == ("a.jpg",)
    assert request.wild


@pytest.mark.parametrize("flag", ["-f", "-fdir", "-out_dir", "-of", "-fx", "-mloc"])
def test_a_flag_without_its_value_at_the_end_is_skipped(flag: str) -> None:
    assert parse(["-f", "a.jpg", flag]) == parse(["-f", "a.jpg"])


def test_numbers_that_are_none_are_skipped() -> None:
    request = parse(["-fx", "wide", "-fy", "500", "-cx", "320"])
    assert request.focal_length is None
    assert request.centre is None


def test_a_given_camera_is_taken() -> None:
    request = parse(["-fx", "500", "-fy", "501", "-cx", "320", "-cy", "240"])
    assert (request.focal_length, request.centre) == ((500, 501), (320, 240))


def test_no_group_asks_for_all_of_them() -> None:
    assert parse(["-f", "a.jpg"]).groups == set(Group)


def test_only_the_groups_that_are_asked_for_are_written() -> None:
    assert parse(["-pose", "-aus"]).groups == {Group.POSE, Group.ACTION_UNITS}
    assert parse(["-tracked"]).groups == set()


def test_outputs_are_named_by_the_input_less_its_last_suffix() -> None:
    request = parse(["-f", "/media/my.holiday.PNG", "-f", "b"])
    assert [request.output_stem(0), request.output_stem(1)] == ["my.holiday", "b"]
    assert request.out_dir == Path("processed")


def test_of_names_the_first_output_only() -> None:
    request = parse(["-f", "a.jpg", "-f", "b.jpg", "-of", "other.csv"])
    assert [request.output_stem(0), request.output_stem(1)] == ["other", "b"]


def test_a_folder_gives_its_images_with_lower_case_suffixes(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "C.JPG", "notes.txt"):
        (tmp_path / name).touch()
    assert parse(["-fdir", str(tmp_path)]).files == (str(tmp_path / "a.jpg"), str(tmp_path / "b.png"))
    assert parse(["-fdir", str(tmp_path / "nowhere")]).files == ()
