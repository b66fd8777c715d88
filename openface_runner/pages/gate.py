"""Who may see the jobs page."""

from __future__ import annotations

from collections.abc import Mapping

from openface_runner.settings import JobsPage

_PRINCIPAL = "x-ms-client-principal-id"
"""App Service sets it on what signed-in people ask, and takes it off what comes from outside, as long as its
authentication is on; otherwise anybody could send it."""
_AUTH_ENABLED = "WEBSITE_AUTH_ENABLED"
"""App Service's own word for whether its authentication is on."""
_HERE = ("localhost", "127.0.0.1", "[::1]")


def refusal(page: JobsPage, headers: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """Why a request may not see the page, with what to do; None when it may.

    Arguments:
        page: the setting. ``off`` is not for here: then there is no page.
        headers: the request's, by names in lower case.
        environment: the app's settings.
    """
    if page is JobsPage.OPEN:
        return None
    if page is JobsPage.LOCAL:
        # By the name that was asked for, so that a page elsewhere can't have its own name lead here and read along.
        name = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if name.lower() in _HERE:
            return None
        return "This page answers on the machine that it runs on only: open it by the name localhost there."
    if environment.get(_AUTH_ENABLED, "").lower() != "true":
        return (
            "This page is for people who signed in, and nobody can: turn on the app's authentication in Azure. "
            "On a laptop, the setting JOBS_PAGE=local opens it for that laptop."
        )
    if not headers.get(_PRINCIPAL):
        return "Sign in to see this page."
    return None
