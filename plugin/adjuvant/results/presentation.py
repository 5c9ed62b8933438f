"""How the picture speaks and looks: what a department chooses in its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "fr", "de", "nl"]
ColourMap = Literal["inverse grey", "hot iron", "hot metal blue"]


@dataclass(frozen=True)
class Presentation:
    """The language of the words on the picture, and the colours in which counts are shown."""

    language: Language = "en"
    colour_map: ColourMap = "inverse grey"


STANDARD = Presentation()
