"""The interpretations' remarks in the languages of the picture."""
# ruff: noqa: RUF001 - dashes and apostrophes as these languages write them

from __future__ import annotations

import re
from functools import lru_cache

from adjuvant.results.presentation import Language
from adjuvant.results.texts import TEXTS, Texts, number

# By the English sentence without its full stop, without the frame that it is about, and without
# saying that the quality is limited. What stands in braces differs from scan to scan; of two that
# fit, the first counts.
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
    "by its header the image is turned: the gland may be missed or drawn wrongly": {
        "fr": "image tournée selon l’en-tête : glande peut-être manquée ou mal délimitée",
        "de": "laut Header gedrehtes Bild: Schilddrüse vielleicht übersehen oder falsch umrissen",
        "nl": "volgens de header gedraaid beeld: schildklier misschien gemist of fout omlijnd",
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
    "frame {frame} holds no signal and was not analysed": {
        "fr": "l’image {frame} ne contient aucun signal et n’a pas été analysée",
        "de": "Bild {frame} enthält kein Signal und wurde nicht ausgewertet",
        "nl": "beeld {frame} bevat geen signaal en is niet geanalyseerd",
    },
    "few counts ({total} counts, below {limit}): the outline is less certain": {
        "fr": "peu de coups ({total}, moins de {limit}) : le contour est moins sûr",
        "de": "wenige Impulse ({total}, unter {limit}): der Umriss ist weniger sicher",
        "nl": "weinig tellen ({total}, minder dan {limit}): de omtrek is minder zeker",
    },
    "the gland is {ratio} times its background: the outline is uncertain": {
        "fr": "la glande vaut {ratio} fois le fond, contour incertain",
        "de": "Schilddrüse {ratio}-mal Untergrund, Umriss unsicher",
        "nl": "schildklier {ratio} keer de achtergrond, omtrek onzeker",
    },
    "a part of the gland is {ratio} times as bright as the rest: its outline is uncertain": {
        "fr": "une partie vaut {ratio} fois le reste, au contour incertain",
        "de": "ein Teil ist {ratio}-mal so hell wie der Rest, dessen Umriss unsicher ist",
        "nl": "een deel is {ratio} keer zo fel als de rest, met onzekere omtrek",
    },
    "the network itself expects a Dice of only {ratio} for this outline": {
        "fr": "le réseau lui-même n’attend qu’un Dice de {ratio} pour ce contour",
        "de": "das Netz selbst erwartet für diesen Umriss nur einen Dice von {ratio}",
        "nl": "het netwerk zelf verwacht voor deze omtrek maar een Dice van {ratio}",
    },
    "the image is unlike those of the training: its counts ({ratio} times the limit)": {
        "fr": "différente de l’apprentissage par ses coups ({ratio} fois la limite)",
        "de": "anders als die Bilder des Trainings: Impulse ({ratio}-mal die Grenze)",
        "nl": "anders dan de beelden van de training: tellen ({ratio} keer de grens)",
    },
    "the image is unlike those of the training: its empty pixels ({ratio} times the limit)": {
        "fr": "différente de l’apprentissage par ses pixels vides ({ratio} fois la limite)",
        "de": "anders als die Bilder des Trainings: leere Pixel ({ratio}-mal die Grenze)",
        "nl": "anders dan de beelden van de training: lege pixels ({ratio} keer de grens)",
    },
    "the image is unlike those of the training: its noise ({ratio} times the limit)": {
        "fr": "différente de l’apprentissage par son bruit ({ratio} fois la limite)",
        "de": "anders als die Bilder des Trainings: Rauschen ({ratio}-mal die Grenze)",
        "nl": "anders dan de beelden van de training: ruis ({ratio} keer de grens)",
    },
    "the image is unlike those of the training: its brightness ({ratio} times the limit)": {
        "fr": "différente de l’apprentissage par ses niveaux ({ratio} fois la limite)",
        "de": "anders als die Bilder des Trainings: Helligkeitsstufen ({ratio}-mal die Grenze)",
        "nl": "anders dan de beelden van de training: helderheid ({ratio} keer de grens)",
    },
    "the image is unlike those of the training: where its counts lie ({ratio} times the limit)": {
        "fr": "différente de l’apprentissage par le lieu des coups ({ratio} fois la limite)",
        "de": "anders als die Bilder des Trainings: Lage der Impulse ({ratio}-mal die Grenze)",
        "nl": "anders dan de beelden van de training: plaats van de tellen ({ratio} keer de grens)",
    },
    "something outside of the gland is {ratio} times as bright (contamination, marker, saliva?)": {
        "fr": "hors de la glande, {ratio} fois plus intense (contamination, repère, salive ?)",
        "de": "außerhalb der Schilddrüse {ratio}-mal so hell (Kontamination, Marker, Speichel?)",
        "nl": "buiten de schildklier {ratio} keer zo fel (besmetting, marker, speeksel?)",
    },
    "no area in cm²: the header has no PixelSpacing": {
        "fr": "pas de surface en cm² : PixelSpacing absent de l’en-tête",
        "de": "keine Fläche in cm²: PixelSpacing fehlt im Header",
        "nl": "geen oppervlakte in cm²: PixelSpacing ontbreekt in de header",
    },
    "no area in cm²: PixelSpacing is not two numbers from {low} to {high}": {
        "fr": "pas de surface en cm² : PixelSpacing n’est pas deux nombres de {low} à {high}",
        "de": "keine Fläche in cm²: PixelSpacing ist nicht zwei Zahlen von {low} bis {high}",
        "nl": "geen oppervlakte in cm²: PixelSpacing is niet twee getallen van {low} tot {high}",
    },
    "cold nodules are candidates for a second look: some are none, others are missed": {
        "fr": "nodules froids : à relire, certains n’en sont pas, d’autres manquent",
        "de": "kalte Knoten für einen zweiten Blick: manche sind keine, andere fehlen",
        "nl": "koude nodi voor een tweede blik: sommige zijn er geen, andere ontbreken",
    },
    "no cold nodule is marked: small and faint ones may be missed": {
        "fr": "aucun nodule froid n’est marqué : un petit ou un faible peut échapper",
        "de": "kein kalter Knoten markiert: kleine und schwache können übersehen sein",
        "nl": "geen koude nodus gemarkeerd: kleine en zwakke kunnen gemist zijn",
    },
    "the {count} most probable of {all} places are marked": {
        "fr": "les {count} endroits les plus probables sur {all} sont marqués",
        "de": "die {count} wahrscheinlichsten von {all} Stellen sind markiert",
        "nl": "de {count} waarschijnlijkste van {all} plaatsen zijn gemarkeerd",
    },
    "lobes are not told apart: the header does not tell the view": {
        "fr": "lobes non distingués : l’en-tête n’indique pas l’incidence",
        "de": "Lappen nicht unterschieden: der Header nennt die Ansicht nicht",
        "nl": "kwabben niet onderscheiden: de header vermeldt de richting niet",
    },
    "lobes are not told apart: the header contradicts the view": {
        "fr": "lobes non distingués : l’en-tête contredit l’incidence",
        "de": "Lappen nicht unterschieden: der Header widerspricht der Ansicht",
        "nl": "kwabben niet onderscheiden: de header spreekt de richting tegen",
    },
    "lobes are not told apart: a {view} view is not split": {
        "fr": "lobes non distingués sur cette incidence ({view})",
        "de": "Lappen in dieser Ansicht nicht unterschieden ({view})",
        "nl": "kwabben bij deze richting niet onderscheiden ({view})",
    },
    "lobes are not told apart: the outline is too small": {
        "fr": "lobes non distingués : le contour est trop petit",
        "de": "Lappen nicht unterschieden: der Umriss ist zu klein",
        "nl": "kwabben niet onderscheiden: de omtrek is te klein",
    },
    "lobes are not told apart: no waist between two lobes is seen": {
        "fr": "lobes non distingués : aucun rétrécissement entre deux lobes n’est visible",
        "de": "Lappen nicht unterschieden: keine Einschnürung zwischen zwei Lappen sichtbar",
        "nl": "kwabben niet onderscheiden: geen insnoering tussen twee kwabben zichtbaar",
    },
    "the isthmus is not told apart and counts with the lobes": {
        "fr": "l’isthme n’est pas distingué et compte avec les lobes",
        "de": "der Isthmus ist nicht abgrenzbar und zählt zu den Lappen",
        "nl": "de isthmus is niet te onderscheiden en telt bij de kwabben mee",
    },
    "uptake is not measured: the header has no AcquisitionDate and AcquisitionTime": {
        "fr": "fixation non mesurée : AcquisitionDate et AcquisitionTime absents de l’en-tête",
        "de": "Uptake nicht gemessen: AcquisitionDate und AcquisitionTime fehlen im Header",
        "nl": "opname niet gemeten: AcquisitionDate en AcquisitionTime ontbreken in de header",
    },
    "uptake is not measured: the header has no {keyword}": {
        "fr": "fixation non mesurée : {keyword} absent de l’en-tête",
        "de": "Uptake nicht gemessen: {keyword} fehlt im Header",
        "nl": "opname niet gemeten: {keyword} ontbreekt in de header",
    },
    "uptake is not measured: the collimator magnifies (pinhole or focused)": {
        "fr": "fixation non mesurée : le collimateur agrandit (pinhole ou focalisé)",
        "de": "Uptake nicht gemessen: der Kollimator vergrößert (Pinhole oder fokussierend)",
        "nl": "opname niet gemeten: de collimator vergroot (pinhole of gefocusseerd)",
    },
    "uptake is not measured: the scan has several energy windows": {
        "fr": "fixation non mesurée : plusieurs fenêtres d’énergie",
        "de": "Uptake nicht gemessen: mehrere Energiefenster",
        "nl": "opname niet gemeten: meerdere energievensters",
    },
    "uptake is not measured: the counts are corrected for decay": {
        "fr": "fixation non mesurée : coups corrigés de la décroissance",
        "de": "Uptake nicht gemessen: die Impulse sind zerfallskorrigiert",
        "nl": "opname niet gemeten: de tellen zijn voor verval gecorrigeerd",
    },
    "uptake is not measured: the header names several radiopharmaceuticals": {
        "fr": "fixation non mesurée : plusieurs produits radiopharmaceutiques dans l’en-tête",
        "de": "Uptake nicht gemessen: der Header nennt mehrere Radiopharmaka",
        "nl": "opname niet gemeten: de header noemt meerdere radiofarmaca",
    },
    "uptake is not measured: there is no background around the gland": {
        "fr": "fixation non mesurée : pas de fond autour de la glande",
        "de": "Uptake nicht gemessen: kein Untergrund um die Schilddrüse",
        "nl": "opname niet gemeten: geen achtergrond rond de schildklier",
    },
    "uptake is not measured: the injection is later than the acquisition": {
        "fr": "fixation non mesurée : l’injection est postérieure à l’acquisition",
        "de": "Uptake nicht gemessen: die Injektion liegt nach der Aufnahme",
        "nl": "opname niet gemeten: de injectie is later dan de acquisitie",
    },
    "uptake is not measured: the injection is {hours} h before the acquisition": {
        "fr": "fixation non mesurée : injection {hours} h avant l’acquisition",
        "de": "Uptake nicht gemessen: die Injektion liegt {hours} h vor der Aufnahme",
        "nl": "opname niet gemeten: de injectie is {hours} h voor de acquisitie",
    },
    "uptake is not measured: RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are "
    "different times": {
        "fr": "fixation non mesurée : RadiopharmaceuticalStartDateTime et "
        "RadiopharmaceuticalStartTime diffèrent",
        "de": "Uptake nicht gemessen: RadiopharmaceuticalStartDateTime und "
        "RadiopharmaceuticalStartTime sind verschiedene Zeiten",
        "nl": "opname niet gemeten: RadiopharmaceuticalStartDateTime en "
        "RadiopharmaceuticalStartTime verschillen",
    },
    "uptake is not measured: it would be more than 100 %: sensitivity, activity or times are "
    "wrong": {
        "fr": "fixation non mesurée : plus de 100 % : sensibilité, activité ou heures erronées",
        "de": "Uptake nicht gemessen: über 100 %: Empfindlichkeit, Aktivität oder Zeiten falsch",
        "nl": "opname niet gemeten: meer dan 100 %: gevoeligheid, activiteit of tijden onjuist",
    },
    "uptake is not measured: RadionuclideTotalDose {dose} cannot be an activity in MBq": {
        "fr": "fixation non mesurée : RadionuclideTotalDose {dose} n’est pas une activité en MBq",
        "de": "Uptake nicht gemessen: RadionuclideTotalDose {dose} ist keine Aktivität in MBq",
        "nl": "opname niet gemeten: RadionuclideTotalDose {dose} is geen activiteit in MBq",
    },
    "uptake is not measured: RadionuclideCodeSequence names none of Tc-99m, I-123 and I-131": {
        "fr": "fixation non mesurée : RadionuclideCodeSequence sans Tc-99m, I-123 ni I-131",
        "de": "Uptake nicht gemessen: RadionuclideCodeSequence ohne Tc-99m, I-123 oder I-131",
        "nl": "opname niet gemeten: RadionuclideCodeSequence noemt geen van Tc-99m, I-123 en I-131",
    },
    "uptake of {percent} % is below the reference range {low} to {high} %": {
        "fr": "fixation de {percent} % sous l’intervalle de référence ({low} à {high} %)",
        "de": "Uptake von {percent} % unter dem Referenzbereich ({low} bis {high} %)",
        "nl": "opname van {percent} % onder het referentiegebied ({low} tot {high} %)",
    },
    "uptake of {percent} % is above the reference range {low} to {high} %": {
        "fr": "fixation de {percent} % au-dessus de l’intervalle de référence ({low} à {high} %)",
        "de": "Uptake von {percent} % über dem Referenzbereich ({low} bis {high} %)",
        "nl": "opname van {percent} % boven het referentiegebied ({low} tot {high} %)",
    },
}

