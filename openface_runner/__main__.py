"""``python -m openface_runner``: see ``openface_runner.cli``."""

import signal
import sys

from openface_runner.cli import main

# What Ctrl-C is at a keyboard: work is called off, and OpenFace ended.
signal.signal(signal.SIGTERM, signal.default_int_handler)
sys.exit(main())
