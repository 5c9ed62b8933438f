"""A report is one file that fetches nothing, hides nothing, and says where its scans come from."""

from __future__ import annotations

import base64
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from small_cases import small_case
from test_evaluate import MODEL

from training.comparison import compare_glands, compare_nodules
from training.datasets.fingerprint import Tally
from training.datasets.shift import compare
from training.evaluate import score
from training.figures import Totals, summarise
from training.lesions import Reading
from training.lesions import summarise as summarise_nodules
from training.margins import Margins
from training.onlooker import Onlooker
from training.pages.charts import ticks
from training.pages.gallery import Gallery, Outline, Shown, tile
from training.pages.gland import gland_report
from training.pages.nodules import gallery_of, nodules_report
from training.pages.parts import Context
from training.phantom.case import Case, Nodule

EVIL = 'Symbia "<script>alert(1)</script>'
VOID = {"meta", "input", "br", "image", "path", "circle"}


class Parser(HTMLParser):
    """Every element, attribute and text; complains of what is not closed as it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data.replace("\N{NO-BREAK SPACE}", " ")


def cases(*, simulated: bool) -> list[Case]:
    told = {"simulated": simulated, "camera": EVIL}
    made = (small_case(number) for number in range(24))
    return [replace(case, properties=case.properties | told) for case in made]


def report(*, simulated: bool = True, shift: int = 1) -> str:
    """Of outlines that are off by `shift` columns, against one that is off by one."""
    looking, before = Onlooker(), []
    for case in cases(simulated=simulated):
        found = np.roll(case.gland, shift, axis=1)
        looking.see(case, found, score(case, found))
        before.append(score(case, np.roll(case.gland, 1, axis=1)))
    scores = tuple(score(one, np.roll(one.gland, shift, axis=1)) for one in cases(simulated=True))
    totals = Totals(0, (), (), "patient", simulated, "5e7")
    measured = summarise(scores, MODEL, totals)
    training = MODEL.training.model_copy(update={} if simulated else {"data": "clinical"})
    other = Tally()
    for case in cases(simulated=simulated):
        other.add(replace(case, properties=case.properties | {"camera": "Discovery"}))
    log = [{"stage": n // 2, "epoch": n % 2, "loss": 1 / (n + 1), "dice": n / 4} for n in range(4)]
    return gland_report(
        measured,
        Context(
            MODEL.model_copy(update={"training": training}),
            simulated,
            looking.gallery,
            compare_glands(scores, before, MODEL, "unchecked", Margins()),
            compare(other.content(), looking.tally),
            log,
            totals.test_set,
        ),
    )


@pytest.fixture(scope="module")
def html() -> str:
    return report()


def test_it_fetches_nothing(html: str) -> None:
    parsed = Parser(html)
    assert {"script", "link", "iframe", "object"} & set(parsed.tags) == set()
    links = [value for name, value in parsed.attributes if name in ("src", "href", "data")]
    assert links
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


def test_what_a_header_says_stays_text(html: str) -> None:
    assert EVIL in Parser(html).text
    assert "<script" not in html


def test_it_says_what_is_simulated_and_nothing_of_the_kind_where_all_is_clinical(html: str) -> None:
    said = Parser(html).text
    assert "Trained on simulated scans – not for clinical use; measured on simulated" in said  # noqa: RUF001
    assert "measured on 24 simulated scans of 12 patients" in said
    assert "truth (simulated)" in said
    clinical = Parser(report(simulated=False)).text
    assert "simulated scans" not in clinical.replace("0 simulated", "")
    assert "drawn by hand" in clinical


def test_it_shows_figures_cases_groups_curves_comparison_and_shift(html: str) -> None:
    parsed = Parser(html)
    said = parsed.text
    for title in ("Worst", "Typical", "Best", "Subgroups", "How it learnt", "Every scan"):
        assert title in said
    assert "Not worse than thyroid 0.1.0, in service" in said
    assert "of which training had none" in said
    assert "is not known; if so, that favours it" in said
    assert parsed.tags.count("image") == 12 + 4 + 4
    assert parsed.attributes.count(("class", "truth")) == 20 + 1


def test_a_worse_one_says_so() -> None:
    said = Parser(report(shift=3)).text
    assert "Worse than thyroid 0.1.0, in service" in said


def shown(number: int, value: float) -> Shown:
    case = small_case(number)
    return Shown(value, case, (Outline("truth", case.gland),), str(number))


def test_the_gallery_keeps_worst_best_and_typical() -> None:
    gallery = Gallery()
    for number, value in enumerate(np.random.default_rng(1).permutation(60) / 100):
        gallery.see(shown(number, value))
    gallery.see(shown(99, -1.0))
    assert [one.value for one in gallery.worst] == [-1.0, *(n / 100 for n in range(11))]
    assert [one.value for one in gallery.best] == [0.59, 0.58, 0.57, 0.56]
    assert sorted(one.value for one in gallery.typical) == [0.28, 0.29, 0.3, 0.31]


def test_of_many_cases_typical_ones_are_still_near_the_median() -> None:
    gallery = Gallery()
    for number, value in enumerate(np.random.default_rng(2).permutation(1000) / 1000):
        gallery.see(shown(number % 8, value))
    assert all(0.35 < one.value < 0.65 for one in gallery.typical)
    assert len(gallery._drawn) == 64


def test_an_outline_lies_on_the_edge_of_its_pixels_and_the_picture_below_it() -> None:
    case = small_case(1)
    mask = np.zeros((32, 32), bool)
    mask[10:20, 5:9] = True
    drawn = tile(Shown(0.5, case, (Outline("truth", mask),), "one"))
    path = dict(Parser(drawn).attributes)["d"]
    numbers = np.array([float(one) for one in path.strip("MZ").replace("M", " ").split()])
    x, y = numbers[::2], numbers[1::2]
    assert (x.min(), x.max(), y.min(), y.max()) == (5, 9, 10, 20)
    data = dict(Parser(drawn).attributes)["href"].removeprefix("data:image/png;base64,")
    with Image.open(BytesIO(base64.b64decode(data))) as image:
        assert (image.size, image.mode) == ((32, 32), "L")
        grey = np.asarray(image)
    assert grey[case.gland].mean() < grey[~case.gland].mean()


def test_a_mask_that_touches_the_border_has_a_closed_outline() -> None:
    case = small_case(1)
    drawn = tile(Shown(0.5, case, (Outline("truth", np.ones((32, 32), bool)),), "one"))
    assert dict(Parser(drawn).attributes)["d"].count("M") == 1


@pytest.mark.parametrize("ends", [(0, 1), (0.93, 0.98), (-0.02, 0.31), (0, 870), (1, 16)])
def test_axes_have_round_ticks(ends: tuple[float, float]) -> None:
    found = ticks(*ends)
    assert 3 <= len(found) <= 8
    assert ends[0] <= found[0] < found[-1] <= ends[1]
    assert all(len(f"{one:g}") <= 5 for one in found)


def nodule_reading(number: int) -> Reading:
    """A nodule in the gland that is marked in every other scan, and nothing else."""
    case = small_case(number)
    mask = np.zeros_like(case.gland)
    ys, xs = np.nonzero(case.gland)
    middle = len(ys) // 2
    mask[ys[middle] - 1 : ys[middle] + 2, xs[middle] - 1 : xs[middle] + 2] = True
    nodule = Nodule(mask, 12.0, 0.5, 6.0, True)
    case = replace(case, nodules=(nodule,), properties=case.properties | {"camera": EVIL})
    found = mask & (number % 2 == 0)
    return Reading(case, case.gland, found.astype(np.float32), 1.0)


def test_nodules_have_a_report_of_their_own() -> None:
    readings = [nodule_reading(number) for number in range(24)]
    measured = summarise_nodules(readings, 0.5)
    gallery = gallery_of(readings, measured.scores, 0.5)
    comparison = compare_nodules(measured.scores, measured.scores, MODEL, "seed", Margins())
    page = nodules_report(measured, "Glands by X.", Context(MODEL, True, gallery, comparison))
    said = Parser(page).text
    assert "cold nodules, measured on 24 simulated scans with a visible gland of 12" in said
    assert "0 of 1 detectable found, 0 false" in said
    assert "1 of 1 detectable found, 0 false" in said
    assert "50.0 %" in said
    assert "Not compared: this version has no fingerprint" in said
    assert "not for clinical use" in said
