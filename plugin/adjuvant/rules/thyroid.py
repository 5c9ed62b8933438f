"""Does the header name the thyroid? Yes or no, always with the reason: the condition `Thyroid`.

Only the header is asked. Whether the frames are static, and whether the pixels can be read, is
for `image.read_scan` to say, with a refusal that the user sees. Reasons name the DICOM keyword and
the fragment that matched, never the text itself, which may hold a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydicom import Dataset

from adjuvant.header import fold, items, text
from adjuvant.rules.verdict import Verdict

# Words for the thyroid, as they are after `fold` (lower case, no accents), and where they are from.
# They are kept short so that they survive a wrong character set: `Schilddr?se` still matches.
THYROID = {
    "thyro": "English thyroid, French thyroide, hyper-/hypo-/euthyroid, athyroid, thyrotoxicosis",
    "thyreo": "French thyreo-, German Thyreoidea, Thyreoiditis, athyreosis",
    "thyri": "misspelt thyriod",
    "tiroid": "Italian tiroide, Spanish tiroides, hipertiroidismo",
    "tireo": "Italian tireopatia, tireotossicosi",
    "schilddr": "German Schilddruese, however its umlaut was written",
    "schildklier": "Dutch",
    "goit": "English goiter, French goitre",
    "struma": "German and Dutch for goitre",
    "gozzo": "Italian for goitre",
    "bocio": "Spanish for goitre",
}

# German sites write SD for Schilddruese, French ones THYR; alone among letters only.
ABBREVIATIONS = re.compile(r"\bsd ?(szint|scan|uptake)|\bthyr\b")

# Words that hold one of the above and do not name a scan of the thyroid: taken out before looking.
MISLEADING = {
    r"thyro ?(stim|calc|glob|gen\b|xin|tropin)\w*": "hormones, markers, the drug Thyrogen",
    r"thyro\w* (gland )?block\w*|block\w* thyro\w*": "thyroid blockade before MIBG and the like",
    r"schilddr\w* ?block\w*|schildklier ?blok\w*": "the same in German and Dutch",
    r"blo(cage|queo|cco)( \w+){0,2} (thyro|tiroid)\w*": "the same in the Romance languages",
    r"(crico|sterno) ?(thyro|tiro)\w*": "muscles and cartilages",
    r"struma ovar\w*": "a tumour of the ovary",
}

# A parathyroid study shows the thyroid too, but with a tracer that the networks never saw (MIBI),
# or as one part of a subtraction: whatever else the header says, it is left alone.
PARATHYROID = re.compile(
    r"para ?(thyr|thir|tiroid|tireo)|neben ?schilddr|bij ?schildklier|epithelkorperch"
)

# For the uptake, the syringe is imaged before and after the injection, in the study of the thyroid.
# What names an image by itself: the name of a protocol may be that of all images of the study.
SYRINGE = re.compile(r"spritze|\b(syringe|seringue|siring[ah]|jering|spuit(en)?\b)")
OF_ONE_IMAGE = ("SeriesDescription", "ImageID")

TRACERS = "RadiopharmaceuticalInformationSequence"
TRACER_TEXTS = ("Radiopharmaceutical",)
TRACER_CODES = ("RadiopharmaceuticalCodeSequence",)
# As for the parathyroid. In a thyroid, what is cold with these is another finding than with
# pertechnetate or iodine, from which the networks learnt.
OTHER_TRACERS = re.compile(r"\b(sesta ?)?mibi\b|tetrofosmin")

# SNOMED CT, and the SNOMED-RT codes (SRT, SNM3, 99SDM) of older software; LOINC for the report.
THYROID_CODES = {
    "69748006": "Thyroid",
    "T-B6000": "Thyroid",
    "119281005": "Lobe of thyroid",
    "29565003": "Right lobe of thyroid",
    "T-B6100": "Right lobe of thyroid",
    "79163004": "Left lobe of thyroid",
    "T-B6200": "Left lobe of thyroid",
    "40867004": "Thyroid isthmus",
    "T-B6300": "Thyroid isthmus",
    "30695-1": "Nuclear medicine thyroid scan",
}
CODE_SCHEMES = {"SCT", "SRT", "SNM3", "99SDM", "LN"}
PARATHYROID_CODES = {"111002": "Parathyroid", "T-B7000": "Parathyroid"}

TEXTS = (
    "StudyDescription",
    "SeriesDescription",
    "BodyPartExamined",
    "ProtocolName",
    "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
)
CODES = (
    "AnatomicRegionSequence",
    "PrimaryAnatomicStructureSequence",
    "ProcedureCodeSequence",
    "RequestedProcedureCodeSequence",
    "PerformedProtocolCodeSequence",
)
# Attributes of RequestAttributesSequence (PS3.3 C.7.3.1, Table 10-9).
REQUEST_TEXTS = ("RequestedProcedureDescription", "ScheduledProcedureStepDescription")
REQUEST_CODES = ("RequestedProcedureCodeSequence", "ScheduledProtocolCodeSequence")


@dataclass(frozen=True)
class Mention:
    """Something in the header that may name an organ: a text, or a code with its meaning."""

    keyword: str
    words: str
    code: str = ""


def explain_thyroid(header: Dataset) -> Verdict:
    """Is this a study of the thyroid, by the words and codes of its header?

    Parathyroid studies are none, nor are images of the syringe or with a tracer of the parathyroid.
    What is no planar image at all is for `planar.py` to say.
    """
    for mention in _of_this_image(header):
        if OTHER_TRACERS.search(mention.words):
            return Verdict(False, f"{mention.keyword} names a tracer of the parathyroid")
        if SYRINGE.search(mention.words) and _thyroid_in(mention) is None:
            return Verdict(False, f"{mention.keyword} names a syringe")
    mentions = tuple(_mentions(header))
    for mention in mentions:
        if mention.code in PARATHYROID_CODES or PARATHYROID.search(mention.words):
            return Verdict(False, f"{mention.keyword} names the parathyroid")
    for mention in mentions:
        found = _thyroid_in(mention)
        if found:
            return Verdict(True, found)
    return Verdict(False, "neither a description nor a code in the header names the thyroid")


def _of_this_image(header: Dataset) -> Iterator[Mention]:
    """What is said of the image itself and not of its whole study."""
    yield from _mentions_in(header, OF_ONE_IMAGE, ())
    for given in items(header, TRACERS):
        for mention in _mentions_in(given, TRACER_TEXTS, TRACER_CODES):
            yield replace(mention, keyword=TRACERS)


def _mentions(header: Dataset) -> Iterator[Mention]:
    yield from _mentions_in(header, TEXTS, CODES)
    for request in items(header, "RequestAttributesSequence"):
        yield from _mentions_in(request, REQUEST_TEXTS, REQUEST_CODES)


def _mentions_in(
    holder: Dataset, texts: tuple[str, ...], codes: tuple[str, ...]
) -> Iterator[Mention]:
    for keyword in texts:
        yield Mention(keyword, _words(text(holder, keyword)))
    for keyword in codes:
        for item in items(holder, keyword):
            known = text(item, "CodingSchemeDesignator") in CODE_SCHEMES
            code = text(item, "CodeValue") if known else ""
            yield Mention(keyword, _words(text(item, "CodeMeaning")), code)


def _words(written: str) -> str:
    """Folded words with single spaces between: one way to write each, and fast to search."""
    return re.sub(r"[\W_]+", " ", fold(written))


def _thyroid_in(mention: Mention) -> str | None:
    """How this mention names the thyroid, or None."""
    meaning = THYROID_CODES.get(mention.code)
    if meaning:
        return f"{mention.keyword} has the code {mention.code} ({meaning})"
    words = mention.words
    for pattern in MISLEADING:
        words = re.sub(pattern, " ", words)
    for fragment in THYROID:
        if fragment in words:
            return f"{mention.keyword} has a word for the thyroid ({fragment!r})"
    if ABBREVIATIONS.search(words):
        return f"{mention.keyword} has an abbreviation for the thyroid"
    return None
