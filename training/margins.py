"""How much worse than the version in service a candidate may be: part of the recipe.

Said before the training, as in the protocol of a non-inferiority trial, and kept with the run.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Margins(BaseModel):
    """Each holds for the far end of the 95 % interval of the difference on the test set.

    The first four are of a network for the gland, the next two of one for nodules. Rates are parts
    of one, distances mm.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dice: float = Field(default=0.005, ge=0, le=1, description="Mean over scans with a gland.")
    hausdorff_95_mm: float = Field(default=0.5, ge=0, description="Mean.")
    missed: float = Field(
        default=0.005,
        ge=0,
        le=1,
        description="Of scans with a gland: none outlined, or something else.",
    )
    drawn_without_gland: float = Field(
        default=0.2, ge=0, le=1, description="Of scans without one, of which there are few."
    )
    sensitivity: float = Field(
        default=0.05, ge=0, le=1, description="Of detectable nodules from 10 mm."
    )
    false_marks: float = Field(default=0.2, ge=0, description="In a scan, mean.")
    fewest_patients: int = Field(
        default=10, ge=2, description="With fewer in the test set nothing is judged."
    )
