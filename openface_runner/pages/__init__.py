"""The jobs page: where each medium stands, for people who aren't developers.

gate        who may see it
addresses   what is where, and names of media in addresses
site        what is answered to each address
timeline    a medium's way as steps
rendering   templates
"""

from __future__ import annotations

from functools import cache

from openface_runner.pages.answers import Answer
from openface_runner.pages.site import Request, Site
from openface_runner.settings import Settings
from openface_runner.storage.browse import connect_browser
from openface_runner.workspace import Workspace

__all__ = ["Answer", "Request", "Site", "site"]


@cache
def site(settings: Settings, workspace: Workspace) -> Site:
    """The page of an app with these settings, the same one each time; asks storage nothing yet.

    Raises:
        ConnectionMissing: the app's settings hold no usable connection to storage.
    """
    browser = connect_browser(jobs_container=settings.jobs_container, output_container=settings.output_container)
    return Site(browser, workspace, settings.jobs_page)
