"""The `"Adjuvant"` section of orthanc.json, validated once, when Orthanc has started.

Nothing here has a silent fallback: a key that we do not know, a wrong type or an impossible value
is one sentence that names the key and the value, and our part stays off while Orthanc runs on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_pascal

from adjuvant.errors import AdjuvantError
from adjuvant.first_start import DATA_DIRECTORY
from adjuvant.results.presentation import ColourMap, Language, Presentation
from adjuvant.rules.syntax import DEFAULT_RULES
from adjuvant.uptake import Calibration

SECTION = "Adjuvant"
SUGGESTIONS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "dict": "an object",
    "list": "a list",
}

Percent = Annotated[float, Field(ge=0, le=100)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
RouteName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]


class ConfigFault(AdjuvantError):
    """The configuration cannot be obeyed; the text is one line that names key and value."""


STRICT = ConfigDict(
    alias_generator=to_pascal, extra="forbid", frozen=True, strict=True, allow_inf_nan=False
)


class RouteSettings(BaseModel):
    """One destination: what Orthanc calls it, and what is sent there (docs/routing.md)."""

    model_config = STRICT

    kind: Literal["modality", "peer", "dicom-web"]
    target: Text
    send: list[Literal["SEG", "SC", "SR", "source"]] = Field(
        default=["SEG", "SC", "SR"], min_length=1
    )
    always: bool = True
    interpretations: list[Text] = []
    storage_commitment: bool = False
    timeout_seconds: int = Field(default=60, ge=1, le=3600)
    maximum_attempts: int = Field(default=100, ge=1, le=10_000)

    @field_validator("storage_commitment")
    @classmethod
    def _only_modalities_commit(cls, wanted: bool, others: ValidationInfo) -> bool:
        if wanted and others.data.get("kind") != "modality":
            raise ValueError("is there for a modality only")
        return wanted


class Settings(BaseModel):
    """Every key of the section; in JSON they are spelt as Orthanc spells its own (`Enabled`).

    Paths are as written; `locate` makes them absolute.
    """

    model_config = STRICT

    enabled: bool = True
    data_directory: Text = DATA_DIRECTORY
    models_directory: Text = "models"
    virtual_environment: str = ".venv"
    models: dict[Text, Version] = Field(default={"thyroid": "0.6.0"}, min_length=1)
    device: Literal["auto", "cpu", "gpu"] = "auto"
    threads: int = Field(default=0, ge=0, le=1024)
    maximum_matrix: int = Field(default=2048, ge=16, le=16384)
    maximum_frames: int = Field(default=64, ge=1, le=4096)
    maximum_instance_megabytes: int = Field(default=256, ge=1, le=2047)
    maximum_attempts: int = Field(default=8, ge=1, le=100)
    retry_seconds: float = Field(default=15.0, gt=0, le=3600)
    job_seconds: float = Field(default=300.0, ge=1, le=86400)
    sweep_seconds: float = Field(default=60.0, ge=1, le=86400)
    keep_jobs_days: int = Field(default=365, ge=1, le=36500)
    maximum_jobs: int = Field(default=100_000, ge=100, le=10_000_000)
    synchronous_seconds: float = Field(default=50.0, ge=0, le=3600)
    analyse_existing: bool = False
    earlier_results: Literal["keep", "replace"] = "keep"
    routes: dict[RouteName, RouteSettings] = Field(default={}, max_length=16)
    language: Language = "en"
    colour_map: ColourMap = "inverse grey"
    uptake_sensitivities: dict[Text, Annotated[float, Field(gt=0, le=10_000)]] = Field(default={})
    uptake_reference_percent: tuple[Percent, Percent] | None = None
    rules: list[Any] = Field(default=DEFAULT_RULES, min_length=1)

    @field_validator("uptake_reference_percent", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        """JSON has lists only."""
        return tuple(value) if isinstance(value, list) else value

    @field_validator("uptake_reference_percent")
    @classmethod
    def _ordered(cls, pair: tuple[float, float] | None) -> tuple[float, float] | None:
        if pair is not None and pair[0] >= pair[1]:
            raise ValueError("has to be two percentages, the lower one first")
        return pair

    @property
    def models_named(self) -> bool:
        """Whether `models` was written there, and is not our default."""
        return "models" in self.model_fields_set

    @property
    def calibration(self) -> Calibration:
        """What uptake is computed with."""
        return Calibration(self.uptake_sensitivities, self.uptake_reference_percent)

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
        model = RouteSettings if len(first["loc"]) > 2 else Settings
        known = ", ".join(str(field.alias) for field in model.model_fields.values())
        return f"{key}: unknown key, got {first['input']!r} (known keys: {known})"
    expected = SUGGESTIONS.get(first["type"].removesuffix("_type"))
    wanted = f"has to be {expected}" if expected else first["msg"].lower()
    return f"{key}: {wanted}, got {first['input']!r}"
