"""The jobs page: what is answered to each address. Read-only."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from openface_runner import plots
from openface_runner.media.address import is_media_container
from openface_runner.outcomes import JobError
from openface_runner.pages import addresses
from openface_runner.pages.answers import Answer, redirect
from openface_runner.pages.gate import refusal
from openface_runner.pages.provenance import facts
from openface_runner.pages.published import LARGEST_DOWNLOAD, PublishedCsvs
from openface_runner.pages.rendering import render, static_file
from openface_runner.pages.timeline import timeline
from openface_runner.settings import JobsPage
from openface_runner.status import Job, Status, explain
from openface_runner.storage.browse import Browser, Medium
from openface_runner.storage.container_index import UnknownPage
from openface_runner.workspace import Workspace

_CONTAINERS = 20
_MEDIA = 100
"""On one page."""
_SOON, _LATER = 2.0, 15.0
"""Seconds after which a page asks again: while something goes on, and while nothing does."""
_SHARE = 10
"""A look that took a second is repeated after so many at the soonest."""
_MANY_DIGITS = 9
_NAME_HEADER = "x-ms-client-principal-name"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for."""

    path: str
    """After the page's root: empty, or a container, or that with a medium after a slash."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By names in lower case."""


class Site:
    """The jobs page.

    Arguments:
        browser: what looks at storage.
        workspace: where results are put while they are drawn.
        page: who may see it.
    """

    def __init__(self, browser: Browser, workspace: Workspace, page: JobsPage) -> None:
        self._browser = browser
        self._csvs = PublishedCsvs(browser, workspace)
        self._page = page

    def answer(self, request: Request) -> Answer:
        """Answer a request; raises nothing that a person could do something about."""
        if self._page is JobsPage.OFF:
            return _message(HTTPStatus.NOT_FOUND, "There is no jobs page", "The setting JOBS_PAGE turns it off.")
        reason = refusal(self._page, request.headers, os.environ)
        if reason is not None:
            return _message(HTTPStatus.FORBIDDEN, "Not for everybody", reason)
        try:
            return self._dispatch(request)
        except UnknownPage:
            return redirect(addresses.ROOT)
        except JobError as error:
            return _message(HTTPStatus.SERVICE_UNAVAILABLE, "This can't be shown now", str(error), again=_LATER)

    def _dispatch(self, request: Request) -> Answer:
        first, _, rest = request.path.strip("/").partition("/")
        if first == addresses.STATIC:
            return _static(rest)
        if not first:
            return self._containers(request)
        if not is_media_container(first):
            return _message(
                HTTPStatus.NOT_FOUND, "There is no such container", "Containers of media are named by a UUID."
            )
        return self._one_medium(request, first, rest) if rest else self._media(request, first)

    def _containers(self, request: Request) -> Answer:
        if wanted := request.query.get("container", "").strip().lower():
            return redirect(addresses.of_container(wanted))
        began = time.monotonic()
        page = self._browser.containers(_CONTAINERS, request.query.get("after") or None)
        idle = all(container.tally.is_over for container in page.containers)
        return _page(
            "containers.html",
            request,
            refresh=_interval(began, idle=idle),
            page=page,
            is_first=not request.query.get("after"),
        )

    def _media(self, request: Request, container: str) -> Answer:
        began = time.monotonic()
        media = self._browser.media(container)
        if media.gone and not media.jobs:
            return _message(HTTPStatus.NOT_FOUND, "There is no such container", f"{container} isn't in this account.")
        wanted = request.query.get("status", "")
        jobs = [job for job in media.jobs if wanted in ("", job.status)]
        jobs.sort(key=_newest_first)
        number = _page_number(request.query.get("page"), len(jobs))
        return _page(
            "container.html",
            request,
            refresh=_interval(began, idle=media.tally.is_over),
            container=container,
            media=media,
            statuses=[(status, sum(job.status is status for job in media.jobs)) for status in Status],
            wanted=wanted,
            jobs=jobs[(number - 1) * _MEDIA : number * _MEDIA],
            number=number,
            pages=max(1, -(-len(jobs) // _MEDIA)),
            now=datetime.now(UTC),
        )

    def _one_medium(self, request: Request, container: str, text: str) -> Answer:
        name = addresses.medium_in(text)
        medium = self._browser.medium(container, name) if name else None
        if name is None or medium is None:
            return _message(HTTPStatus.NOT_FOUND, "There is no such medium", f"Nothing of that name is in {container}.")
        if (wanted := request.query.get("download")) is not None:
            return self._download(container, name, medium, wanted)
        return self._medium(request, container, name, medium)

    def _medium(self, request: Request, container: str, name: str, medium: Medium) -> Answer:
        began = time.monotonic()
        message, advice = explain(medium.status, medium.record)
        wanted = medium.csv if request.query.get("show") == "plots" else None
        return _page(
            "medium.html",
            request,
            refresh=None if medium.status.is_over else _interval(began, idle=False),
            container=container,
            name=name,
            medium=medium,
            record=medium.record,
            message=message,
            advice=advice,
            stops=timeline(medium),
            facts=facts(medium.record) if medium.record else [],
            plots=self._csvs.drawn(container, name, wanted) if wanted else None,
            styles=plots.STYLES,
            scripts=plots.SCRIPTS,
            largest_download=LARGEST_DOWNLOAD,
        )

    def _download(self, container: str, name: str, medium: Medium, wanted: str) -> Answer:
        if wanted == "record" and (text := self._browser.record_text(container, name)) is not None:
            return _file(text, "application/json", f"{name}.json")
        if wanted == "csv" and medium.csv and (csv := self._csvs.content(container, name, medium.csv)) is not None:
            return _file(csv, "text/csv", f"{name}.csv")
        return _message(HTTPStatus.NOT_FOUND, "There is nothing to download", f"{container}/{name} has no such file.")


def _page(template: str, request: Request, *, refresh: float | None, **values: Any) -> Answer:
    who = request.headers.get(_NAME_HEADER, "")
    return Answer(body=render(template, refresh=refresh, who=who, **values))


def _message(status: HTTPStatus, title: str, text: str, *, again: float | None = None) -> Answer:
    return Answer(body=render("message.html", refresh=again, who="", title=title, text=text), status=status)


def _static(name: str) -> Answer:
    file = static_file(name)
    if file is None:
        return _message(HTTPStatus.NOT_FOUND, "There is no such file", "It isn't a part of this page.")
    body, media_type = file
    return Answer(body=body, media_type=media_type, extra={"Cache-Control": "private, max-age=31536000, immutable"})


def _file(body: bytes, media_type: str, name: str) -> Answer:
    last = name.rpartition("/")[2]
    return Answer(
        body=body,
        media_type=media_type,
        extra={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(last, safe='')}"},
    )


def _interval(began: float, *, idle: bool) -> float:
    """Seconds until a page should ask again; more where the answer costs more."""
    return round(max(_LATER if idle else _SOON, (time.monotonic() - began) * _SHARE), 1)


def _page_number(text: str | None, count: int) -> int:
    number = int(text) if text and text.isdecimal() and len(text) < _MANY_DIGITS else 1
    return min(max(1, number), max(1, -(-count // _MEDIA)))


def _newest_first(job: Job) -> tuple[float, str]:
    moment = job.uploaded or job.began
    return (-moment.timestamp() if moment else 0.0, job.name)
