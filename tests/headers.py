"""A catalogue of how real cameras and sites write planar thyroid scans.

`STYLES` are the dialects: each is a function without arguments that returns a scan which has to
be analysed. `BAD_INPUTS` (from `bad_inputs.py`) are the bytes that have to be refused, with the
code of the refusal. The builder itself is in `builder.py`; its names are offered here too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from tests.bad_inputs import BAD_INPUTS
from tests.builder import VIEW_CODES, code_item, nm_dataset, thyroid_counts, to_bytes

__all__ = [
    "BAD_INPUTS",
    "STYLES",
    "VIEW_CODES",
    "code_item",
    "nm_dataset",
    "thyroid_counts",
    "to_bytes",
]


def _siemens_esoft() -> Dataset:
    """e.soft: thyroid only in the study's German description, private blocks, empty duration."""
    ds = nm_dataset(
        thyroid_counts(),
        SpecificCharacterSet="ISO_IR 100",
        Manufacturer="SIEMENS NM",
        ManufacturerModelName="e.soft",
        StudyDescription="Schilddrüsenszintigraphie",
        SeriesDescription="Statisch [Kollimator LEHR]",
        BodyPartExamined=None,
        Radiopharmaceutical=None,
    )
    ds.private_block(0x0033, "SIEMENS MED NM", create=True).add_new(0x10, "LO", "STATIC")
    return ds


def _siemens_encore2() -> Dataset:
    """Encore2: two heads, PixelSpacing to many digits, isotope code of the old scheme 99SDM."""
    ds = nm_dataset(
        thyroid_counts(frames=2),
        views=("anterior", "posterior"),
        SpecificCharacterSet="ISO_IR 100",
        Manufacturer="SIEMENS NM",
        ManufacturerModelName="Encore2",
        StudyDescription="NM THYROID UPTAKE",
        BodyPartExamined="",
        PixelSpacing=["1.1988", "1.1988"],
    )
    isotope = ds.RadiopharmaceuticalInformationSequence[0]
    isotope.RadionuclideCodeSequence = [code_item("C-163A8", "99SDM", "Technetium Tc^99m^")]
    return ds


def _ge_xeleris() -> Dataset:
    """Xeleris: GENIE private groups (which may hold a name), dose 0, text in the series only."""
    ds = nm_dataset(
        thyroid_counts(128, 128),
        SpecificCharacterSet="ISO_IR 100",
        Manufacturer="GE MEDICAL SYSTEMS, NUCLEAR",
        ManufacturerModelName="INFINIA",
        StudyDescription="Scintigraphie",
        SeriesDescription="THYROÏDE Face",
        BodyPartExamined=None,
        PixelSpacing=["2.209000", "2.209000"],
    )
    private = ds.private_block(0x0009, "GEMS_GENIE_1", create=True)
    private.add_new(0x10, "LO", "THYROID")
    private.add_new(0x40, "LO", "Phantom,Thyroid")
    ds.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = "0"
    return ds


def _philips() -> Dataset:
    """Philips: codes of the retired scheme SNM3, a Frame of Reference with empty positions."""
    ds = nm_dataset(
        thyroid_counts(),
        Manufacturer="Philips Medical Systems",
        ManufacturerModelName="BrightView",
        StudyDescription="Schildklierscan",
        BodyPartExamined=None,
        FrameOfReferenceUID=generate_uid(),
        PositionReferenceIndicator="",
    )
    item = ds.DetectorInformationSequence[0]
    item.ViewCodeSequence = [code_item("G-5215", "SNM3", "Anterior projection")]
    return ds


def _mediso() -> Dataset:
    """Mediso: the protocol names the thyroid, not square, no view code, implicit VR."""
    ds = nm_dataset(
        thyroid_counts(256, 192),
        SpecificCharacterSet="ISO_IR 192",
        Manufacturer="Mediso",
        ManufacturerModelName="AnyScan",
        StudyDescription="",
        BodyPartExamined=None,
        ProtocolName="Gammagrafía de tiroides",
    )
    del ds.DetectorInformationSequence[0].ViewCodeSequence
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return ds


def _private_view_code() -> Dataset:
    ds = nm_dataset(thyroid_counts())
    item = ds.DetectorInformationSequence[0]
    item.ViewCodeSequence = [code_item("FACE ANT", "99NMG", "FACE ANT")]
    return ds


def _pinhole() -> Dataset:
    ds = nm_dataset(thyroid_counts())
    ds.DetectorInformationSequence[0].CollimatorType = "PINH"
    return ds


def _anatomic_code_only() -> Dataset:
    """No word anywhere: only AnatomicRegionSequence, with the SNOMED-RT code of old software."""
    return nm_dataset(
        thyroid_counts(),
        StudyDescription=None,
        SeriesDescription="STATIC",
        BodyPartExamined="NECK",
        AnatomicRegionSequence=[code_item("T-B6000", "SRT", "Thyroid")],
    )


