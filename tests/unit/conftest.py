"""Fixtures of the tests about images."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.support.image_files import ImageFile
from tests.support.seen_images import Folder, small_image_files, small_picture


@pytest.fixture
def picture() -> Image.Image:
    return small_picture()


@pytest.fixture
def folder(tmp_path: Path, picture: Image.Image) -> Folder:
    return Folder(tmp_path, picture)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[ImageFile]:
    return small_image_files(tmp_path_factory.mktemp("images"))
