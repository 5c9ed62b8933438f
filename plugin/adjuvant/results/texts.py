"""The words on the picture, in the languages of the departments that use it."""
# ruff: noqa: RUF001 - dashes and apostrophes as these languages write them

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "fr", "de", "nl"]


@dataclass(frozen=True)
class Texts:
    """One language. `right` and `left` are the marks of the patient's sides."""

    adjuvant_only: str
    simulated: str
    titles: dict[str, str]
    views: dict[str, str]
    frame: str
    right: str
    left: str
    area: str
    counts: str
    ratio: str
    pixels: str
    nothing_seen: str
    not_measured: str
    model: str
    more_frames: str
    counts_per_pixel: tuple[str, str]
    decimal: str
    thousands: str
    structures: dict[str, str]


def number(value: float, digits: int, texts: Texts) -> str:
    """A number as this language writes it, with `digits` after the decimal mark."""
    plain = f"{value:,.{digits}f}"
    return "".join({",": texts.thousands, ".": texts.decimal}.get(sign, sign) for sign in plain)


TEXTS: dict[Language, Texts] = {
    "en": Texts(
        adjuvant_only="AI adjuvant – not a substitute for interpretation",
        simulated="trained on simulated scans – not for clinical use",
        titles={"thyroid": "Thyroid scintigraphy"},
        views={
            "anterior": "Anterior",
            "posterior": "Posterior",
            "left anterior oblique": "Left anterior oblique",
            "right anterior oblique": "Right anterior oblique",
            "left posterior oblique": "Left posterior oblique",
            "right posterior oblique": "Right posterior oblique",
            "left lateral": "Left lateral",
            "right lateral": "Right lateral",
        },
        frame="Frame {number}",
        right="R",
        left="L",
        area="Gland area",
        counts="Gland counts",
        ratio="Gland / background",
        pixels="pixels",
        nothing_seen="No thyroid uptake seen",
        not_measured="not measured",
        model="model {name} {version}",
        more_frames="{count} more views are not shown",
        counts_per_pixel=("counts", "/ pixel"),
        decimal=".",
        thousands=",",
        structures={},
    ),
    "fr": Texts(
        adjuvant_only="Aide par IA – ne remplace pas l’interprétation médicale",
        simulated="entraîné sur des images simulées – pas d’usage clinique",
        titles={"thyroid": "Scintigraphie thyroïdienne"},
        views={
            "anterior": "Face antérieure",
            "posterior": "Face postérieure",
            "left anterior oblique": "Oblique antérieure gauche",
            "right anterior oblique": "Oblique antérieure droite",
            "left posterior oblique": "Oblique postérieure gauche",
            "right posterior oblique": "Oblique postérieure droite",
            "left lateral": "Profil gauche",
            "right lateral": "Profil droit",
        },
        frame="Image {number}",
        right="D",
        left="G",
        area="Surface de la glande",
        counts="Coups dans la glande",
        ratio="Glande / bruit de fond",
        pixels="pixels",
        nothing_seen="Pas de fixation thyroïdienne visible",
        not_measured="non mesuré",
        model="modèle {name} {version}",
        more_frames="{count} autres incidences ne sont pas montrées",
        counts_per_pixel=("coups", "/ pixel"),
        decimal=",",
        thousands="\u00a0",
        structures={"69748006": "Thyroïde"},
    ),
    "de": Texts(
        adjuvant_only="KI-Hilfe – ersetzt nicht die ärztliche Befundung",
        simulated="mit simulierten Aufnahmen trainiert – nicht für klinischen Gebrauch",
        titles={"thyroid": "Schilddrüsenszintigraphie"},
        views={
            "anterior": "Ventral",
            "posterior": "Dorsal",
            "left anterior oblique": "Links ventral schräg",
            "right anterior oblique": "Rechts ventral schräg",
            "left posterior oblique": "Links dorsal schräg",
            "right posterior oblique": "Rechts dorsal schräg",
            "left lateral": "Links lateral",
            "right lateral": "Rechts lateral",
        },
        frame="Bild {number}",
        right="R",
        left="L",
        area="Fläche der Schilddrüse",
        counts="Impulse der Schilddrüse",
        ratio="Schilddrüse / Untergrund",
        pixels="Pixel",
        nothing_seen="Keine Anreicherung der Schilddrüse sichtbar",
        not_measured="nicht gemessen",
        model="Modell {name} {version}",
        more_frames="{count} weitere Ansichten sind nicht gezeigt",
        counts_per_pixel=("Impulse", "/ Pixel"),
        decimal=",",
        thousands=".",
        structures={"69748006": "Schilddrüse"},
    ),
    "nl": Texts(
        adjuvant_only="AI-hulpmiddel – geen vervanging van de beoordeling",
        simulated="getraind op gesimuleerde scans – niet voor klinisch gebruik",
        titles={"thyroid": "Schildklierscintigrafie"},
        views={
            "anterior": "Anterieur",
            "posterior": "Posterieur",
            "left anterior oblique": "Links anterieur schuin",
            "right anterior oblique": "Rechts anterieur schuin",
            "left posterior oblique": "Links posterieur schuin",
            "right posterior oblique": "Rechts posterieur schuin",
            "left lateral": "Links lateraal",
            "right lateral": "Rechts lateraal",
        },
        frame="Beeld {number}",
        right="R",
        left="L",
        area="Oppervlakte schildklier",
        counts="Tellen in schildklier",
        ratio="Schildklier / achtergrond",
        pixels="pixels",
        nothing_seen="Geen opname in de schildklier zichtbaar",
        not_measured="niet gemeten",
        model="model {name} {version}",
        more_frames="{count} andere opnamen worden niet getoond",
        counts_per_pixel=("tellen", "/ pixel"),
        decimal=",",
        thousands=".",
        structures={"69748006": "Schildklier"},
    ),
}
