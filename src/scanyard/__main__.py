"""``python -m scanyard`` is ``scanyard``."""

from scanyard.cli import main

main()
