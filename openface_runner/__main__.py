"""``python -m openface_runner``: the command line."""

import sys

from openface_runner.cli import main

sys.exit(main())
