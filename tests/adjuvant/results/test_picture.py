"""The picture shows the scan, its outline and its warnings, and never who the patient is."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from adjuvant.findings import Code
from adjuvant.results import panel
from adjuvant.results.capture import render
from adjuvant.results.colours import BAND, BRIGHT, CAUTION_PAPER, GLAND, STRUCTURES, lookup_table
from adjuvant.results.drawing import Style, fitted, width_of, wrap
from adjuvant.results.panel import displayed_size, top_of_scale, view_title, window_top
from adjuvant.results.picture import MOST_VIEWS, arrange, remarks_on
from adjuvant.results.presentation import ColourMap, Presentation
from adjuvant.results.texts import TEXTS
from adjuvant.structures import LOBES
from tests.adjuvant.results.examples import findings, model, scan_of, views
from tests.builder import nm_dataset, thyroid_counts
from tests.headers import STYLES


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    """How many pixels have exactly this colour."""
    return int((picture == colour).all(axis=-1).sum())


def test_the_gland_is_outlined_on_every_view():
    one, two = (views(*names) for names in (["anterior"], ["anterior", "posterior"]))
    gland = STRUCTURES["69748006"]
    assert coloured(render(one, findings(one), model()), gland) > 300
    assert coloured(render(two, findings(two), model()), gland) > 500


def test_nothing_is_outlined_where_nothing_is_seen():
    scan = views("anterior")
    picture = render(scan, findings(scan, seen=False), model())
    assert all(coloured(picture, colour) == 0 for colour in STRUCTURES.values())


def test_the_outline_lies_where_the_mask_is():
    """The curve's box on the picture is the mask's box, scaled: no shift, no mirror."""
    scan = views("anterior")
    found = findings(scan)
    gland = replace(found.segments[0], masks=np.zeros((1, 256, 256), bool))
    gland.masks[0, 40:80, 150:220] = True
    picture = render(scan, replace(found, segments=(gland,)), model())
    layout = arrange(scan, 1)  # the view begins at its top, however long its table is
    panel = layout.panel(layout.margin, 0)
    rows, columns = np.nonzero((picture == STRUCTURES["69748006"]).all(axis=-1))
    within = columns > panel.left + 200
    scale = panel.side / 256
    assert np.ptp(rows[within & (rows < 500)]) == pytest.approx(40 * scale, abs=6)
    assert columns[within].min() == pytest.approx(panel.left + 150 * scale, abs=4)
    assert columns[within].max() == pytest.approx(panel.left + 220 * scale, abs=4)


@pytest.mark.parametrize("count", range(1, MOST_VIEWS + 3))
def test_any_number_of_views_gives_a_picture_that_can_be_shown(count: int):
    scan = views(*["anterior"] * count, rows=64, columns=64)
    height, width, channels = render(scan, findings(scan), model()).shape
    assert channels == 3
    assert 512 <= width <= 1500
    assert height <= 2000


@pytest.mark.parametrize("language", TEXTS)
def test_how_many_of_the_views_are_shown_is_said_as_a_sentence(language):
    scan = views(*["anterior"] * (MOST_VIEWS + 1), rows=64, columns=64)
    (said,) = remarks_on(scan, findings(scan), language, MOST_VIEWS)
    assert "16" in said
    assert "17" in said
    assert said.endswith(".")
    assert remarks_on(scan, findings(scan), language, MOST_VIEWS + 1) == []


@pytest.mark.parametrize(
    ("window", "said"), [(8.24, "≥ 8,24"), (65535, "≥ 65.535"), (1.06e11, "≥ 1,1e+11")]
)
def test_the_top_of_the_scale_stays_in_the_picture(window: float, said: str):
    assert top_of_scale(window, TEXTS["de"]) == said
    one = arrange(views("anterior"), 1).panel(0, 0)
    beside = one.gutter - round(0.8 * one.unit) - panel.BAR_WIDTH
    style = fitted(said, Style(round(one.unit * 0.8), (0, 0, 0)), beside)
    assert width_of(said, style) <= beside + round(one.unit * 0.9)


def test_clinical_weights_carry_one_line_less():
    scan = views("anterior")
    simulated = render(scan, findings(scan), model())
    clinical = render(scan, findings(scan), model(data="clinical"))
    assert 15 <= simulated.shape[0] - clinical.shape[0] <= 40
    for picture in (simulated, clinical):
        assert coloured(picture[-25:], BAND) > 5000


def test_remarks_stand_on_amber_and_make_room_for_themselves():
    scan = views("anterior")
    plain = render(scan, findings(scan), model())
    remarked = render(scan, findings(scan, remarks=("Few counts.",) * 5), model())
    assert coloured(plain[:-60], CAUTION_PAPER) == 0
    assert coloured(remarked[:-60], CAUTION_PAPER) > 20_000
    assert remarked.shape[0] > plain.shape[0] + 80


def test_the_patient_changes_no_pixel():
    here = scan_of(nm_dataset(thyroid_counts(), PatientName="A^B", PatientID="1"))
    there = scan_of(nm_dataset(thyroid_counts(), PatientName="Z^Y", PatientID="2"))
    pictures = [render(scan, findings(scan), model()) for scan in (here, there)]
    np.testing.assert_array_equal(*pictures)


@pytest.mark.parametrize("language", TEXTS)
def test_every_language_draws_another_picture(language):
    scan = views("anterior")
    picture = render(scan, findings(scan), model(), Presentation(language))
    english = render(scan, findings(scan), model())
    assert np.array_equal(picture, english) is (language == "en")


def test_pixels_keep_their_true_proportions():
    scan = scan_of(nm_dataset(thyroid_counts(128, 64), PixelSpacing=[1, 4]))
    assert displayed_size(scan, 500) == (500, 250)
    assert displayed_size(views("anterior", rows=100, columns=50), 500) == (250, 500)


def test_very_flat_scans_are_drawn_too():
    scan = views("anterior", rows=16, columns=512)
    assert render(scan, findings(scan), model()).ndim == 3


def test_the_window_follows_the_gland_and_not_a_contamination():
    scan = views("anterior")
    counts = scan.frames[0].counts.copy()
    counts[:12, :12] = 5000
    hot = replace(scan, frames=(replace(scan.frames[0], counts=counts),))
    found = findings(scan)
    assert window_top(hot.frames[0], found, 0) == window_top(scan.frames[0], found, 0)
    assert window_top(hot.frames[0], findings(scan, seen=False), 0) == 5000


def test_the_window_of_a_rescaled_scan_reaches_its_own_brightest_counts():
    frame = views("anterior").frames[0]
    small = replace(frame, counts=frame.counts * np.float32(0.001))
    found = findings(views("anterior"))
    assert window_top(small, found, 0) == pytest.approx(window_top(frame, found, 0) / 1000)


def test_a_view_without_a_name_is_called_by_its_number():
    frame = views("anterior").frames[0]
    assert view_title(frame, TEXTS["de"], numbered=False) == "Ventral"
    assert view_title(replace(frame, view=None), TEXTS["de"], numbered=False) == "Bild 1"


def test_several_views_have_the_numbers_by_which_remarks_name_them(
    monkeypatch: pytest.MonkeyPatch,
):
    titles: list[dict[str, bool]] = []
    monkeypatch.setattr(panel, "view_title", lambda *said, **how: titles.append(how) or "")
    for scan in (views("anterior"), views("anterior", "posterior")):
        render(scan, findings(scan), model())
    assert titles == [{"numbered": False}, {"numbered": True}, {"numbered": True}]
    frame = scan.frames[1]
    assert view_title(frame, TEXTS["fr"], numbered=True) == "Image 2 · Face postérieure"


def test_views_of_several_energy_windows_are_told_apart():
    scan = scan_of(STYLES["detectors and energy windows"]())
    titles = [view_title(frame, TEXTS["en"], numbered=True) for frame in scan.frames]
    assert titles == [
        "Frame 1 · Anterior · 126-154 keV",
        "Frame 2 · Posterior · 126-154 keV",
        "Frame 3 · Anterior · 92-125 keV",
        "Frame 4 · Posterior · 92-125 keV",
    ]


@pytest.mark.parametrize("colour_map", get_args(ColourMap))
def test_counts_have_the_colours_of_the_map_and_lines_have_others(colour_map: ColourMap):
    scan = views("anterior")
    picture = render(scan, findings(scan), model(), Presentation(colour_map=colour_map))
    table = lookup_table(colour_map)
    ends = [coloured(picture[80:600, 20:560], tuple(table[level])) for level in (0, 255)]
    assert min(ends) > 10
    line = STRUCTURES[GLAND] if colour_map == "inverse grey" else BRIGHT[GLAND]
    assert coloured(picture, line) > 300
    nearest = np.abs(table.astype(int) - line).sum(axis=1).min()
    assert nearest > 60, "the line would not be told from the counts"


@pytest.mark.parametrize("colour_map", get_args(ColourMap))
def test_a_map_runs_from_black_to_white_and_inverse_grey_the_other_way(colour_map: ColourMap):
    ends = lookup_table(colour_map)[[0, 255]].tolist()
    black, white = [0, 0, 0], [255, 255, 255]
    assert ends == ([white, black] if colour_map == "inverse grey" else [black, white])


def test_lobes_stand_in_the_table_and_are_not_outlined():
    scan = views("anterior")
    found = findings(scan)
    right, left = (replace(found.segments[0], type=Code(c, "SCT", c)) for c in LOBES)
    picture = render(scan, replace(found, segments=(*found.segments, right, left)), model())
    assert all(coloured(picture, STRUCTURES[code]) == 0 for code in LOBES)
    assert picture.shape[0] > render(scan, found, model()).shape[0]


def test_a_nodule_at_the_right_border_keeps_its_number_on_the_image():
    scan = views("anterior")
    found = findings(scan)
    nodule = replace(found.segments[1], masks=np.zeros((1, 256, 256), bool))
    nodule.masks[0, 100:120, 236:] = True
    picture = render(scan, replace(found, segments=(nodule,)), model())
    layout = arrange(scan, 1)
    beside = picture[72:632, layout.margin + layout.side + 1 :]
    assert coloured(beside, STRUCTURES["27925004"]) == 0
    assert coloured(picture[72:632, 500:526], STRUCTURES["27925004"]) > 5


@pytest.mark.parametrize("text", ["word " * 80, "x" * 400, "a " + "y" * 200 + " b"])
def test_wrapped_lines_fit_and_lose_nothing(text: str):
    style = Style(15, BAND)
    lines = wrap(text, style, 300)
    assert all(width_of(line, style) <= 300 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_long_line_is_made_smaller_but_stays_legible():
    style = Style(20, BAND)
    assert fitted("short", style, 300).size == 20
    assert width_of("x" * 40, fitted("x" * 40, style, 300)) <= 300
    assert fitted("x" * 4000, style, 300).size >= 9


def test_the_picture_survives_a_png(tmp_path):
    scan = views("anterior")
    picture = render(scan, findings(scan), model())
    Image.fromarray(picture).save(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as stored:
        np.testing.assert_array_equal(np.asarray(stored), picture)
