"""A department's files: scans full of identifying values, and the gland of each, known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence

from tests.builder import nm_dataset, to_bytes

SIDE = 48
UID_ROOT = "1.3.12.2.1107.5.6.1.4711"

NAMES = ("Vandenbroucke^Apollonia", "Szczepański^Zbigniew", "Müller-Lüdenscheidt^Käthe")


@dataclass(frozen=True)
class Visit:
    """One scan of one patient; `number` makes every value of it different."""

    patient: int
    number: int

    @property
    def uid(self) -> str:
        """Its SOP Instance UID."""
        return f"{UID_ROOT}.{self.patient}.{self.number}.3"

    @property
    def stem(self) -> str:
        """The name of its file, as a viewer exports it: with the patient's name."""
        name = NAMES[self.patient % len(NAMES)].split("^")[0]
        return f"{name}-{self.patient}-{self.number}"

    @property
    def identifying(self) -> tuple[str, ...]:
        """Every value of the scan below that must not come out of the department."""
        family, given = NAMES[self.patient % len(NAMES)].split("^")
        return (
            family,
            given,
            f"NISS-{self.patient:04}-7731",
            f"OLD{self.patient:03}8852",
            f"ACC{self.patient}{self.number}-5523",
            f"STU{self.patient}{self.number}9917",
            f"1947{self.patient % 9 + 1:02}23",
            self.day,
            f"0917{self.number % 60:02}",
            f"{UID_ROOT}.{self.patient}",
            "Hôpital Sainte-Cunégonde",
            "Sainte",
            "Quackenbush",
            "Oberschwester",
            "GAMMA-ROOM-13",
            "SER-88-1234",
            "Hedwig",
            "Rue des Tulipes",
            "+32 81 555 0199",
            "Geheimnotiz",
            "confidential remark",
        )

    @property
    def day(self) -> str:
        """When it was acquired."""
        return f"2024{self.number % 12 + 1:02}{self.patient % 27 + 1:02}"


def points(visit: Visit) -> list[tuple[float, float]]:
    """The gland's outline: an ellipse of 60 points, off the middle, other for each visit."""
    centre_x, centre_y = 17.3 + visit.patient % 5, 16.6 + visit.number % 4
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    across, down = 7.2 + 0.5 * (visit.patient % 3), 9.4 - 0.4 * (visit.patient % 4)
    return [
        (float(centre_x + across * np.cos(a)), float(centre_y + down * np.sin(a))) for a in angles
    ]


def counts(visit: Visit) -> np.ndarray:
    """uint16 (48, 48): a bright ellipse with Poisson noise."""
    from training.rois.drawing import Outline
    from training.rois.rasterise import rasterise_outline

    gland = rasterise_outline(Outline((np.array(points(visit)),)), (SIDE, SIDE))
    noise = np.random.default_rng((visit.patient, visit.number))
    return noise.poisson(2 + 40 * gland).astype(np.uint16)


def scan(visit: Visit, frames: int = 1) -> Dataset:
    """A valid NM object with identifying values wherever real ones have them."""
    family, given, number, old, accession, study, birth = visit.identifying[:7]
    image = np.stack([counts(visit)] * frames) if frames > 1 else counts(visit)
    views = ("anterior", "left anterior oblique")[:frames]
    source = nm_dataset(
        image,
        views=views,
        SOPInstanceUID=visit.uid,
        StudyInstanceUID=f"{UID_ROOT}.{visit.patient}.{visit.number}.1",
        SeriesInstanceUID=f"{UID_ROOT}.{visit.patient}.{visit.number}.2",
        FrameOfReferenceUID=f"{UID_ROOT}.{visit.patient}.{visit.number}.4",
        PositionReferenceIndicator="",
        PatientName=f"{family}^{given}",
        PatientID=number,
        OtherPatientIDs=old,
        PatientBirthDate=birth,
        PatientAddress="Rue des Tulipes 7",
        PatientTelephoneNumbers="+32 81 555 0199",
        PatientComments="Geheimnotiz",
        AdditionalPatientHistory=f"seen by Quackenbush, {family}",
        AccessionNumber=accession,
        StudyID=study[:16],
        InstitutionName="Hôpital Sainte-Cunégonde",
        InstitutionAddress="Rue des Tulipes 1",
        StationName="GAMMA-ROOM-13",
        DeviceSerialNumber="SER-88-1234",
        ReferringPhysicianName="Quackenbush^Hedwig",
        OperatorsName="Oberschwester^Hedwig",
        StudyDescription=f"Thyroïde {family}",
        SeriesDescription=f"ANT {given} confidential remark",
        ImageComments="confidential remark",
        ProtocolName=f"THYROID {family}",
        **{f"{kind}Date": visit.day for kind in ("Study", "Series", "Acquisition", "Content")},
        **{f"{kind}Time": visit.identifying[8] for kind in ("Study", "Series", "Acquisition")},
    )
    _nest(source, visit)
    _hide_in_private_groups(source, visit)
    return source


