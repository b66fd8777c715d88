"""The error of a command line that asks for what can't be done."""

from __future__ import annotations


class WrongUse(ValueError):
    """The command line asks for something that can't be done."""
