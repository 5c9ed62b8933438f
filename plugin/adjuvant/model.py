"""`models/<name>/<version>/model.json`: the contract between training and inference.

Training writes it, inference obeys it. Everything that training decides (input size,
normalisation, labels, operating point) travels here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adjuvant.close_up import CloseUp
from adjuvant.errors import ModelFault
from adjuvant.familiar import Familiar
from adjuvant.preprocess import Preprocessing

CONTRACT_FILE = "model.json"
LARGEST_CONTRACT = 1 << 20  # bytes
SHOWN = 200
KINDS = (Preprocessing.__name__, CloseUp.__name__)


class Strict(BaseModel):
    """Unknown keys are errors, instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Weights(Strict):
    """The file beside model.json that holds the trained network."""

    file: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*\.keras$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class SampleFile(Strict):
    """The file beside model.json that holds inputs and the answers to them: `adjuvant.sample`."""

    file: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*\.npz$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Output(Strict):
    """What the network answers: one probability map for each label, in this order."""

    labels: tuple[str, ...] = Field(min_length=1)
    threshold: float = Field(gt=0, lt=1)
    minimum_area_pixels: int = Field(
        ge=0, description="On the network's grid; smaller islands are noise and are dropped."
    )
    mirrored: Literal[True] | None = Field(
        default=None, description="The mean of the answers to an image and to its mirror image."
    )


class Training(Strict):
    """Where the weights come from: what a reader has to know before believing them."""

    data: Literal["simulated", "clinical", "mixed"]
    images: int = Field(ge=1)
    patients: int = Field(ge=1)
    seeds: tuple[int, ...] = Field(
        default=(),
        description="Of the simulator; scans of any other seed are of patients never trained on.",
    )
    foundation: str | None = Field(
        default=None, description="Name and version of the model that the training began with."
    )
    foundation_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="How far the trained weights were moved back to that model's.",
    )
    glands: str | None = Field(
        default=None, description="Name and version of the model that outlined glands for it."
    )
    recipe: str
    commit: str
    date: str


class Model(Strict):
    """The whole contract of one model version."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)
    version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=20)
    weights: Weights
    sample: SampleFile | None = Field(
        default=None, description="Versions without one cannot be checked where they are to run."
    )
    preprocessing: Preprocessing | CloseUp
    output: Output
    familiar: Familiar | None = Field(
        default=None, description="Versions without it do not say that an image is unusual."
    )
    training: Training
    figures: dict[str, float | str | list[float]] = Field(
        description="Measured by `python -m training evaluate`, on data that training never saw."
    )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the contract, which itself holds the digest of the weights.

        One digest, one Device UID, one set of result UIDs (IHE AIR). The sample changes no result,
        and can be added to a version that is in use.
        """
        contract = self.model_dump(mode="json", exclude_none=True, exclude={"sample"})
        canonical = json.dumps(contract, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    @property
    def models(self) -> tuple[Model, ...]:
        """Itself: a chain of one (`adjuvant.chain`)."""
        return (self,)

    @property
    def whole_image(self) -> Preprocessing:
        """How a whole image becomes its input. Raises ModelFault where it looks at glands only."""
        if isinstance(self.preprocessing, CloseUp):
            raise ModelFault(f"{self.title} reads close-ups of a gland, not scans")
        return self.preprocessing

    @property
    def simulated(self) -> bool:
        """True where every figure and every result has to say `trained on simulated scans`."""
        return self.training.data != "clinical"


def read_model(folder: Path) -> Model:
    """Read and check `folder/model.json`; the weights are checked when they are loaded.

    Raises ModelFault naming file, key and value.
    """
    path = folder / CONTRACT_FILE
    try:
        if path.stat().st_size > LARGEST_CONTRACT:
            raise ModelFault(f"{path} is larger than {LARGEST_CONTRACT} bytes")
        return Model.model_validate_json(path.read_bytes())
    except OSError as fault:
        raise ModelFault(f"cannot read {path}: {fault.strerror}") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        # Pydantic names the kind of preprocessing as well, which is no key of the file.
        place = [str(part) for part in first["loc"] if part not in KINDS]
        key = ".".join(place) or "(whole file)"
        got = repr(first["input"])
        got = got if len(got) <= SHOWN else got[:SHOWN] + "…"
        raise ModelFault(f"{path}: {key}: {first['msg']}, got {got}") from fault


def released_file(folder: Path, released: Weights | SampleFile) -> Path:
    """The path of a file of the model, after its SHA-256 was compared with the contract.

    Raises ModelFault when the file is missing or is not the one that was released.
    """
    path = folder / released.file
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise ModelFault(f"cannot read {path}: {fault.strerror}") from fault
    if found != released.sha256:
        raise ModelFault(f"{path} has SHA-256 {found}, but model.json says {released.sha256}")
    return path
