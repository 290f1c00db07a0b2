"""What every model of a YAML file shares; ``reading.read_model`` reads any that builds on it."""

from pydantic import BaseModel, ConfigDict

FILE_PATH = r"^[\w./ -]+\.yaml$"
"""What the path of another file may look like."""


class Strict(BaseModel):
    """Base of everything YAML may say: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
