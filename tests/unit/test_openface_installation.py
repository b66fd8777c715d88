from __future__ import annotations

import json
from pathlib import Path

import pytest

from openface_runner.openface import installation
from openface_runner.openface.installation import Program, find
from openface_runner.outcomes import BrokenInstallation
from tests.support.fake_openface import MODEL_FILES, install


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation, "KNOWN_PLACES", (tmp_path / "known" / "bin",))
    monkeypatch.setattr(installation, "SHARED_MODELS", tmp_path / "shared")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))


def missing(bin_dir: Path | None = None, model: Path | None = None, *, allow_standin: bool = False) -> str:
    with pytest.raises(BrokenInstallation) as error:
        find(bin_dir, model, allow_standin=allow_standin)
    return str(error.value)


def test_a_whole_installation_is_openface_and_versioned_by_its_bytes(tmp_path: Path) -> None:
    found = find(install(tmp_path / "bin"), None, allow_standin=False)
    assert found.engine.is_openface
    assert found.programs[Program.VIDEO] == tmp_path / "bin" / "FeatureExtraction"
    other = find(install(tmp_path / "other", image="exit 1"), None, allow_standin=False)
    assert other.engine.version != found.engine.version


def test_a_copy_that_carries_its_own_system_has_its_own_loader(tmp_path: Path) -> None:
    place = install(tmp_path / "bin")
    assert find(place, None, allow_standin=False).loader == ()
    libraries = tmp_path / "lib"
    libraries.mkdir()
    (libraries / "ld.so").touch()
    found = find(place, None, allow_standin=False)
    assert found.loader == (str(libraries / "ld.so"), "--library-path", str(libraries))


def test_path_comes_before_the_known_places(tmp_path: Path) -> None:
    install(tmp_path / "known" / "bin")
    assert find(None, None, allow_standin=False).programs[Program.IMAGE].parent == tmp_path / "known" / "bin"
    install(tmp_path / "path")
    assert find(None, None, allow_standin=False).programs[Program.IMAGE].parent == tmp_path / "path"


def test_links_are_followed_to_the_folder_that_has_the_models(tmp_path: Path) -> None:
    real = install(tmp_path / "real")
    (tmp_path / "path").mkdir()
    for program in Program:
        (tmp_path / "path" / program).symlink_to(real / program)
    assert find(None, None, allow_standin=False).programs[Program.IMAGE] == real / "FaceLandmarkImg"


def test_nothing_at_all_says_where_it_looked_and_what_to_set(tmp_path: Path) -> None:
    message = missing()
    assert str(tmp_path / "known" / "bin") in message
    assert "OPENFACE_BIN_DIR" in message


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    assert "isn't a folder" in missing(tmp_path / "nowhere")


@pytest.mark.parametrize("program", Program)
def test_a_missing_or_unexecutable_program_is_named(tmp_path: Path, program: Program) -> None:
    bin_dir = install(tmp_path / "bin")
    (bin_dir / program).chmod(0o644)
    assert f"the program {program} isn't executable" in missing(bin_dir)
    (bin_dir / program).unlink()
    assert f"the program {program} is missing" in missing(bin_dir)


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_missing_model_file_is_named(tmp_path: Path, name: str) -> None:
    bin_dir = install(tmp_path / "bin")
    (bin_dir / name).unlink()
    assert name in missing(bin_dir)


def test_models_may_be_in_the_shared_folder(tmp_path: Path) -> None:
    bin_dir = install(tmp_path / "bin")
    for name in MODEL_FILES:
        target = tmp_path / "shared" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (bin_dir / name).rename(target)
    assert find(bin_dir, None, allow_standin=False).engine.is_openface


def test_a_model_asked_for_by_name_needs_no_patch_experts_of_the_default(tmp_path: Path) -> None:
    bin_dir = install(tmp_path / "bin")
    (bin_dir / "model/patch_experts/cen_patches_0.25_of.dat").unlink()
    model = bin_dir / "model/main_clnf_general.txt"
    assert "named by OPENFACE_MODEL" in missing(bin_dir, model)
    model.touch()
    assert find(bin_dir, model, allow_standin=False).model == model


def test_a_program_that_says_it_is_not_openface_is_taken_only_when_allowed(tmp_path: Path) -> None:
    bin_dir = install(tmp_path / "bin")
    for name in MODEL_FILES:
        (bin_dir / name).unlink()
    declared = {"name": "Stand-in", "version": "1", "is_openface": False, "leaves_out": ["p_*"]}
    (bin_dir / "engine.json").write_text(json.dumps(declared))
    assert "ALLOW_STANDIN" in missing(bin_dir)
    engine = find(bin_dir, None, allow_standin=True).engine
    assert (str(engine), engine.is_openface) == ("Stand-in 1", False)
    assert not engine.fills("p_scale")
    assert engine.fills("pose_Tx")


def test_an_unreadable_declaration_is_no_licence(tmp_path: Path) -> None:
    bin_dir = install(tmp_path / "bin")
    (bin_dir / "engine.json").write_text("{}")
    assert "engine.json" in missing(bin_dir, allow_standin=True)
