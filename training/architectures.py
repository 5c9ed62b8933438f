"""The networks, in Keras 3 only: any back end trains them, TensorFlow runs them in the plugin.

All are fully convolutional, so that the same weights train on small images first and large ones
last. Input (n, rows, columns, 2) as `adjuvant.preprocess.prepare` makes it, rows and columns
multiples of 2 ** (depth + HALVINGS_BEFORE); output (n, rows, columns, labels), float32
probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

from adjuvant.preprocess import CHANNELS

# How the names of the layers of the way down begin.
ENCODER = ("down", "bottom")


@dataclass(frozen=True)
class Design:
    """The numbers of an architecture; part of the recipe.

    `precision` is a Keras dtype policy. It changes how layers compute, never how weights are
    stored (float32), so that weights move freely between precisions.
    """

    labels: int = 1
    filters: int = 16
    depth: int = 4
    precision: str = "float32"


def unet(design: Design) -> keras.Model:
    """A 2-D U-Net (Ronneberger, MICCAI 2015) with batch normalisation instead of biases.

    With 16 filters and depth 4: 2.0 M parameters, 7 GFLOP for one image of 256 x 256.
    """
    inputs = keras.Input((None, None, CHANNELS), name="counts")
    return keras.Model(inputs, _probabilities(_contract_and_grow(inputs, design), design))


def coarse_unet(design: Design) -> keras.Model:
    """The same U-Net at half the resolution, and a last step that draws the edge at the full one.

    A gamma camera resolves 5 to 10 mm, several pixels of 256 x 256: half of them carry all the
    anatomy, at a quarter of the work, and the deepest level sees the whole neck at once, which
    tells the gland from salivary glands. Its U has the layers of `unet`, so that a `unet` trained
    at half the size is its first stage. With 16 filters and depth 4: 2.0 M parameters, 2 GFLOP.
    """
    inputs = keras.Input((None, None, CHANNELS), name="counts")
    x = keras.layers.AveragePooling2D(2, name="coarse", dtype=design.precision)(inputs)
    x = _contract_and_grow(x, design)
    x = keras.layers.UpSampling2D(
        interpolation="bilinear", name="edge_grow", dtype=design.precision
    )(x)
    x = keras.layers.Concatenate(name="edge_join", dtype=design.precision)([inputs, x])
    x = _block(x, design.filters // 2, "edge", design.precision)
    return keras.Model(inputs, _probabilities(x, design))


def _contract_and_grow(x: keras.KerasTensor, design: Design) -> keras.KerasTensor:
    """The U: halve and widen `depth` times, then the way back with a skip at every level."""
    skips = []
    for level in range(design.depth):
        x = _block(x, design.filters * 2**level, f"down{level}", design.precision)
        skips.append(x)
        x = keras.layers.MaxPooling2D(name=f"down{level}_pool", dtype=design.precision)(x)
    x = _block(x, design.filters * 2**design.depth, "bottom", design.precision)
    for level in reversed(range(design.depth)):
        x = keras.layers.UpSampling2D(name=f"up{level}_grow", dtype=design.precision)(x)
        x = keras.layers.Concatenate(name=f"up{level}_join", dtype=design.precision)(
            [skips[level], x]
        )
        x = _block(x, design.filters * 2**level, f"up{level}", design.precision)
    return x


def encoder(network: keras.Model) -> list[keras.layers.Layer]:
    """The layers of the way down, which see what is in an image; the way back draws it."""
    return [layer for layer in network.layers if layer.name.startswith(ENCODER)]


def _probabilities(x: keras.KerasTensor, design: Design) -> keras.KerasTensor:
    """One map for each label. Probabilities near 0 and 1 need more digits than bfloat16 has."""
    return keras.layers.Conv2D(
        design.labels, 1, activation="sigmoid", name="probabilities", dtype="float32"
    )(x)


def _block(x: keras.KerasTensor, filters: int, name: str, precision: str) -> keras.KerasTensor:
    """Two 3 x 3 convolutions, each normalised and rectified."""
    for step in ("a", "b"):
        x = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}{step}_convolution",
            dtype=precision,
        )(x)
        x = keras.layers.BatchNormalization(
            momentum=0.98, name=f"{name}{step}_normalisation", dtype=precision
        )(x)
        x = keras.layers.ReLU(name=f"{name}{step}_relu", dtype=precision)(x)
    return x


def mean_of(members: Sequence[keras.Model]) -> keras.Model:
    """One network whose answer is the mean of its members' answers: an ensemble (Lakshminarayanan,
    NeurIPS 2017), which the plugin runs like any other network, in as many times the time."""
    inputs = keras.Input((None, None, CHANNELS), name="counts")
    answers = []
    for number, member in enumerate(members, 1):
        member.name = f"member{number}"
        answers.append(member(inputs))
    return keras.Model(inputs, keras.layers.Average(name="mean", dtype="float32")(answers))


ARCHITECTURES: dict[str, Callable[[Design], keras.Model]] = {
    "unet": unet,
    "coarse-unet": coarse_unet,
}
# How often an image is halved before the U, which halves it `depth` times.
HALVINGS_BEFORE = {"unet": 0, "coarse-unet": 1}
