"""`python -m effnet_lib` is the command `effnet`."""

import sys

from .apps.cli import main

sys.exit(main())
