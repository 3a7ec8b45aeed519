"""``python -m adapterhub``: the same as the command ``adapterhub``."""

from __future__ import annotations

import sys

from adapterhub.cli import main

if __name__ == "__main__":  # a process that `tune` starts imports this module too
    sys.exit(main())
