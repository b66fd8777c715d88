"""Waiting for the end of processes that aren't this one's children."""

from __future__ import annotations

import os
import select

_PATIENCE = 30
"""Seconds."""


def ends(pid: int) -> bool:
    """Whether a process that was sent a kill ends; awaited, since a kill is carried out when the kernel gets to it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], _PATIENCE)[0])
    finally:
        os.close(descriptor)
