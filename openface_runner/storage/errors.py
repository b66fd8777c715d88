"""What the SDK's errors become."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from azure.core.exceptions import AzureError, HttpResponseError

from openface_runner.outcomes import StorageUnavailable


def error_code(error: HttpResponseError) -> str:
    """The service's own name for what went wrong, such as ``LeaseLost``."""
    return str(getattr(error, "error_code", None) or "no error code")


@contextlib.contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into ``StorageUnavailable``; ``doing`` completes "refused to …"."""
    try:
        yield
    except HttpResponseError as error:
        raise StorageUnavailable(
            f"Blob storage refused to {doing}: HTTP {error.status_code}, {error_code(error)}. Check the account, "
            "its network rules and this app's roles."
        ) from None
    except AzureError as error:
        raise StorageUnavailable(
            f"Blob storage did not answer ({type(error).__name__}) when asked to {doing}. It is tried again by itself."
        ) from None
