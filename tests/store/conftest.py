"""The store's trials lie with the tool that runs them at length."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "store_trials"))
