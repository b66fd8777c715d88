"""OpenFace's command line, read as OpenFace reads it: what it doesn't know it skips without a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.standin.columns import Group

DEFAULT_OUT_DIR = "processed"

_WITH_VALUE = frozenset(
    ("-f", "-fdir", "-out_dir", "-of", "-root", "-inroot", "-fx", "-fy", "-cx", "-cy", "-mloc", "-fdloc")
)
_GROUPS = {f"-{group.value}": group for group in Group}
# These ask for files that the stand-in never writes, but like the groups they end "nothing asked for, so everything".
_OTHER_OUTPUTS = frozenset(("-hogalign", "-simalign", "-tracked"))
_DIRECTORY_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp"))  # in lower case only, as in OpenFace


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a command line asks for."""

    files: tuple[str, ...]
    """Inputs as they were given, in their order: those of `-f`, or else the images of `-fdir`."""
    out_dir: Path
    output_name: str | None
    """`-of`: the name for the first input's outputs, instead of the input's own."""
    groups: frozenset[Group]
    wild: bool
    static_action_units: bool
    focal_length: tuple[float, float] | None
    """`-fx -fy` in pixels; None: estimated from the picture's size."""
    centre: tuple[float, float] | None
    """`-cx -cy` in pixels; None: the picture's centre."""

    def output_stem(self, position: int) -> str:
        """The name, without suffix, of the outputs of the input at this position."""
        if position == 0 and self.output_name:
            return Path(self.output_name).stem
        return Path(self.files[position]).stem


def parse(argv: Sequence[str]) -> Request:
    """Read a command line, less the program's name. Never fails: a flag without its value is skipped."""
    values: dict[str, list[str]] = {}
    words: set[str] = set()
    for word, value in _pairs(argv):
        if value is None:
            words.add(word)
        else:
            values.setdefault(word, []).append(value)
    last = {flag: given[-1] for flag, given in values.items()}
    root = last.get("-inroot", last.get("-root"))
    groups = frozenset(group for flag, group in _GROUPS.items() if flag in words)
    return Request(
        files=tuple(_inputs(values, f"{root}/" if root else "")),
        out_dir=Path(last.get("-out_dir", DEFAULT_OUT_DIR)),
        output_name=last.get("-of"),
        groups=groups if groups or words & _OTHER_OUTPUTS else frozenset(Group),
        wild="-wild" in words,
        static_action_units="-au_static" in words,
        focal_length=_numbers(last.get("-fx"), last.get("-fy")),
        centre=_numbers(last.get("-cx"), last.get("-cy")),
    )


def _pairs(argv: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    words = iter(argv)
    for word in words:
        if word not in _WITH_VALUE:
            yield word, None
        elif (value := next(words, None)) is not None:
            yield word, value


def _inputs(values: dict[str, list[str]], root: str) -> Iterator[str]:
    if "-f" in values:
        yield from (root + file for file in values["-f"])
        return
    for folder in values.get("-fdir", [])[:1]:
        directory = Path(root + folder)
        if directory.is_dir():
            yield from sorted(str(path) for path in directory.iterdir() if path.suffix in _DIRECTORY_SUFFIXES)


def _numbers(*words: str | None) -> tuple[float, float] | None:
    try:
        first, second = (float(word) for word in words if word is not None)
    except ValueError:  # not a number, or one of the two is missing
        return None
    return first, second
