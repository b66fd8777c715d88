"""The jobs page in a real browser, served by the devstack's host from the unchanged function app."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from azure.storage.blob import ContainerClient

from devstack.azurite import Storage
from devstack.running import Devstack
from devstack.stack import REPOSITORY
from openface_runner.pages import addresses
from tests.support.bench import CLIP, FACE
from tests.support.browsing import SHOTS, barriers, fits, quiet_page
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

HOSTILE = "<img src=x onerror=alert(1)>.jpg"
ODD = "a folder/100% #1?.jpg"
SIZES = {"phone, light": (390, "light"), "desk, dark": (1280, "dark")}


class Served:
    """A running app with one container of media, all of them ended."""

    def __init__(self, stack: Devstack, media: ContainerClient, bin_dir: Path) -> None:
        # By the name that the page answers to.
        self.origin = stack.host.url.replace("127.0.0.1", "localhost")
        self.container = media.container_name
        self._stack = stack
        self._media = media
        self._gate = bin_dir / "gate"

    def at(self, name: str = "") -> str:
        """The address of a medium, or of the container."""
        path = addresses.of_medium(self.container, name) if name else addresses.of_container(self.container)
        return f"{self.origin}{path}"

    def upload(self, name: str, content: bytes = FACE) -> None:
        self._media.upload_blob(name, content, overwrite=True)

    def wait_for(self, name: str) -> None:
        self._stack.wait_until_settled(self.container, name)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Within the context OpenFace begins, and doesn't get on before its end."""
        os.mkfifo(self._gate)
        try:
            yield
        finally:
            with self._gate.open("w"):
                self._gate.unlink()