WHOLE = re.compile(
    r"(?:Frame (?P<number>\d+): )?(?P<limited>limited quality: )?(?P<said>.*?)\.?", re.DOTALL
)


def translate(remark: str, language: Language) -> str:
    """A remark in this language; in English where there is no translation.

    Better untranslated than unsaid.
    """
    found = WHOLE.fullmatch(remark)
    if found is None:
        return remark
    translation = _translation(found["said"][:1].lower() + found["said"][1:], language)
    if translation is None:
        return remark
    if found["limited"] is not None:
        translation = f"{TEXTS[language].limited_quality} {translation}"
    if found["number"] is None:
        return f"{translation[0].upper()}{translation[1:]}."
    colon = " :" if language == "fr" else ":"
    return f"{TEXTS[language].frame.format(number=found['number'])}{colon} {translation}."


def _translation(said: str, language: Language) -> str | None:
    for sentence, translations in REMARKS.items():
        found = _pattern(sentence).fullmatch(said)
        if found is not None and language in translations:
            words = {name: _word(word, TEXTS[language]) for name, word in found.groupdict().items()}
            return translations[language].format(**words)
    return None


@lru_cache(maxsize=64)
def _pattern(sentence: str) -> re.Pattern[str]:
    """What is in braces as a group of that name."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(sentence)))


def _word(word: str, texts: Texts) -> str:
    """A number or the name of a view, as the language writes it."""
    if found := re.fullmatch(r"[\d,]+(?:\.(\d+))?", word):
        return number(float(word.replace(",", "")), len(found[1] or ""), texts)
    return texts.views.get(word, word)
