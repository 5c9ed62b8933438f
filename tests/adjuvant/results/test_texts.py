"""Every language says everything, in characters that the picture's font has."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest

from adjuvant.results.drawing import font
from adjuvant.results.remarks import REMARKS, translate
from adjuvant.results.texts import TEXTS, Language, number

LANGUAGES = get_args(Language)


def words(language: Language) -> list[str]:
    texts = TEXTS[language]
    found = [translation.get(language, "") for translation in REMARKS.values()]
    for field in fields(texts):
        value = getattr(texts, field.name)
        found += value.values() if isinstance(value, dict) else value
    return found


def test_every_language_is_there():
    assert set(TEXTS) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("bold", [False, True])
def test_the_font_has_every_character(language: Language, bold: bool):
    typeface = font(40, bold)
    missing = bytes(typeface.getmask("\U000fffff"))
    for character in set("".join(words(language))) - set(" \u00a0"):
        assert bytes(typeface.getmask(character)) != missing, character


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_names_the_same_views(language: Language):
    assert TEXTS[language].views.keys() == TEXTS["en"].views.keys()


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", "1,234.5"), ("fr", "1\u00a0234,5"), ("de", "1.234,5"), ("nl", "1.234,5")],
)
def test_numbers_are_written_as_the_language_does(language: Language, written: str):
    assert number(1234.5, 1, TEXTS[language]) == written


@pytest.mark.parametrize("remark", REMARKS)
def test_every_remark_has_every_other_language(remark: str):
    assert set(REMARKS[remark]) == set(LANGUAGES) - {"en"}


def test_a_remark_on_a_frame_names_the_frame_in_the_language():
    remark = "Frame 2: no thyroid uptake seen."
    assert translate(remark, "en") == remark
    assert translate(remark, "fr") == "Image 2 : pas de fixation thyroïdienne visible."
    assert translate("No thyroid uptake seen.", "de").startswith("Keine Anreicherung")


def test_an_unknown_remark_stays_as_it_is():
    assert translate("Something new.", "nl") == "Something new."
