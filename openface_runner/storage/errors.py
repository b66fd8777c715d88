"""What the SDK's errors become."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from openface_runner.outcomes import StorageUnavailable
from openface_runner.storage.connection import CONNECTION

_WAIT = "It is tried again by itself; if it stays so, look at the account's metrics and at Azure's status page."


def error_code(error: HttpResponseError) -> str:
    """The service's own name for what went wrong, such as ``LeaseLost``."""
    code = getattr(error, "error_code", None)
    # Codes that the SDK knows are members of an enumeration, whose text isn't their value.
    return str(getattr(code, "value", code) or "no error code")


@contextlib.contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into ``StorageUnavailable``; ``doing`` completes "refused to …".

    Nothing of an error's own text is kept, nor is the error chained: it may hold addresses with signatures.
    """
    try:
        yield
    except HttpResponseError as error:
        raise _refusal(error, doing) from None
    except AzureError as error:
        raise _silence(error, doing) from None


def _refusal(error: HttpResponseError, doing: str) -> StorageUnavailable:
    status = error.status_code
    if isinstance(error, ClientAuthenticationError) and error.response is None:
        return _no_token(doing)
    if status is None:  # the SDK's word for an answer that was cut
        return _silence(error, doing)
    what = f"Blob storage refused to {doing}: HTTP {status}, {error_code(error)}."
    may_pass = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return StorageUnavailable(what, _WAIT if may_pass else None)


def _silence(error: AzureError, doing: str) -> StorageUnavailable:
    return StorageUnavailable(f"Blob storage did not answer ({type(error).__name__}) when asked to {doing}.")


def _no_token(doing: str) -> StorageUnavailable:
    # azure-identity's own errors, which never reached storage.
    return StorageUnavailable(
        f"The identity of the connection {CONNECTION} got no token when it was about to {doing}. "
        f"{CONNECTION}__credential and {CONNECTION}__clientId say which identity it is: in Azure it must be assigned "
        "to the app; on a laptop 'az login' gives one."
    )
