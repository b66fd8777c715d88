"""One page of a listing, with one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from azure.core.paging import ItemPaged, PageIterator

Item = TypeVar("Item")


def page_of(items: ItemPaged[Item], following: str | None = None) -> tuple[list[Item], str | None]:
    """A page of what the SDK lists; what asks for the next one, None at the end.

    Arguments:
        items: its size is the listing's ``results_per_page``.
        following: what the page before gave; the first page without.
    """
    # The SDK declares less than it returns.
    pages = cast("PageIterator[Item]", items.by_page(following))
    return list(next(pages, ())), pages.continuation_token or None
