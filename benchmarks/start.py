"""6: the app's import, and its first invocation."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.clips import FACE
from benchmarks.measuring import Result, alternating, paired_ratio
from benchmarks.setting import Setting
from devstack.stack import REPOSITORY

_BARE = "import azure.functions, azure.storage.blob"
_APP = "import function_app"
_INVOCATIONS = """
import sys, time
from openface_runner import services
from openface_runner.jobs import analyse_blob
started = services.start()
for name in sys.argv[2:]:
    began = time.perf_counter()
    analyse_blob(started, sys.argv[1], name)
    print(time.perf_counter() - began)
"""


def run(repeat: int) -> Result:
    """Fresh interpreters, a fake OpenFace, and no proof run."""
    result = Result(title="Start", columns=("what", "against", "ratio", "seconds"))
    with Setting.running(fake=True) as setting:

        def python(code: str, *words: str) -> str:
            return subprocess.run(  # noqa: S603 - the code above
                [sys.executable, "-c", code, *words],
                cwd=REPOSITORY,
                env={"PATH": "/usr/bin:/bin", **setting.environment},
                capture_output=True,
                text=True,
                check=True,
            ).stdout

        imports = alternating({"app": lambda: _ignore(python(_APP)), "bare": lambda: _ignore(python(_BARE))}, repeat)
        ratio = f"{paired_ratio(imports['app'], imports['bare']):.2f}"
        result.rows.append(("import of the app", "azure.functions and azure.storage.blob", ratio, str(imports["app"])))

        def first_and_second() -> tuple[float, float]:
            names = [setting.upload(FACE).blob_name for _ in range(2)]
            first, second = map(float, python(_INVOCATIONS, setting.container, *names).split())
            return first, second

        pairs = [first_and_second() for _ in range(repeat)]
        samples = alternating({"first": lambda: pairs[0][0], "second": lambda: pairs.pop(0)[1]}, repeat)
        ratio = f"{paired_ratio(samples['first'], samples['second']):.2f}"
        result.rows.append(("first invocation", "the second", ratio, str(samples["first"])))
    return result


def _ignore(_: str) -> None:
    return None
