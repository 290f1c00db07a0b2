"""The official ``carla`` client, imported safely.

Its library reads HOME while it loads and takes the process down where there is none, as under some service managers and
in bare containers.  So HOME is set first, to where temporary files go.
"""

import os
import tempfile

os.environ.setdefault("HOME", tempfile.gettempdir())

import carla

__all__ = ["carla"]
