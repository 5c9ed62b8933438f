"""Where a network for nodules is to work: part of the recipe, and so said before the training."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OperatingPoint(BaseModel):
    """What the threshold is chosen by at release, on the validation scans.

    It is the highest at which `sensitivity` of the detectable nodules from 10 mm are found with at
    most `false_marks`; where there is none such, the one that finds most of them with as many.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sensitivity: float = Field(
        default=0.95, gt=0, le=1, description="Of detectable nodules from 10 mm."
    )
    false_marks: float = Field(default=0.5, ge=0, description="In a scan, mean: the most.")


USUAL = OperatingPoint()