def _nest(source: Dataset, visit: Visit) -> None:
    """Identifying values two sequences deep, and in an attribute of free text that is kept."""
    request = Dataset()
    request.RequestedProcedureDescription = f"thyroid scan of {visit.identifying[0]}"
    request.RequestedProcedureID = visit.identifying[4][:16]
    request.ReferencedStudySequence = [Dataset()]
    request.ReferencedStudySequence[0].ReferencedSOPInstanceUID = f"{UID_ROOT}.{visit.patient}.77"
    source.RequestAttributesSequence = [request]
    other = Dataset()
    other.PatientID = visit.identifying[3]
    other.TypeOfPatientID = "TEXT"
    source.OtherPatientIDsSequence = [other]
    tracer = source.RadiopharmaceuticalInformationSequence[0]
    tracer.Radiopharmaceutical = f"Pertechnetate for {visit.identifying[0]}"
    tracer.RadiopharmaceuticalStartTime = f"0902{visit.number % 60:02}"
    original = Dataset()
    original.ModifiedAttributesSequence = [Dataset()]
    original.ModifiedAttributesSequence[0].PatientName = visit.identifying[0]
    original.SourceOfPreviousValues = visit.identifying[1]
    source.OriginalAttributesSequence = [original]


def _hide_in_private_groups(source: Dataset, visit: Visit) -> None:
    """GE's (0009,xx) holds names even in files that were called de-identified."""
    block = source.private_block(0x0009, "GEMS_GENIE_1", create=True)
    block.add_new(0x10, "LO", f"{visit.identifying[0]} {visit.identifying[2]}")
    block.add_new(0x11, "SQ", Sequence([Dataset()]))
    block[0x11].value[0].PatientName = visit.identifying[0]
    source.RadiopharmaceuticalInformationSequence[0].private_block(
        0x0011, "SITE", create=True
    ).add_new(0x01, "LO", visit.identifying[0])


def write_scan(visit: Visit, folder: Path) -> Path:
    """The scan's file, named after the patient, with a name in its preamble."""
    path = folder / f"{visit.stem}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = to_bytes(scan(visit))
    path.write_bytes(visit.identifying[0].encode("utf-8")[:20].ljust(128, b"\0") + data[128:])
    return path


def write_csv(visit: Visit, folder: Path, name: str = "Thyroïde", *, uids: bool = True) -> Path:
    """The gland as Horos exports it, named after the patient."""
    header = "ImageNo,RoiNo,RoiMean,RoiMin,RoiMax,RoiTotal,RoiDev,RoiName,RoiType,"
    row = f'0,0,-1.0,0,0,0,0,"{name}",15,'
    if uids:
        header += "SOPInstanceUID,SeriesInstanceUID,StudyInstanceUID,"
        row += f"{visit.uid},{visit.uid},{visit.uid},"
    outline = points(visit)
    body = ",".join(f"0,0,0,{x:.4f},{y:.4f}" for x, y in outline)
    path = folder / f"{visit.stem}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"{header}NumOfPoints,mmX,mmY,mmZ,pxX,pxY,...\n{row}{len(outline)},{body}\n"
    # -1 as the mean is what Horos writes before it has measured.
    path.write_text(text, "utf-8")
    return path
