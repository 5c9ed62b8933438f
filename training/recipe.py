"""A recipe: everything that decides a training besides the scans, as a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from adjuvant.close_up import CloseUp
from adjuvant.preprocess import Preprocessing
from training.architectures import ARCHITECTURES, HALVINGS_BEFORE, Design
from training.errors import RecipeError
from training.margins import Margins
from training.operating_point import USUAL, OperatingPoint


class Strict(BaseModel):
    """Unknown keys are errors, instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_architecture(name: str) -> str:
    if name not in ARCHITECTURES:
        raise ValueError(f"known architectures are {', '.join(sorted(ARCHITECTURES))}")
    return name


class Network(Strict):
    """Which architecture, and its numbers.

    Of several `members` the network is the mean: `cross-validate --ensemble` makes such a one.
    """

    architecture: str = "unet"
    filters: int = Field(default=16, ge=1, le=64)
    depth: int = Field(default=4, ge=1, le=6)
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    members: int = Field(default=1, ge=1, le=20)

    @field_validator("architecture")
    @classmethod
    def _known(cls, name: str) -> str:
        return _known_architecture(name)

    def design(self, labels: int) -> Design:
        """The same, as the architecture takes it."""
        return Design(labels, self.filters, self.depth, self.precision)


class Augmentation(Strict):
    """Limits of the random changes; each is drawn evenly up to its limit (see augmentation.py)."""

    probability: float = Field(default=0.8, ge=0, le=1, description="Of any change of geometry.")
    rotation_degrees: float = Field(default=15, ge=0, le=180)
    scale: float = Field(default=1.3, ge=1, le=3, description="Between 1 / scale and scale.")
    shift: float = Field(default=0.15, ge=0, le=1, description="Part of the image's side.")
    elastic_pixels: float = Field(default=2.0, ge=0, le=20)
    blur_pixels: float = Field(default=0.8, ge=0, le=5)
    thinning: float = Field(default=0.3, gt=0, le=1, description="Smallest part of counts kept.")
    rounding: float = Field(default=0, ge=0, le=1, description="Probability.")
    gain: float = Field(default=1.2, ge=1, le=3, description="Uneven sensitivity over the field.")
    flip: bool = True
    outline: float = Field(
        default=0, ge=0, le=0.2, description="Of the gland in a close-up; part of the side."
    )


class Stage(Strict):
    """Epochs at one image size; the learning rate falls over each stage along a cosine.

    A stage may have an `architecture` of its own, which the next one grows from: layers of the
    same name and shape keep what they have learnt. The last stage has the recipe's.
    """

    architecture: str | None = None
    size: int = Field(ge=16, le=1024)
    epochs: int = Field(ge=1)
    batch: int = Field(ge=1, le=512)
    learning_rate: float = Field(gt=0, le=1)
    warm_up: float = Field(default=0.05, ge=0, lt=1, description="Part of the stage's steps.")
    patience: int = Field(default=0, ge=0, description="Epochs without progress; 0: never stop.")
    frozen_encoder: bool = Field(
        default=False, description="The way down learns nothing new: for few scans, after --from."
    )

    @field_validator("architecture")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        return None if name is None else _known_architecture(name)


class Recipe(Strict):
    """The whole recipe. `split` is the part of patients for training, the rest validates."""

    name: str = Field(pattern=r"^[a-z][a-z0-9.-]*$")
    model: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    labels: tuple[str, ...] = Field(default=("thyroid",), min_length=1, max_length=1)
    seed: int = Field(default=1, ge=0)
    split: float = Field(default=0.9, gt=0, lt=1)
    images_per_epoch: int = Field(default=2000, ge=1)
    validation_images: int = Field(default=200, ge=1)
    emphasis: dict[str, dict[str, Annotated[int, Field(ge=1, le=10)]]] = Field(
        default={}, description="Property of scans, value: how often such a scan is shown."
    )
    weight_decay: float = Field(default=1e-4, ge=0)
    missed: float = Field(
        default=0.5, gt=0, lt=1, description="A missed pixel's part in the error; 0.5: Dice."
    )
    overlap: float = Field(
        default=1.0, ge=0, le=1, description="Weight of Dice in the loss, beside cross-entropy."
    )
    keep: Literal["best", "last"] = Field(
        default="best",
        description="The epoch that is released: the best by Dice at the threshold, or the last.",
    )
    threshold: float = Field(default=0.5, gt=0, lt=1)
    minimum_area_pixels: int = Field(default=30, ge=0)
    network: Network = Network()
    preprocessing: Preprocessing | CloseUp = Preprocessing()
    augmentation: Augmentation = Augmentation()
    stages: tuple[Stage, ...] = Field(min_length=1)
    margins: Margins = Margins()
    operating_point: OperatingPoint = USUAL

    @model_validator(mode="after")
    def _sizes_fit(self) -> Recipe:
        for number, stage in enumerate(self.stages):
            name = stage.architecture or self.network.architecture
            step = 2 ** (self.network.depth + HALVINGS_BEFORE[name])
            if stage.size % step:
                raise ValueError(
                    f"stages.{number}.size must be a multiple of {step} "
                    f"at network.depth {self.network.depth}, got {stage.size}"
                )
            if stage.batch > self.images_per_epoch:
                raise ValueError(
                    f"stages.{number}.batch must not be above images_per_epoch "
                    f"({self.images_per_epoch}), got {stage.batch}"
                )
        if self.stages[-1].architecture is not None:
            raise ValueError(
                "the last stage has the architecture of the section network, "
                f"got stages.{len(self.stages) - 1}.architecture "
                f"{self.stages[-1].architecture!r}"
            )
        if self.stages[-1].size != self.preprocessing.size:
            raise ValueError(
                f"the last stage's size must be preprocessing.size "
                f"({self.preprocessing.size}), got {self.stages[-1].size}"
            )
        return self


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe. Raises RecipeError naming file, key and value."""
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise RecipeError(f"cannot read {path}: {fault.strerror}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise RecipeError(f"{path} is not TOML: {fault}") from fault
    try:
        return Recipe.model_validate(content)
    except ValidationError as fault:
        raise RecipeError(f"{path}: {_first(fault)}") from fault


def _first(fault: ValidationError) -> str:
    """Key, message and value of the first error."""
    first = fault.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if not key:
        return str(first["msg"])
    return f"{key}: {first['msg']}, got {first['input']!r}"
