"""The table says what was measured, in the reader's language, and what was not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adjuvant.findings import Code, Findings, Segment
from adjuvant.results.table import measure_rows, structure_rows
from adjuvant.results.texts import TEXTS, name_of
from adjuvant.scan import Scan
from adjuvant.structures import LOBES, measure_structures
from tests.adjuvant.results.examples import ANATOMY, findings, gland_masks, scan_of, views
from tests.builder import nm_dataset, thyroid_counts


def with_lobes(scan: Scan) -> Findings:
    """The findings and both lobes, left before right: the table sorts them."""
    found = findings(scan)
    gland = gland_masks(scan)
    half = np.indices(gland.shape)[2] < gland.shape[2] / 2
    right, left = (Code(value, "SCT", "lobe") for value in LOBES)
    lobes = (
        Segment("Left lobe", ANATOMY, left, gland & ~half),
        Segment("Right lobe", ANATOMY, right, gland & half),
    )
    return replace(found, segments=(*found.segments, *lobes))


def rows_of(scan: Scan, found: Findings, frame_number: int, language: str) -> list[tuple[str, str]]:
    structures = measure_structures(scan, found)
    return structure_rows(found, structures, frame_number, TEXTS[language])


def test_what_is_not_measured_says_so_and_no_centimetres_are_invented():
    scan = views("anterior")
    measures = findings(scan).measures[0]
    rows = dict(measure_rows(replace(measures, gland_to_background=None), TEXTS["en"]))
    assert rows["Gland area"].endswith(" pixels")
    assert rows["Gland / background"] == "not measured"
    rows = dict(measure_rows(replace(measures, gland_area_cm2=12.34), TEXTS["fr"]))
    assert rows["Surface de la glande"] == "12,3 cm²"


def test_lobes_come_right_first_then_their_counts_then_the_nodules():
    scan = views("anterior")
    labels = [label for label, _ in rows_of(scan, with_lobes(scan), 1, "de")]
    assert labels == [
        "Rechter Lappen",
        "Linker Lappen",
        "Impulse rechts / links",
        "Kalter Knoten 1",
    ]


def test_the_counts_of_both_sides_are_all_the_counts_of_the_lobes():
    scan = views("anterior")
    shares = dict(rows_of(scan, with_lobes(scan), 1, "en"))["Right / left counts"]
    assert sum(int(part.removesuffix(" %")) for part in shares.split(" / ")) == 100


def test_areas_of_structures_are_in_pixels_where_a_pixel_has_no_size():
    scan = scan_of(nm_dataset(thyroid_counts(), PixelSpacing=None))
    values = dict(rows_of(scan, with_lobes(scan), 1, "fr"))
    assert values["Lobe droit"].endswith(" pixels")
    assert values["Nodule froid 1"].endswith(" pixels")


def test_without_lobes_there_are_no_rows_on_them():
    scan = views("anterior", "posterior")
    for number in (1, 2):
        assert [label for label, _ in rows_of(scan, findings(scan), number, "en")] == [
            "Cold nodule 1"
        ]


def test_a_structure_without_a_translation_keeps_its_label():
    segment = Segment("Salivary gland 2", ANATOMY, Code("385294005", "SCT", "x"), np.zeros(0, bool))
    assert name_of(segment, TEXTS["nl"]) == "Salivary gland 2"
