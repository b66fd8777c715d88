"""One page of a listing, with one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote

from azure.core.pipeline.policies import ContentDecodePolicy

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from azure.core.paging import ItemPaged, PageIterator
    from azure.core.pipeline import PipelineResponse
    from azure.storage.blob import ContainerClient

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A blob, as a listing shows it."""

    name: str
    bytes: int
    last_modified: datetime
    lease_state: str
    metadata: Mapping[str, str]


def page_of(items: ItemPaged[Item], following: str | None = None) -> tuple[list[Item], str | None]:
    """A page of what the SDK lists; what asks for the next one, None at the end.

    Arguments:
        items: its size is the listing's ``results_per_page``.
        following: what the page before gave; the first page without.
    """
    # The SDK declares less than it returns.
    pages = cast("PageIterator[Item]", items.by_page(following))
    return list(next(pages, ())), pages.continuation_token or None


def page_of_blobs(
    client: ContainerClient, prefix: str, at_once: int, following: str | None = None
) -> tuple[list[Listed], str | None]:
    """A page of a container's blobs with their metadata; what asks for the next one, None at the end.

    Arguments:
        client: the container's.
        prefix: what the names begin with; may be empty.
        at_once: blobs in a page, at most 5,000.
        following: what the page before gave; the first page without.

    Raises:
        AzureError: as the SDK's.
    """
    found: list[Listed] = []

    def read(response: PipelineResponse[Any, Any]) -> None:
        root: Element = ContentDecodePolicy.deserialize_from_http_generics(response.http_response)
        found[:] = [_listed(blob) for blob in root.iterfind("Blobs/Blob")]

    # Of the SDK's listings this is the one that doesn't turn the answer into objects of its own, for which it takes
    # four times as long as storage takes to write it.
    names = client.list_blob_names(
        name_starts_with=prefix or None, results_per_page=at_once, include=["metadata"], raw_response_hook=read
    )
    _, after = page_of(names, following)
    return found, after


def _listed(blob: Element) -> Listed:
    name, properties, metadata = blob.find("Name"), blob.find("Properties"), blob.find("Metadata")
    text = "" if name is None else name.text or ""
    # Names with characters that XML can't hold come percent-encoded.
    if name is not None and name.get("Encoded") == "true":
        text = unquote(text)

    def of(key: str) -> str:
        return (properties.findtext(key) if properties is not None else None) or ""

    return Listed(
        name=text,
        bytes=int(of("Content-Length") or 0),
        last_modified=parsedate_to_datetime(of("Last-Modified")),
        lease_state=of("LeaseState"),
        metadata={item.tag: item.text or "" for item in metadata} if metadata is not None else {},
    )
