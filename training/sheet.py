"""Contact sheets: many scans on one picture, as a physician sees them, with and without contour."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation

from adjuvant.preprocess import resample
from training.collect.collection import write_whole
from training.dataset import read_case, read_index
from training.phantom.case import Case

TILE = 256
CAPTION = 14
CONTOUR = (220, 30, 30)
OTHER_READING = (240, 160, 20)
NODULE_CONTOUR = (0, 90, 220)
PAGE = 48
WINDOW_PERCENTILE = 99.7

Picture = NDArray[np.uint8]


def sheet(folder: Path, out_png: Path, n: int = 24, seed: int = 0) -> None:
    """Draw `n` cases of a data set, chosen by `seed`, each without and with its true contour."""
    entries = read_index(folder)
    chosen = np.random.default_rng(seed).permutation(len(entries))[:n]
    cases = [read_case(folder, entries[number]) for number in chosen]
    draw_sheet(cases, out_png)


def draw_pages(folder: Path, case_ids: list[str], out: Path) -> list[Path]:
    """Draw these cases, 48 on a page, into `out`/1.png and so on: each to be looked at once.

    Pages of more cases, drawn before, are removed.
    """
    known = {entry.case_id: entry for entry in read_index(folder)}
    pages = []
    for first in range(0, len(case_ids), PAGE):
        cases = [read_case(folder, known[one]) for one in case_ids[first : first + PAGE]]
        pages.append(out / f"{first // PAGE + 1}.png")
        draw_sheet(cases, pages[-1])
    for path in out.glob("*.png"):
        if path.stem.isdigit() and path not in pages:
            path.unlink()
    return pages


def draw_sheet(cases: list[Case], out_png: Path, columns: int = 3, contours: bool = True) -> None:
    """Write the cases to a PNG, `columns` pairs of pictures in a row."""
    across = 2 if contours else 1
    rows = -(-len(cases) // columns)
    canvas = Image.new("RGB", (columns * across * TILE, rows * (TILE + CAPTION)), "white")
    draw = ImageDraw.Draw(canvas)
    for number, case in enumerate(cases):
        row, column = divmod(number, columns)
        left, top = column * across * TILE, row * (TILE + CAPTION)
        canvas.paste(Image.fromarray(picture(case, contour=False)), (left, top + CAPTION))
        if contours:
            marked = Image.fromarray(picture(case, contour=True))
            canvas.paste(marked, (left + TILE, top + CAPTION))
        draw.text((left + 2, top + 1), caption(case), fill="black")
    stream = BytesIO()
    canvas.save(stream, "png")
    write_whole(out_png, stream.getvalue())


def picture(case: Case, *, contour: bool) -> Picture:
    """One scan in inverse grey, uint8 (TILE, TILE, 3); with outlines: gland red, other readings of
    it amber, nodules blue."""
    shown = _fit(case.counts.astype(np.float32))
    top = max(float(np.percentile(shown, WINDOW_PERCENTILE)), 1.0)
    grey = 255 - np.clip(shown / top, 0, 1) * 255
    colours = np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
    if contour:
        for reading in case.readings:
            _outline(colours, reading, OTHER_READING)
        _outline(colours, case.gland, CONTOUR)
        for nodule in case.nodules:
            _outline(colours, nodule.mask, NODULE_CONTOUR)
    return colours


def _outline(colours: Picture, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> None:
    inside = _fit(mask.astype(np.float32)) > 0.5
    colours[binary_dilation(inside) & ~inside] = colour


def caption(case: Case) -> str:
    """One line about a case; it is found by it in the index."""
    p = case.properties
    size = f"{float(p['spacing_mm']):.1f} mm" if p["spacing_mm"] else "size not told"
    parts = (
        f"{case.case_id.split('-', 1)[-1]} {p['disease']}, {p['isotope']} {p['collimator']}",
        f"{p['view']}, {case.counts.shape[0]}, {size}",
        f"{round(float(case.counts.sum(dtype=np.float64)) / 1000)}k",
    )
    return ", ".join(parts)


def _fit(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return resample(image, TILE)[:TILE, :TILE]
