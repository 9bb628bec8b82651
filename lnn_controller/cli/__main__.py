"""``python -m lnn_controller.cli``."""

import sys

from lnn_controller.cli import main

if __name__ == '__main__':
    sys.exit(main())
