"""What to do about an installation that doesn't work, by its symptom. Each completes "…: "."""

from __future__ import annotations

import re
import signal

from openface_runner.openface.process import Finished

OTHER_PROCESSOR = (
    "this OpenFace was built for another kind of processor; build it on, or for, this one, or take another image of it"
)
MODELS = (
    "put the models where OpenFace looks for them, in model/ beside the programs or in /usr/local/etc/OpenFace "
    "(OpenFace's wiki, 'Model download')"
)
AU_MODELS = (
    "restore the AU_predictors folder from where OpenFace was built, whole, beside the programs or in "
    "/usr/local/etc/OpenFace"
)
EYE_MODELS = "restore the model/model_eye folder from where OpenFace was built"
LIBRARY = "install that library, or copy all that `ldd` names from where OpenFace was built"
LIBC = "this OpenFace was built on a newer system; build it on this one, or start it with its own loader and libraries"
HANGS = "it may be short of processors or memory; try it by hand, or raise the time limit"
BY_HAND = "run it by hand on a picture to see what it says"

_NO_LIBRARY = re.compile(r"error while loading shared libraries: (?P<library>[^:\s]+)")
_NO_SYMBOL = re.compile(r"(?P<version>(GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found")


def for_death(run: Finished) -> str:
    """What to do when a program died of a signal or gave up on a medium that is known to be good."""
    if run.signal is signal.SIGILL:
        return OTHER_PROCESSOR
    if run.signal is signal.SIGABRT:
        # What it does when the AU models, or only the list of dynamic ones (videos), can't be read.
        return AU_MODELS
    return BY_HAND


def of_loader(stderr: str) -> str | None:
    """What the dynamic loader lacked, and what to do; None when the program was loaded."""
    if missing := _NO_LIBRARY.search(stderr):
        return f"the library {missing['library']} is missing: {LIBRARY}"
    if missing := _NO_SYMBOL.search(stderr):
        return f"{missing['version']} is missing: {LIBC}"
    return None
