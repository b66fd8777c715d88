"""``python -m tests.support.screenshots``: the pictures in docs/screenshots, of the demo's samples on the jobs page.

Uses the OpenFace that ``make demo`` would use, and Debian's Chromium or Chrome.
"""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from pathlib import Path

from azure.storage.blob import ContainerClient
from playwright.sync_api import Locator, Page, sync_playwright

from devstack.commands import choose_openface, page_of
from devstack.demo import SAMPLES
from devstack.running import Devstack
from devstack.stack import REPOSITORY, STATE_DIR
from tests.support.doc_tables import DOCS
from tests.support.samples import sample

FOLDER = DOCS / "screenshots"
_WIDTH = 1100
_CLIP = "face.mp4"
_SECONDS = 120.0


def main() -> None:
    """Run the app with the samples, and take the pictures."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("There is no Chromium here; on Debian: apt install chromium.")
    FOLDER.mkdir(exist_ok=True)
    settings = {
        **choose_openface(STATE_DIR).environment,
        **dict.fromkeys(("MediaStorage", "AzureWebJobsStorage"), "UseDevelopmentStorage=true"),
        "JOBS_PAGE": "local",
    }
    with (
        Devstack.running(REPOSITORY, settings=settings) as stack,
        sync_playwright() as playwright,
        # Root can't have Chromium's own sandbox.
        playwright.chromium.launch(executable_path=browser_path, chromium_sandbox=os.geteuid() != 0) as browser,
    ):
        container = str(uuid.uuid4())
        address = f"{page_of(stack.host.url)}/{container}"
        page = browser.new_page(viewport={"width": _WIDTH, "height": 440}, color_scheme="light")
        _upload(stack, container, [name for name in (one.name for one in SAMPLES) if name != _CLIP])
        _upload(stack, container, [_CLIP], wait=False)
        page.goto(address)
        _row(page, _CLIP).get_by_text("running").wait_for()
        page.screenshot(path=FOLDER / "container.png")
        stack.wait_until_settled(container, _CLIP, timeout=_SECONDS)
        page.set_viewport_size({"width": _WIDTH, "height": 820})
        _medium(page, f"{address}/{_CLIP}", FOLDER / "clip.png")
        _plots(page, FOLDER / "plots.png")
        dark = browser.new_page(viewport={"width": 390, "height": 780}, color_scheme="dark")
        _medium(dark, f"{address}/truncated.jpg", FOLDER / "phone.png")


def _upload(stack: Devstack, container: str, names: list[str], *, wait: bool = True) -> None:
    with ContainerClient.from_connection_string(stack.connection_string, container) as client:
        if not client.exists():
            client.create_container()
        for name in names:
            client.upload_blob(name, sample(name).read_bytes())
    for name in names if wait else ():
        stack.wait_until_settled(container, name, timeout=_SECONDS)


def _row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def _medium(page: Page, address: str, path: Path) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)


def _plots(page: Page, path: Path) -> None:
    page.get_by_role("slider", name="Moment").fill("40")
    page.get_by_role("heading", name="Confidence", exact=True).evaluate("heading => heading.scrollIntoView()")
    page.evaluate("scrollBy(0, -64)")  # below the bar with the slider, which stays in view
    page.locator("[data-chart=AU45] canvas").wait_for()
    page.screenshot(path=path)


if __name__ == "__main__":
    main()
