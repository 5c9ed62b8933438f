"""A MONAI U-Net trained with that library's defaults, to compare outlines with.

    .venv/monai/bin/python -m benchmarks.monai_unet --data SCANS --test OTHERS --out MASKS
    python -m training methods --masks "MONAI U-Net=MASKS" --model … --data OTHERS --out …

Network, loss, optimizer and kinds of augmentation are those of MONAI's tutorial on 2-D segmentation
(github.com/Project-MONAI/tutorials, 2d_segmentation): UNet with 16 to 256 channels and two residual
units, Dice loss, Adam at 1e-3, 128 x 128, intensities scaled to 0 to 1, flips and turns. Nothing in
it knows what a gamma camera is. It runs in an environment of its own (`make benchmarks` makes it).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adjuvant.preprocess import from_square, to_square
from training.dataset import Entry, read_case, read_index

SAID_EVERY_S = 20.0

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monai_unet", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="scans to learn from")
    parser.add_argument("--test", type=Path, required=True, help="scans of other patients")
    parser.add_argument("--out", type=Path, required=True, help="folder for one PNG of each")
    parser.add_argument("--images", type=int, default=20_000, help="how many are shown in all")
    parser.add_argument("--size", type=int, default=128, help="side of what the network sees")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    network = trained(given)
    given.out.mkdir(parents=True, exist_ok=True)
    for entry in read_index(given.test):
        counts = read_case(given.test, entry).counts
        probability = from_square(answer(network, counts, given.size), counts.shape)
        mask = Image.fromarray(((probability > 0.5) * 255).astype(np.uint8))
        mask.save(given.out / f"{entry.case_id}.png")
    print(f"masks in {given.out}")
    return 0


def trained(given: argparse.Namespace) -> Any:
    """The network after so many images."""
    import monai
    import torch

    monai.utils.set_determinism(given.seed)
    network = monai.networks.nets.UNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=(16, 32, 64, 128, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
    )
    loss_of = monai.losses.DiceLoss(sigmoid=True)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    seen, said, losses = 0, time.monotonic(), []
    for images, masks in batches(given):
        optimizer.zero_grad()
        loss = loss_of(network(torch.from_numpy(images)), torch.from_numpy(masks))
        loss.backward()
        optimizer.step()
        seen += len(images)
        losses.append(float(loss.detach()))
        if time.monotonic() - said > SAID_EVERY_S:
            said = time.monotonic()
            print(f"{seen} of {given.images} images, loss {np.mean(losses[-50:]):.4f}", flush=True)
    return network.eval()


def batches(given: argparse.Namespace) -> Iterator[Batch]:
    """Images and masks (n, 1, size, size), round after round, augmented as the tutorial does."""
    from monai import transforms

    keys = ["image", "mask"]
    augmented = transforms.Compose(
        [
            transforms.ScaleIntensityd(keys=["image"]),
            transforms.RandFlipd(keys=keys, prob=0.5, spatial_axis=1),
            transforms.RandRotated(keys=keys, range_x=0.26, prob=0.5, mode=["bilinear", "nearest"]),
        ]
    )
    augmented.set_random_state(given.seed)
    order = np.random.default_rng(given.seed)
    entries, chosen = read_index(given.data), np.zeros(0, np.int64)
    for _ in range(given.images // given.batch):
        if len(chosen) < given.batch:
            chosen = np.concatenate([chosen, order.permutation(len(entries))])
        now, chosen = chosen[: given.batch], chosen[given.batch :]
        pairs = [augmented(_example(given, entries[number])) for number in now]
        yield (
            np.stack([np.asarray(pair["image"]) for pair in pairs]).astype(np.float32),
            np.stack([np.asarray(pair["mask"]) for pair in pairs]).astype(np.float32),
        )


def _example(given: argparse.Namespace, entry: Entry) -> dict[str, NDArray[np.float32]]:
    case = read_case(given.data, entry)
    image, mask = (to_square(one, given.size)[None] for one in (case.counts, case.gland))
    return {"image": image, "mask": (mask > 0.5).astype(np.float32)}


def answer(network: Any, counts: NDArray[np.uint16], size: int) -> NDArray[np.float32]:
    """Counts (rows, columns) -> probabilities (size, size)."""
    import torch

    image = to_square(counts, size)
    image = (image - image.min()) / max(float(image.max() - image.min()), 1e-6)
    with torch.no_grad():
        logits = network(torch.from_numpy(image[None, None]))
    probabilities: NDArray[np.float32] = torch.sigmoid(logits)[0, 0].numpy()
    return probabilities


if __name__ == "__main__":
    sys.exit(main())
