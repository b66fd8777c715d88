"""A page in a real browser, which must be quiet: no complaint, no script out of a name, nothing asked of elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from devstack.stack import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOTS = REPOSITORY / ".devstack" / "screenshots"
"""Where tests leave pictures of what they saw."""
_AXE = REPOSITORY / "devstack" / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def quiet_page(browser: Browser, *, width: int, scheme: Any, origin: str, **options: Any) -> Iterator[Page]:
    """A page that may ask for what begins with ``origin`` only; fails at its end if it wasn't quiet."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on("request", lambda sent: None if sent.url.startswith(origin) else wrong.append(sent.url))
    yield page
    context.close()
    assert wrong == [], "no message, no script from a name, no request to elsewhere"


def fits(page: Page) -> bool:
    """Whether nothing sticks out at the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def barriers(page: Page) -> list[str]:
    """What axe finds that keeps somebody from using the page as it is now."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    return [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]
