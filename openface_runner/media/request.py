"""What was asked for: posed or in the wild, and which AU model, from the metadata of the blob or its container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from openface_runner.outcomes import Outcome, Rejected
from openface_runner.settings import Capture

_Choice = TypeVar("_Choice", bound=StrEnum)


class AuModel(StrEnum):
    """How action units are calibrated in a video.

    Dynamic takes the person's own neutral over the clip as zero. Static doesn't, and is right for a clip that holds
    one expression. Images are always measured with the static model.
    """

    DYNAMIC = "dynamic"
    STATIC = "static"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What OpenFace is asked to do with one medium."""

    capture: Capture
    au_model: AuModel = AuModel.DYNAMIC


# The older key of the pipeline: image or video (the content tells that), posed or wild.
_MEDIA_TYPES = {"ip": Capture.POSED, "iw": Capture.WILD, "vp": Capture.POSED, "vw": Capture.WILD}
_CAPTURES = {capture.value: capture for capture in Capture}
_AU_MODELS = {model.value: model for model in AuModel}


def read_request(
    blob_metadata: Mapping[str, str], container_metadata: Mapping[str, str], *, default_capture: Capture
) -> Request:
    """Read the request from metadata; the blob's wins over its container's, and ``capture`` over ``media_type``.

    Keys and values are compared without regard to case, since metadata travel as HTTP headers.

    Raises:
        Rejected: a value that doesn't exist (``invalid_request``): it is not guessed what was meant.
    """
    sources = (_folded(blob_metadata), _folded(container_metadata))
    captures = [_choose(source, key, choices) for source in sources for key, choices in _CAPTURE_KEYS]
    au_models = [_choose(source, "au_model", _AU_MODELS) for source in sources]
    return Request(
        capture=next((capture for capture in captures if capture), default_capture),
        au_model=next((model for model in au_models if model), AuModel.DYNAMIC),
    )


_CAPTURE_KEYS = (("capture", _CAPTURES), ("media_type", _MEDIA_TYPES))


def _folded(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key.lower(): value.strip().lower() for key, value in metadata.items()}


def _choose(metadata: Mapping[str, str], key: str, choices: Mapping[str, _Choice]) -> _Choice | None:
    if key not in metadata:
        return None
    if metadata[key] not in choices:
        allowed = " or ".join(repr(choice) for choice in choices)
        raise Rejected(
            Outcome.INVALID_REQUEST,
            f"The metadata value {key}={metadata[key][:80]!r} doesn't exist; it may be {allowed}.",
        )
    return choices[metadata[key]]
