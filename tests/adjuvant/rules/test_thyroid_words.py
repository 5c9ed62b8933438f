"""Which headers name the thyroid, with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from adjuvant.header import quiet
from adjuvant.image import read_header
from adjuvant.rules.thyroid import TEXTS, THYROID, explain_thyroid
from adjuvant.rules.verdict import Verdict
from tests.adjuvant.rules.rule_sets import header
from tests.fuzz import tried
from tests.headers import STYLES, code_item, nm_dataset, thyroid_counts, to_bytes

YES = [
    "Thyroid scan",
    "THYROID UPTAKE AND SCAN",
    "NM Thyroid w/ Tc-99m",
    "Scintigraphie thyroïdienne",
    "SCINTIGRAPHIE DE LA THYROÏDE",
    "Scinti thyréoïdienne",
    "SCINTI THYR",
    "Schilddrüsenszintigraphie",
    "Schilddruesen-Szinti",
    "SCHILDDR?SE",
    "SD-Szinti",
    "SD_Szintigramm",
    "Schildklierscintigrafie",
    "Scintigrafia tiroidea",
    "Gammagrafía de tiroides",
    "Hyperthyroidism, ? Graves",
    "Hyperthyreose",
    "athyroid child, ectopic gland?",
    "Status nach Thyreoidektomie",
    "Struma nodosa",
    "multinodular goitre",
    "THYROID GEN",
]
NO = [
    "Whole body bone scan",
    "Knochenszintigraphie",
    "Renal dynamic",
    "MIBG, thyroid blocked",
    "MIBG, Schilddrüsenblockade",
    "MIBG apres blocage de la thyroide",
    "Thyrogen, iodine whole body",
    "Thyroglobulin rising",
    "sternothyroid muscle",
    "SD card copy",
    "",
]
PARATHYROID = [
    "Parathyroid MIBI",
    "PARATHYROID / THYROID subtraction",
    "Scintigraphie des parathyroïdes",
    "Nebenschilddrüsenszintigraphie",
    "Bijschildklierscan",
    "Gammagrafía de paratiroides",
    "Scintigrafia paratiroidea",
    "Epithelkörperchen",
]


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_header_style_is_a_thyroid_scan(style: Callable[[], Dataset]):
    assert explain_thyroid(read_header(to_bytes(style()))).applies


@pytest.mark.parametrize("words", YES)
def test_words_for_the_thyroid_apply(words: str):
    assert explain_thyroid(header(StudyDescription=words)).applies


@pytest.mark.parametrize("words", NO)
def test_other_words_do_not_apply(words: str):
    verdict = explain_thyroid(header(StudyDescription=words))
    assert verdict == Verdict(
        False, "neither a description nor a code in the header names the thyroid"
    )


@pytest.mark.parametrize("words", PARATHYROID)
def test_parathyroid_studies_do_not_apply_even_where_the_thyroid_is_named_too(words: str):
    verdict = explain_thyroid(header(StudyDescription=words, BodyPartExamined="THYROID"))
    assert verdict == Verdict(False, "StudyDescription names the parathyroid")


@pytest.mark.parametrize(
    "words",
    [
        "Spritze voll",
        "Leerspritze",
        "Full syringe",
        "SYRINGE_PRE",
        "Seringue pleine",
        "siringa vuota",
        "jeringa llena",
        "jeringuilla",
        "Spuit vol",
    ],
)
@pytest.mark.parametrize("keyword", ["SeriesDescription", "ImageID"])
def test_a_syringe_is_no_thyroid_whose_study_it_lies_in(keyword: str, words: str):
    verdict = explain_thyroid(header(StudyDescription="Schilddrüse", **{keyword: words}))
    assert verdict == Verdict(False, f"{keyword} names a syringe")


@pytest.mark.parametrize(
    "words", ["Thyroid MIBI", "99mTc-Sestamibi", "SESTA-MIBI late", "tetrofosmin"]
)
def test_an_image_with_a_tracer_of_the_parathyroid_does_not_apply(words: str):
    found = "names a tracer of the parathyroid"
    for keyword in ("SeriesDescription", "ImageID"):
        ds = header(BodyPartExamined="THYROID", **{keyword: words})
        assert explain_thyroid(ds) == Verdict(False, f"{keyword} {found}")
    by_name, by_code = Dataset(), Dataset()
    by_name.Radiopharmaceutical = words
    by_code.RadiopharmaceuticalCodeSequence = [code_item("424299003", "SCT", words)]
    for given_ in ([by_name], [Dataset(), by_code]):
        ds = header(BodyPartExamined="THYROID", RadiopharmaceuticalInformationSequence=given_)
        verdict = Verdict(False, f"RadiopharmaceuticalInformationSequence {found}")
        assert explain_thyroid(ds) == verdict


def test_a_study_that_uses_another_tracer_as_well_applies():
    assert explain_thyroid(header(StudyDescription="Thyroid: pertechnetate, MIBI")).applies
    assert explain_thyroid(header(StudyDescription="Thyroid", SeriesDescription="amibiase")).applies


def test_an_image_of_both_and_other_words_are_no_syringe():
    for words in ("Schilddrüse mit Spritze", "Thyroid minus syringe", "verspuiting", "syringoma"):
        assert explain_thyroid(header(StudyDescription="Thyroid", SeriesDescription=words)).applies
    ds = header(StudyDescription="Thyroid, syringe counts", ProtocolName="Thyroid + syringe")
    assert explain_thyroid(ds).applies


@pytest.mark.parametrize("keyword", TEXTS)
def test_every_description_is_asked_and_named(keyword: str):
    verdict = explain_thyroid(header(**{keyword: "THYROID"}))
    assert verdict == Verdict(True, f"{keyword} has a word for the thyroid ('thyro')")


@pytest.mark.parametrize("fragment", THYROID)
def test_every_word_of_the_table_applies(fragment: str):
    assert explain_thyroid(header(SeriesDescription=f"x {fragment.upper()} y")).applies


@pytest.mark.parametrize(
    ("character_set", "written"),
    [
        ("ISO_IR 100", "Schilddrüse".encode("latin-1")),
        ("ISO_IR 192", "Schilddrüse".encode()),
        ("ISO_IR 192", "Schilddru\u0308se".encode()),
        ("", "Schilddrüse".encode()),
        ("", "Schilddrüse".encode("latin-1")),
        ("ISO_IR 100", "Thyréoïde".encode()),
        ("ISO_IR 192", "Thyroïde".encode("latin-1")),
        ("\\ISO 2022 IR 87", b"\x1b$B9C>u\x1b(B thyroid"),
        ("NOT A CHARACTER SET", b"THYROID"),
    ],
)
def test_words_survive_right_wrong_and_missing_character_sets(character_set: str, written: bytes):
    ds = header(StudyDescription="@" * (len(written) + len(written) % 2))
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPInstanceUID = "1.2.3"
    raw = to_bytes(with_file_meta(ds)).replace(
        ds.StudyDescription.encode(), written + b" " * (len(written) % 2)
    )
    declared = character_set.encode().ljust(10 + 2 * (len(character_set) > 10))
    before = b"CS\x0a\x00ISO_IR 192"
    after = b"CS" + len(declared.ljust(20)).to_bytes(2, "little") + declared.ljust(20)
    assert raw.count(before) == 1
    assert explain_thyroid(read_header(raw.replace(before, after))).applies


def with_file_meta(ds: Dataset) -> Dataset:
    ds.file_meta = nm_dataset(thyroid_counts(16, 16)).file_meta
    return ds


@pytest.mark.parametrize("scheme", ["SCT", "SRT"])
def test_codes_count_in_known_schemes(scheme: str):
    item = code_item("69748006", scheme, "")
    verdict = explain_thyroid(header(AnatomicRegionSequence=[item]))
    assert verdict == Verdict(True, "AnatomicRegionSequence has the code 69748006 (Thyroid)")


def test_the_same_number_in_a_local_scheme_means_nothing():
    item = code_item("69748006", "99LOCAL", "left knee")
    assert not explain_thyroid(header(AnatomicRegionSequence=[item])).applies


def test_a_parathyroid_code_does_not_apply():
    item = code_item("T-B7000", "SRT", "")
    ds = header(AnatomicRegionSequence=[item], StudyDescription="Thyroid")
    assert explain_thyroid(ds) == Verdict(False, "AnatomicRegionSequence names the parathyroid")


def test_the_request_is_asked_too():
    request = Dataset()
    request.ScheduledProcedureStepDescription = "Schildklier"
    assert explain_thyroid(header(RequestAttributesSequence=[request])).applies


@tried(200)
@given(st.text(max_size=64))
def test_reasons_never_repeat_the_text(name: str):
    words = f"thyroid {name}"
    verdict = explain_thyroid(header(StudyDescription=words, SeriesDescription=name))
    if verdict.applies:
        assert verdict.reason in {
            f"StudyDescription has a word for the thyroid ({fragment!r})" for fragment in THYROID
        }


HOSTILE = {
    "many beginnings": "thyro_" * 2000,
    "one long separator": "thyro" + "_" * 10000,
    "many small words": "blocage" + " a" * 5000,
    "almost a parathyroid": "para " * 5000,
}


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_description_takes_no_time(words: str):
    with quiet():
        ds = header(StudyDescription=words)
    begin = time.perf_counter()
    explain_thyroid(ds)
    assert time.perf_counter() - begin < 0.3
