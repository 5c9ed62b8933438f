"""Uptake of the administered activity, where a department has calibrated its camera.

    uptake = net counts of the gland / duration / sensitivity / activity at acquisition

Net counts are those above the background around the gland. The sensitivity (cps/MBq) is measured
by the department with its own neck phantom, for its own collimator and distance; the activity is
the administered one of the header, decayed to the time of acquisition. Anterior views only: that is
what a neck phantom stands for. Where any of this is missing, there is no figure, and a remark says
what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydicom import Dataset

from adjuvant.acquisition import several_windows
from adjuvant.findings import Findings, FrameMeasures
from adjuvant.header import items, numbers, text, values
from adjuvant.scan import Scan

ANY_STATION = "*"
# A time of day may be of the day before. Tc-99m is imaged within hours, also over midnight; for
# anything longer, and for iodine, imaged on the same or on the next day, the date has to be told.
TELLING_HALF_LIFE_H = 7.0
TELLING_WAIT_H = 7.0
# A time of day that is told twice may be rounded to the minute once.
SAME_TIME = timedelta(minutes=1)
ZONE = re.compile(r"[+-]\d{4}$")


@dataclass(frozen=True)
class Nuclide:
    """Its half-life, how long after the injection a thyroid may still be imaged, both in hours, and
    the smallest activity with which one is, in MBq."""

    half_life_h: float
    longest_wait_h: float
    least_mbq: float


# Half-lives by Eckerman & Endo (MIRD 2008). Thyroids are imaged at 15 to 30 min with Tc-99m, at 4
# to 24 h with I-123, within days with I-131 (SNMMI and EANM guidelines): with more than twice as
# long it is the date that is wrong, and with it the uptake by orders of magnitude. No child gets
# less than 10 MBq of Tc-99m or 3 of I-123 (EANM dosage card): half of that and less is in mCi.
TECHNETIUM_99M = Nuclide(6.01, 12.0, 5.0)
IODINE_123 = Nuclide(13.27, 60.0, 1.5)
IODINE_131 = Nuclide(192.6, 240.0, 0.1)
# By SNOMED CT and by SNOMED-RT code.
NUCLIDES = {
    "72454006": TECHNETIUM_99M,
    "C-163A8": TECHNETIUM_99M,
    "21572004": IODINE_123,
    "C-114A4": IODINE_123,
    "1368003": IODINE_131,
    "C-114B1": IODINE_131,
}
# Corrected Image (PS3.3 C.8.4.9): to which time the counts were brought, the header does not tell.
DECAY_CORRECTED = "DECY"
# Decay Correction (C.8.9.1) is an attribute of PET that some NM images have as well.
NOT_CORRECTED = ("", "NONE")
# RadionuclideTotalDose of an NM image is in MBq (PS3.3 C.8.4.10). No thyroid patient gets more:
# such a number is in Bq, or wrong.
MAXIMUM_MBQ = 20_000.0


@dataclass(frozen=True)
class Calibration:
    """`sensitivities` in cps/MBq by StationName, "*" for all others; `reference` in percent."""

    sensitivities: Mapping[str, float] = field(default_factory=dict)
    reference: tuple[float, float] | None = None

    def sensitivity(self, header: Dataset) -> float | None:
        """The one of the camera that the header names; None where none is known."""
        station = text(header, "StationName")
        return self.sensitivities.get(station, self.sensitivities.get(ANY_STATION))


UNCALIBRATED = Calibration()


class _Missing(Exception):
    """What the header does not tell; the text goes on behind `uptake is not measured:`."""


def with_uptake(findings: Findings, scan: Scan, calibration: Calibration) -> Findings:
    """The same findings with the uptake of every anterior view that shows a gland.

    A remark says why there is none where there should be, and names an uptake that lies outside of
    the configured reference range.
    """
    sensitivity = calibration.sensitivity(scan.header)
    if sensitivity is None:
        return findings
    measures, said = [], []
    for frame, measured in zip(scan.frames, findings.measures, strict=True):
        if frame.view != "anterior" or not measured.gland_pixels:
            measures.append(measured)
            continue
        try:
            percent = _percent(scan, measured, frame.duration_s, sensitivity)
            measures.append(replace(measured, uptake_percent=percent))
            said += _compared(frame.number, percent, calibration.reference)
        except _Missing as missing:
            measures.append(measured)
            said.append(f"Frame {frame.number}: uptake is not measured: {missing}.")
    remarks = (*findings.remarks, *said)
    return replace(findings, measures=tuple(measures), remarks=remarks)


def _percent(
    scan: Scan, measured: FrameMeasures, duration_s: float | None, sensitivity: float
) -> float:
    if scan.pinhole is None:
        raise _Missing("the header has no CollimatorType")
    if scan.pinhole:
        raise _Missing("the collimator magnifies (pinhole or focused)")
    if several_windows(scan.header):
        raise _Missing("the scan has several energy windows")
    if duration_s is None:
        raise _Missing("the header has no ActualFrameDuration")
    background = measured.background_counts_per_pixel
    if background is None:
        raise _Missing("there is no background around the gland")
    net = measured.gland_counts - background * measured.gland_pixels
    percent = 100 * max(net, 0.0) / duration_s / sensitivity / activity_mbq(scan.header)
    if percent > 100:
        raise _Missing("it would be more than 100 %: sensitivity, activity or times are wrong")
    return percent


def _compared(frame: int, percent: float, reference: tuple[float, float] | None) -> list[str]:
    percent = round(percent, 2)
    if reference is None or reference[0] <= percent <= reference[1]:
        return []
    side = "below" if percent < reference[0] else "above"
    span = f"{reference[0]:g} to {reference[1]:g} %"
    return [f"Frame {frame}: uptake of {percent:.2f} % is {side} the reference range {span}."]


def activity_mbq(header: Dataset) -> float:
    """The administered activity, decayed to the acquisition, in MBq; raises where it is untold."""
    given = items(header, "RadiopharmaceuticalInformationSequence")
    dosed = [item for item in given if numbers(item, "RadionuclideTotalDose")]
    if not dosed:
        raise _Missing("the header has no RadionuclideTotalDose")
    if len(dosed) > 1:
        raise _Missing("the header names several radiopharmaceuticals")
    dose = numbers(dosed[0], "RadionuclideTotalDose")[0]
    if _is_decay_corrected(header):
        raise _Missing("the counts are corrected for decay")
    nuclide = _nuclide(dosed[0])
    if not nuclide.least_mbq < dose <= MAXIMUM_MBQ:
        raise _Missing(f"RadionuclideTotalDose {dose:g} cannot be an activity in MBq")
    return float(dose * 0.5 ** (_waited_h(header, dosed[0], nuclide) / nuclide.half_life_h))


def _is_decay_corrected(header: Dataset) -> bool:
    return (
        DECAY_CORRECTED in values(header, "CorrectedImage")
        or text(header, "DecayCorrection").upper() not in NOT_CORRECTED
    )


def _nuclide(item: Dataset) -> Nuclide:
    for code in items(item, "RadionuclideCodeSequence")[:1]:
        known = NUCLIDES.get(text(code, "CodeValue"))
        if known is not None:
            return known
    raise _Missing("RadionuclideCodeSequence names none of Tc-99m, I-123 and I-131")


def _waited_h(header: Dataset, item: Dataset, nuclide: Nuclide) -> float:
    """Hours from the injection to the acquisition.

    RadiopharmaceuticalStartDateTime counts where there is one. RadiopharmaceuticalStartTime has no
    date: it is believed where no other day is likely, and else not.
    """
    day = text(header, "AcquisitionDate")
    taken = _moment(day, text(header, "AcquisitionTime"))
    if taken is None:
        raise _Missing("the header has no AcquisitionDate and AcquisitionTime")
    time = _moment(day, text(item, "RadiopharmaceuticalStartTime"))
    given = _start(header, text(item, "RadiopharmaceuticalStartDateTime"))
    if given is None:
        return _waited_since_h(time, taken, nuclide)
    if given > taken:
        raise _Missing("the injection is later than the acquisition")
    if time is not None and _apart(time, given) >= SAME_TIME:
        raise _Missing(
            "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are different times"
        )
    waited_h = (taken - given) / timedelta(hours=1)
    if waited_h > nuclide.longest_wait_h:
        raise _Missing(f"the injection is {waited_h:.0f} h before the acquisition")
    return waited_h


def _waited_since_h(time: datetime | None, taken: datetime, nuclide: Nuclide) -> float:
    """The same from a time of day alone."""
    if time is None:
        raise _Missing("the header has no RadiopharmaceuticalStartTime")
    waited_h = (taken - time) % timedelta(days=1) / timedelta(hours=1)
    if nuclide.half_life_h > TELLING_HALF_LIFE_H or waited_h > TELLING_WAIT_H:
        raise _Missing("the header has no RadiopharmaceuticalStartDateTime")
    return waited_h


def _start(header: Dataset, told: str) -> datetime | None:
    """A date and time (DT, PS3.5 6.2) by the clock of the header's other times; None for none."""
    zone = ZONE.search(told)
    given = _moment(told[:8], (told[: zone.start()] if zone else told)[8:])
    if zone is None or given is None:
        return given
    here = text(header, "TimezoneOffsetFromUTC")
    if not ZONE.match(here):
        raise _Missing("the header has no TimezoneOffsetFromUTC")
    return given + _offset(here) - _offset(zone.group())


def _offset(zone: str) -> timedelta:
    """Of +HHMM or -HHMM, from UTC."""
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    return -offset if zone[0] == "-" else offset


def _apart(one: datetime, other: datetime) -> timedelta:
    """Two times of day, whatever their days."""
    day = timedelta(days=1)
    return min((one - other) % day, (other - one) % day)


def _moment(date: str, time: str) -> datetime | None:
    """None also for an hour without its minutes, in which Tc-99m decays by a tenth."""
    if len(date) < 8 or len(time) < 4:
        return None
    try:
        return datetime.strptime(date[:8] + time[:6].ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
