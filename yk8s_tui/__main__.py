"""`python -m yk8s_tui` is the same as `yk8s-tui`."""

import sys

from yk8s_tui.cli import main

sys.exit(main())