def _compressed(syntax: str) -> Dataset:
    ds = nm_dataset(thyroid_counts())
    ds.compress(syntax, generate_instance_uid=False)
    return ds


def _deflated() -> Dataset:
    ds = nm_dataset(thyroid_counts())
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return ds


def _second_head_off() -> Dataset:
    """Two detectors, of which one saw nothing."""
    counts = thyroid_counts(frames=2)
    counts[1] = 0
    return nm_dataset(counts, views=("anterior", "posterior"))


def _big_endian() -> Dataset:
    """Retired, but old archives still send it."""
    ds = nm_dataset(thyroid_counts())
    ds.PixelData = thyroid_counts().astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    return ds


def _detectors_and_energy_windows() -> Dataset:
    """Two heads, each with the photopeak and its scatter."""
    ds = nm_dataset(thyroid_counts(frames=4), views=("anterior", "posterior"))
    ds.DetectorVector, ds.EnergyWindowVector = [1, 2, 1, 2], [1, 1, 2, 2]
    scatter, limits = Dataset(), Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = "92", "125"
    scatter.EnergyWindowRangeSequence = [limits]
    ds.EnergyWindowInformationSequence.append(scatter)
    ds.NumberOfEnergyWindows = 2
    return ds


STYLES: dict[str, Callable[[], Dataset]] = {
    "plain": lambda: nm_dataset(thyroid_counts()),
    "siemens e.soft": _siemens_esoft,
    "siemens encore2": _siemens_encore2,
    "ge xeleris": _ge_xeleris,
    "philips": _philips,
    "mediso": _mediso,
    "three views": lambda: nm_dataset(
        thyroid_counts(frames=3),
        views=("anterior", "right anterior oblique", "left anterior oblique"),
    ),
    "detectors and energy windows": _detectors_and_energy_windows,
    "second head off": _second_head_off,
    "private view code": _private_view_code,
    "pinhole": _pinhole,
    "anatomic code only": _anatomic_code_only,
    "without NumberOfFrames": lambda: nm_dataset(thyroid_counts(), NumberOfFrames=None),
    "empty PixelSpacing": lambda: nm_dataset(thyroid_counts(), PixelSpacing=""),
    "without PixelSpacing": lambda: nm_dataset(thyroid_counts(), PixelSpacing=None),
    "empty CountsAccumulated": lambda: nm_dataset(thyroid_counts(), CountsAccumulated=""),
    "missing BodyPartExamined": lambda: nm_dataset(thyroid_counts(), BodyPartExamined=None),
    "8 bit": lambda: nm_dataset(thyroid_counts().astype(np.uint8)),
    "8 bit, odd length": lambda: nm_dataset(thyroid_counts(129, 129).astype(np.uint8)),
    "signed": lambda: nm_dataset(thyroid_counts().astype(np.int16)),
    "rle": lambda: _compressed(RLELossless),
    "jpeg-ls": lambda: _compressed(JPEGLSLossless),
    "jpeg 2000": lambda: _compressed(JPEG2000Lossless),
    "deflated": _deflated,
    "big endian": _big_endian,
    "latin-1": lambda: nm_dataset(
        thyroid_counts(),
        SpecificCharacterSet="ISO_IR 100",
        PatientName="Müller^Änne",
        StudyDescription="SCINTIGRAPHIE DE LA THYROÏDE",
    ),
    "greek": lambda: nm_dataset(
        thyroid_counts(),
        SpecificCharacterSet="ISO_IR 126",
        PatientName="Διονυσιος",
        StudyDescription="Scan of thyroid: θυρεοειδής",
    ),
    "cyrillic": lambda: nm_dataset(
        thyroid_counts(),
        SpecificCharacterSet="ISO_IR 144",
        PatientName="Люксембург",
    ),
    "japanese": lambda: nm_dataset(
        thyroid_counts(),
        SpecificCharacterSet=["", "ISO 2022 IR 87"],
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        StudyDescription="甲状腺 thyroid",
    ),
    "korean": lambda: nm_dataset(
        thyroid_counts(),
        SpecificCharacterSet=["", "ISO 2022 IR 149"],
        PatientName="Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "greek by iso 2022": lambda: nm_dataset(
        thyroid_counts(),
        SpecificCharacterSet=["", "ISO 2022 IR 126"],
        PatientName="Dionysios^=Διονυσιος",
    ),
    "decomposed unicode": lambda: nm_dataset(
        thyroid_counts(), BodyPartExamined=None, StudyDescription="Schilddru\u0308sen-Szintigramm"
    ),
}
