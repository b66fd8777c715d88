"""What goes back to a browser, and the headers that keep a page to itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

HTML = "text/html"

# Nothing inline, nothing from elsewhere, nowhere else: a name that slips through escaping still can't run.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Faces are biometric data: nobody between keeps a copy.
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer to a request, for whatever server there is."""

    body: bytes
    media_type: str = HTML
    status: int = HTTPStatus.OK
    extra: Mapping[str, str] = field(default_factory=dict)
    """Headers of this answer, which win over those of all."""

    @property
    def headers(self) -> dict[str, str]:
        """All headers but the content's type."""
        return {**_ALWAYS, **self.extra}


def redirect(address: str) -> Answer:
    """To another address of the page."""
    return Answer(body=b"", status=HTTPStatus.SEE_OTHER, extra={"Location": address})
