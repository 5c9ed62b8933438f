"""The words on the picture, in the languages of the departments that use it."""
# ruff: noqa: RUF001 - dashes and apostrophes as these languages write them

from __future__ import annotations

import re
from dataclasses import dataclass

from adjuvant.findings import Segment
from adjuvant.nodule_measures import Third
from adjuvant.results.presentation import Language


@dataclass(frozen=True)
class Texts:
    """One language. `right` and `left` are the marks of the patient's sides, `sides_of_lobes` the
    words for the right and the left one, `thirds` for the parts of their height."""

    adjuvant_only: str
    simulated: str
    titles: dict[str, str]
    views: dict[str, str]
    frame: str
    limited_quality: str
    right: str
    left: str
    area: str
    volume: str
    uptake: str
    counts: str
    ratio: str
    sides: str
    sides_of_lobes: tuple[str, str]
    thirds: dict[Third, str]
    pixels: str
    nothing_seen: str
    not_measured: str
    model: str
    first_frames: str
    counts_per_pixel: tuple[str, str]
    decimal: str
    thousands: str
    structures: dict[str, str]


def number(value: float, digits: int, texts: Texts) -> str:
    """A number as this language writes it, with `digits` after the decimal mark."""
    plain = f"{value:,.{digits}f}"
    return "".join({",": texts.thousands, ".": texts.decimal}.get(sign, sign) for sign in plain)


def number_of(segment: Segment) -> str:
    """The number at the end of a segment's label, such as that of `Cold nodule 2`; "" for none."""
    found = re.search(r"\d+$", segment.label)
    return found[0] if found else ""


def name_of(segment: Segment, texts: Texts) -> str:
    """A segment's name in this language; its own label where there is none."""
    name = texts.structures.get(segment.type.value)
    return f"{name} {number_of(segment)}".strip() if name else segment.label


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
        limited_quality="limited quality:",
        right="R",
        left="L",
        area="Gland area",
        volume="Volume (estimate)",
        uptake="Uptake",
        counts="Gland counts",
        ratio="Gland / background",
        sides="Right / left counts",
        sides_of_lobes=("right", "left"),
        thirds={"upper": "upper", "middle": "middle", "lower": "lower"},
        pixels="pixels",
        nothing_seen="No thyroid uptake seen",
        not_measured="not measured",
        model="model {title}",
        first_frames="The first {shown} of {all} views are shown.",
        counts_per_pixel=("counts", "/ pixel"),
        decimal=".",
        thousands=",",
        structures={
            "69748006": "Thyroid",
            "29565003": "Right lobe",
            "79163004": "Left lobe",
            "27925004": "Cold nodule",
            "237495005": "Cold nodule",
        },
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
        limited_quality="qualité limitée :",
        right="D",
        left="G",
        area="Surface de la glande",
        volume="Volume (estimé)",
        uptake="Fixation",
        counts="Coups dans la glande",
        ratio="Glande / bruit de fond",
        sides="Coups à droite / à gauche",
        sides_of_lobes=("droite", "gauche"),
        thirds={"upper": "haut", "middle": "milieu", "lower": "bas"},
        pixels="pixels",
        nothing_seen="Pas de fixation thyroïdienne visible",
        not_measured="non mesuré",
        model="modèle {title}",
        first_frames="Les {shown} premières incidences sur {all} sont montrées.",
        counts_per_pixel=("coups", "/ pixel"),
        decimal=",",
        thousands="\u00a0",
        structures={
            "69748006": "Thyroïde",
            "29565003": "Lobe droit",
            "79163004": "Lobe gauche",
            "27925004": "Nodule froid",
            "237495005": "Nodule froid",
        },
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
        limited_quality="eingeschränkte Qualität:",
        right="R",
        left="L",
        area="Fläche der Schilddrüse",
        volume="Volumen (geschätzt)",
        uptake="Uptake",
        counts="Impulse der Schilddrüse",
        ratio="Schilddrüse / Untergrund",
        sides="Impulse rechts / links",
        sides_of_lobes=("rechts", "links"),
        thirds={"upper": "oben", "middle": "Mitte", "lower": "unten"},
        pixels="Pixel",
        nothing_seen="Keine Anreicherung der Schilddrüse sichtbar",
        not_measured="nicht gemessen",
        model="Modell {title}",
        first_frames="Die ersten {shown} von {all} Ansichten sind gezeigt.",
        counts_per_pixel=("Impulse", "/ Pixel"),
        decimal=",",
        thousands=".",
        structures={
            "69748006": "Schilddrüse",
            "29565003": "Rechter Lappen",
            "79163004": "Linker Lappen",
            "27925004": "Kalter Knoten",
            "237495005": "Kalter Knoten",
        },
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
        limited_quality="beperkte kwaliteit:",
        right="R",
        left="L",
        area="Oppervlakte schildklier",
        volume="Volume (schatting)",
        uptake="Opname",
        counts="Tellen in schildklier",
        ratio="Schildklier / achtergrond",
        sides="Tellen rechts / links",
        sides_of_lobes=("rechts", "links"),
        thirds={"upper": "boven", "middle": "midden", "lower": "onder"},
        pixels="pixels",
        nothing_seen="Geen opname in de schildklier zichtbaar",
        not_measured="niet gemeten",
        model="model {title}",
        first_frames="De eerste {shown} van {all} opnamen worden getoond.",
        counts_per_pixel=("tellen", "/ pixel"),
        decimal=",",
        thousands=".",
        structures={
            "69748006": "Schildklier",
            "29565003": "Rechterkwab",
            "79163004": "Linkerkwab",
            "27925004": "Koude nodus",
            "237495005": "Koude nodus",
        },
    ),
}
