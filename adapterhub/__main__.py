"""``python -m adapterhub``: the same as the command ``adapterhub``."""

from __future__ import annotations

import sys

from adapterhub.cli import main

sys.exit(main())
