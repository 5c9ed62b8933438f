"""The `"Adjuvant"` section of orthanc.json, validated once, when Orthanc has started.

Nothing here has a silent fallback: a key that we do not know, a wrong type or an impossible value
is one sentence that names the key and the value, and our part stays off while Orthanc runs on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_pascal

from adjuvant.errors import AdjuvantError
from adjuvant.results.presentation import ColourMap, Language, Presentation

SECTION = "Adjuvant"
SUGGESTIONS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "dict": "an object",
}

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]


class ConfigFault(AdjuvantError):
    """The configuration cannot be obeyed; the text is one line that names key and value."""


class Settings(BaseModel):
    """Every key of the section; in JSON they are spelt as Orthanc spells its own (`Enabled`).

    Paths are as written; `locate` makes them absolute.
    """

    model_config = ConfigDict(
        alias_generator=to_pascal, extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )

    enabled: bool = True
    data_directory: Text = "data/adjuvant"
    models_directory: Text = "models"
    virtual_environment: str = ".venv"
    models: dict[Text, Version] = Field(default={"thyroid": "0.1.0"}, min_length=1)
    device: Literal["auto", "cpu", "gpu"] = "auto"
    threads: int = Field(default=0, ge=0, le=1024)
    maximum_matrix: int = Field(default=2048, ge=16, le=16384)
    maximum_frames: int = Field(default=64, ge=1, le=4096)
    maximum_instance_megabytes: int = Field(default=256, ge=1, le=2047)
    maximum_attempts: int = Field(default=8, ge=1, le=100)
    retry_seconds: float = Field(default=15.0, gt=0, le=3600)
    sweep_seconds: float = Field(default=60.0, ge=1, le=86400)
    analyse_existing: bool = False
    earlier_results: Literal["keep", "replace"] = "keep"
    language: Language = "en"
    colour_map: ColourMap = "inverse grey"

    @property
    def presentation(self) -> Presentation:
        """How the picture speaks and looks."""
        return Presentation(self.language, self.colour_map)


def read_settings(configuration: Mapping[str, Any]) -> Settings:
    """The validated section of Orthanc's whole configuration.

    Raises ConfigFault naming the first key that is wrong, what was expected and what was found.
    """
    section = configuration.get(SECTION)
    if section is None:
        raise ConfigFault(f'Orthanc\'s configuration has no section "{SECTION}"')
    if not isinstance(section, dict):
        raise ConfigFault(f'"{SECTION}" has to be an object, got {section!r}')
    try:
        return Settings.model_validate(section, by_alias=True, by_name=False)
    except ValidationError as fault:
        raise ConfigFault(_sentence(fault)) from fault


def locate(path: str, base: Path) -> Path:
    """`path` as it is where absolute, else from `base`, the folder that holds `plugin/`."""
    return (base / Path(path).expanduser()).resolve()


def _sentence(fault: ValidationError) -> str:
    first = fault.errors()[0]
    key = ".".join([SECTION, *(str(part) for part in first["loc"] if part != "[key]")])
    if first["type"] == "extra_forbidden":
        known = ", ".join(str(field.alias) for field in Settings.model_fields.values())
        return f"{key}: unknown key, got {first['input']!r} (known keys: {known})"
    expected = SUGGESTIONS.get(first["type"].removesuffix("_type"))
    wanted = f"has to be {expected}" if expected else first["msg"].lower()
    return f"{key}: {wanted}, got {first['input']!r}"
