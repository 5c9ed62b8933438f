from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from training.dataset import write_case, write_index
from training.phantom.simulator import simulate_case
from training.sheet import (
    CAPTION,
    CONTOUR,
    OTHER_READING,
    TILE,
    caption,
    draw_pages,
    picture,
    sheet,
)


def test_a_sheet_shows_every_case_twice(tmp_path: Path) -> None:
    write_index(tmp_path, [write_case(tmp_path, simulate_case(1, number)) for number in range(4)])
    sheet(tmp_path, tmp_path / "sheet.png", n=4)
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size == (3 * 2 * TILE, 2 * (TILE + CAPTION))


def test_the_contour_is_drawn_only_on_request() -> None:
    case = simulate_case(1, 5)
    red = np.array(CONTOUR, np.uint8)
    assert (picture(case, contour=True) == red).all(axis=2).any()
    assert not (picture(case, contour=False) == red).all(axis=2).any()


def test_a_caption_leads_to_the_case_in_the_index() -> None:
    case = simulate_case(1, 5)
    assert caption(case).startswith("c000005 ")
    own = replace(case, case_id="ID_0123-0a1b2c3d4e5f-f1")
    assert caption(own).startswith("0a1b2c3d4e5f-f1 ")
    # A table that somebody has written may leave out what the pixels tell.
    known = ("disease", "isotope", "collimator", "view", "spacing_mm")
    by_hand = replace(case, properties={name: case.properties[name] for name in known})
    assert caption(by_hand) == caption(case)


def test_a_pixel_of_unknown_size_is_not_one_of_0_mm() -> None:
    case = simulate_case(1, 5)
    told = caption(replace(case, properties=case.properties | {"spacing_mm": None}))
    assert ", size not told, " in told
    assert " mm" not in told


def test_pages_of_more_cases_do_not_stay(tmp_path: Path) -> None:
    write_index(tmp_path, [write_case(tmp_path, simulate_case(1, 5))])
    out = tmp_path / "sheets"
    out.mkdir()
    for name in ("2.png", "mine.png"):
        (out / name).write_bytes(b"")
    assert draw_pages(tmp_path, ["s1-c000005"], out) == [out / "1.png"]
    assert {path.name for path in out.iterdir()} == {"1.png", "mine.png"}


def test_other_readings_are_drawn_where_there_are_any() -> None:
    case = simulate_case(1, 0)
    amber = np.array(OTHER_READING, np.uint8)
    lower = np.roll(case.gland, case.gland.shape[0] // 8, axis=0)
    seen = [
        (picture(one, contour=True) == amber).all(axis=2).any()
        for one in (case, replace(case, readings=(lower,)))
    ]
    assert seen == [False, True]
