import numpy as np
import pytest

from training.phantom.camera import (
    Collimator,
    Detector,
    Image,
    Pose,
    make_grid,
    project,
    to_camera,
    to_patient,
)

PINHOLE = Collimator("PINHOLE", hole_mm=4.0, length_mm=180.0)
HOLES = Collimator("LEHR", hole_mm=1.5, length_mm=25.0)


def test_the_way_to_the_patient_and_back() -> None:
    pose = Pose(60.0, (5.0, -8.0), 42.0, 6.0, -11.0)
    grid = make_grid((3, -20, 70), (40, 60, 30), (10, 10, 10))
    points = to_patient(grid, pose).reshape(3, -1).T
    z, y, x = np.meshgrid(grid.z, grid.y, grid.x, indexing="ij")
    places = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    np.testing.assert_allclose(to_camera(points.astype(float), pose), places, atol=1e-3)


def image(collimator: Collimator, distance_mm: float, width_mm: float) -> Image:
    """Of a uniform square sheet, 4 mm thick, at a distance from the collimator."""
    detector = Detector(64, 4.0, collimator, 3.5, 0.0, 0.0, 60.0, 0.0)
    grid = make_grid((0, 0, distance_mm), (width_mm, width_mm, 8), (1, 1, 4))
    sheet = np.zeros((1, len(grid.z), len(grid.y), len(grid.x)), np.float32)
    sheet[:, 0] = 1
    return project(sheet, grid, detector)[0]


def test_a_pinhole_sees_a_wide_sheet_as_bright_from_anywhere() -> None:
    middle = [image(PINHOLE, at, 300)[31:33, 31:33].mean() for at in (70, 100, 140)]
    assert middle == pytest.approx([middle[0]] * 3, rel=0.01)


def test_what_a_pinhole_counts_of_a_small_source_falls_with_the_square_of_its_distance() -> None:
    counted = [image(PINHOLE, at + 2, 10).sum() for at in (70, 140)]
    assert counted[0] / counted[1] == pytest.approx(4, rel=0.05)


def test_what_parallel_holes_count_does_not_depend_on_the_distance() -> None:
    counted = [image(HOLES, at, 10).sum() for at in (70, 140)]
    assert counted[0] / counted[1] == pytest.approx(1, rel=0.01)
