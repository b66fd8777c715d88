"""What a test does on a machine that lacks something."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_or_fail(reason: object) -> NoReturn:
    """Skip the test on a laptop, with the reason; fail it in CI, where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(reason))
    pytest.skip(str(reason))
