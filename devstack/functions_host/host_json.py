"""The part of host.json that this host obeys."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import FunctionAppError

_INVOCATIONS_PER_CORE = 8


@dataclass(frozen=True, kw_only=True)
class BlobLimits:
    """`extensions.blobs` of host.json, with the real host's defaults."""

    # How many invocations run at the same time, over all blob functions.
    max_degree_of_parallelism: int
    # How many tries a message has in all before it goes to the poison queue.
    poison_blob_threshold: int = 5


def blob_limits(app_dir: Path) -> BlobLimits:
    """Read host.json. Raises FunctionAppError when it is missing or a limit isn't a number above zero."""
    path = app_dir / "host.json"
    try:
        blobs = json.loads(path.read_text("utf-8")).get("extensions", {}).get("blobs", {})
    except FileNotFoundError as error:
        raise FunctionAppError(
            f"{path} is missing: a function app has one, with at least its version in it."
        ) from error
    except (ValueError, AttributeError) as error:
        raise FunctionAppError(
            f"{path} isn't a JSON object of the form that the Functions host reads: {error}"
        ) from error
    limits = BlobLimits(
        max_degree_of_parallelism=blobs.get("maxDegreeOfParallelism", _INVOCATIONS_PER_CORE * (os.cpu_count() or 1)),
        poison_blob_threshold=blobs.get("poisonBlobThreshold", 5),
    )
    for value in (limits.max_degree_of_parallelism, limits.poison_blob_threshold):
        if not isinstance(value, int) or value < 1:
            raise FunctionAppError(
                f"extensions.blobs in {path} has a limit of {value!r}; it must be a number above zero."
            )
    return limits
