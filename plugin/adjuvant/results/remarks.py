"""The interpretations' remarks in the languages of the picture."""
# ruff: noqa: RUF001 - dashes and apostrophes as these languages write them

from __future__ import annotations

import re

from adjuvant.results.texts import TEXTS, Language

# By the English sentence without its full stop and without the frame that it is about.
REMARKS: dict[str, dict[Language, str]] = {
    "no thyroid uptake seen": {
        "fr": "pas de fixation thyroïdienne visible",
        "de": "keine Anreicherung der Schilddrüse sichtbar",
        "nl": "geen opname in de schildklier zichtbaar",
    },
    "the gland reaches the border of the image and may be cut off": {
        "fr": "la glande touche le bord de l’image et peut être coupée",
        "de": "die Schilddrüse reicht an den Bildrand und ist vielleicht abgeschnitten",
        "nl": "de schildklier raakt de rand van het beeld en is misschien afgesneden",
    },
    "pixels are at the largest value that can be stored: counts are too low": {
        "fr": "des pixels ont la plus grande valeur possible : les coups sont sous-estimés",
        "de": "Pixel haben den größten speicherbaren Wert: die Impulse sind zu niedrig",
        "nl": "pixels hebben de grootst mogelijke waarde: het aantal tellen is te laag",
    },
    "no area in cm²: the collimator magnifies (pinhole or focused)": {
        "fr": "pas de surface en cm² : le collimateur agrandit (pinhole ou focalisé)",
        "de": "keine Fläche in cm²: der Kollimator vergrößert (Pinhole oder fokussierend)",
        "nl": "geen oppervlakte in cm²: de collimator vergroot (pinhole of gefocusseerd)",
    },
    "the header does not tell the collimator; the area holds for parallel holes only": {
        "fr": "collimateur non indiqué : la surface ne vaut que pour des trous parallèles",
        "de": "Kollimator nicht angegeben: die Fläche gilt nur für parallele Bohrungen",
        "nl": "collimator niet vermeld: de oppervlakte geldt alleen voor parallelle gaten",
    },
}


def translate(remark: str, language: Language) -> str:
    """A remark in this language; in English where there is no translation.

    Better untranslated than unsaid.
    """
    found = re.fullmatch(r"(?:Frame (?P<number>\d+): )?(?P<said>.*?)\.?", remark, re.DOTALL)
    if found is None:
        return remark
    said = found["said"][:1].lower() + found["said"][1:]
    translation = REMARKS.get(said, {}).get(language)
    if translation is None:
        return remark
    if found["number"] is None:
        return f"{translation[0].upper()}{translation[1:]}."
    return f"{TEXTS[language].frame.format(number=found['number'])}: {translation}."