@pytest.fixture(scope="module")
def served(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("openface")
    wait = f'if [ -p "{folder}/gate" ]; then cat "{folder}/gate"; fi\n'
    settings = {
        **dict.fromkeys(("MediaStorage", "AzureWebJobsStorage"), "UseDevelopmentStorage=true"),
        "OPENFACE_BIN_DIR": str(install(folder, image=wait + GOOD_IMAGE, video=wait + GOOD_VIDEO)),
        "JOBS_PAGE": "local",
        "JOBS_CONTAINER": f"jobs-{uuid.uuid4().hex[:8]}",
        "OUTPUT_CONTAINER": f"out-{uuid.uuid4().hex[:8]}",
    }
    container = str(uuid.uuid4())
    with (
        Devstack.running(REPOSITORY, settings=settings, storage=storage) as stack,
        ContainerClient.from_connection_string(storage.connection_string, container) as media,
    ):
        media.create_container()
        app = Served(stack, media, folder)
        contents = {"face.jpg": FACE, "clip.mp4": CLIP, "cut.jpg": FACE[:20_000], HOSTILE: FACE, ODD: FACE}
        for name, content in contents.items():
            app.upload(name, content)
        for name in contents:
            app.wait_for(name)
        yield app


@pytest.fixture(params=[*SIZES.values()], ids=[*SIZES])
def page(browser: Browser, served: Served, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    with quiet_page(browser, width=width, scheme=scheme, origin=served.origin) as page:
        yield page


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def wait_for_charts(page: Page) -> None:
    """Charts are drawn once they can be seen."""
    page.locator("[data-chart=confidence]").scroll_into_view_if_needed()
    page.locator("[data-chart=confidence] canvas").wait_for()


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page, for who wants to see what the tests saw."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(
        path=SHOTS / f"{name}-{page.viewport_size['width'] if page.viewport_size else 0}.png", full_page=True
    )


def test_from_the_front_page_to_a_result_and_back(page: Page, served: Served) -> None:
    page.goto(f"{served.origin}/api/jobs")
    keep(page, "jobs")
    assert row(page, served.container).is_visible()
    assert fits(page)
    page.get_by_role("link", name=served.container).click()
    page.wait_for_url(served.at())
    keep(page, "container")
    assert "analysed" in row(page, "face.jpg").inner_text()
    assert "unreadable" in row(page, "cut.jpg").inner_text()
    assert fits(page)
    page.get_by_role("link", name="clip.mp4").click()
    wait_for_charts(page)
    keep(page, "clip")
    assert page.get_by_text("Measured 75 frames, 75 with a face.").is_visible()
    assert fits(page)
    page.get_by_role("navigation", name="You are here").get_by_role("link", name="Jobs").click()
    page.wait_for_url(f"{served.origin}/api/jobs")


def test_a_failed_job_says_what_happened_what_to_do_and_where_it_stopped(page: Page, served: Served) -> None:
    page.goto(served.at("cut.jpg"))
    keep(page, "failed")
    assert page.get_by_text("The picture is damaged or was cut off").is_visible()
    assert page.get_by_text("Export it again from where it was made").is_visible()
    assert page.get_by_role("listitem").filter(has_text="Looked at").filter(has_text="stopped").is_visible()
    assert fits(page)


def test_a_page_follows_a_job_by_itself(page: Page, served: Served) -> None:
    name = f"{uuid.uuid4()}.jpg"
    page.goto(served.at())
    with served.held_up():
        served.upload(name)
        page.goto(served.at())
        row(page, name).get_by_text("running").wait_for()
        page.evaluate("window.loadedOnce = true")
        row(page, name).get_by_role("link").focus()
    served.wait_for(name)
    row(page, name).get_by_text("analysed").wait_for()
    assert page.evaluate("window.loadedOnce"), "without loading it anew"
    assert page.evaluate("document.activeElement.textContent") == name, "what has the keyboard keeps it"


def test_a_mediums_page_brings_its_plots_once_it_has_a_result(page: Page, served: Served) -> None:
    name = f"{uuid.uuid4()}.mp4"
    with served.held_up():
        served.upload(name, CLIP)
        page.goto(served.at())
        row(page, name).get_by_text("running").wait_for()
        page.goto(served.at(name))
        page.get_by_text("It is being analysed.").wait_for()
        page.get_by_role("listitem").filter(has_text="OpenFace").filter(has_text="now").wait_for()
    wait_for_charts(page)
    assert page.get_by_role("status").inner_text() == "Measured 75 frames, 75 with a face."


def test_a_csv_is_downloaded_under_its_mediums_name(page: Page, served: Served) -> None:
    page.goto(served.at("clip.mp4"))
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert download.value.suggested_filename == "clip.mp4.csv"
    assert Path(download.value.path()).read_text().startswith("frame,")


@pytest.mark.parametrize("name", [HOSTILE, ODD])
def test_a_name_of_any_characters_is_shown_as_it_is_and_leads_to_its_medium(
    page: Page, served: Served, name: str
) -> None:
    page.goto(served.at())
    page.get_by_role("link", name=name, exact=True).click()
    assert page.get_by_role("heading", name=name, exact=True).is_visible()
    page.locator(".plot-face").first.wait_for()
    assert fits(page)


def test_no_page_has_barriers(page: Page, served: Served) -> None:
    for address in (f"{served.origin}/api/jobs", served.at(), served.at("cut.jpg")):
        page.goto(address)
        assert barriers(page) == [], address
    page.goto(served.at("clip.mp4"))
    wait_for_charts(page)
    assert barriers(page) == []
    page.goto(served.at("face.jpg"))
    page.locator(".plot-face").first.wait_for()
    assert barriers(page) == []


def test_without_scripts_everything_can_still_be_read(browser: Browser, served: Served) -> None:
    with quiet_page(browser, width=1280, scheme="light", origin=served.origin, java_script_enabled=False) as page:
        page.goto(served.at("face.jpg"))
        page.get_by_role("link", name="Show the plots").click()
        page.locator(".plot-face").first.wait_for()


def test_the_keyboard_alone_leads_to_a_medium(page: Page, served: Served) -> None:
    page.goto(f"{served.origin}/api/jobs")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the jobs"
    page.keyboard.press("Enter")
    page.get_by_role("link", name=served.container).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(served.at())
