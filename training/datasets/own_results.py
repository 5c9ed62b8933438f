"""What our network drew on the scans of a collection, so that it is never taken for truth."""

from __future__ import annotations

from collections import defaultdict
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from adjuvant.errors import Refusal
from adjuvant.header import UNREADABLE, quiet
from adjuvant.preprocess import Mask
from adjuvant.results.correction import is_human_correction, segmented_instances
from adjuvant.results.marks import parts_beside_a_whole, read_marks, segment_name
from adjuvant.results.provenance import is_own
from training.collect.journal import read_journal
from training.collect.source import SourceFault, read_file
from training.pseudonyms import Pseudonyms


class OwnResults:
    """Our segmentations by the (pseudonymous) SOP Instance UID of their scan.

    With `pseudonyms` also drafts on collected scans that came back from another archive: there the
    scan's pseudonym has a pseudonym.
    """

    def __init__(self, files: dict[str, list[Path]], pseudonyms: Pseudonyms | None = None) -> None:
        self._files, self._pseudonyms = files, pseudonyms

    def of(self, instance: str) -> list[Path]:
        """Those of one scan."""
        found = self._files.get(instance, [])
        if self._pseudonyms is None:
            return found
        return [*found, *self._files.get(self._pseudonyms.uid(instance), [])]

    def drew(self, instance: str, gland: Mask) -> bool:
        """Whether one of them outlines the gland exactly so, bool (rows, columns), on any frame:
        nobody draws the same pixels by hand."""
        return any(
            np.array_equal(mask, gland) for path in self.of(instance) for mask in _glands(path)
        )


def read_own_results(collection: Path, pseudonyms: Pseudonyms | None = None) -> OwnResults:
    """All that the collection holds, from the headers."""
    found: dict[str, list[Path]] = defaultdict(list)
    for line in read_journal(collection):
        if line.outcome != "outlines" or line.file is None or line.accepted:
            continue
        path = collection / line.file
        header = _read(path, pixels=False)
        if header is not None and is_own(header) and is_human_correction(header) is None:
            for instance in segmented_instances(header):
                found[instance].append(path)
    return OwnResults(dict(found), pseudonyms)


def _glands(path: Path) -> list[Mask]:
    """The gland with its nodules on each frame, as far as the file can be read."""
    source = _read(path, pixels=True)
    if source is None:
        return []
    try:
        marks = read_marks(source)
        names = {int(one.SegmentNumber): segment_name(one) for one in source.SegmentSequence}
    except (Refusal, *UNREADABLE):
        return []
    parts = parts_beside_a_whole(names)
    glands: dict[object, Mask] = {}
    for number in marks.keys() - parts:
        for place, mask in marks[number].items():
            glands[place] = glands[place] | mask if place in glands else mask
    return list(glands.values())


def _read(path: Path, *, pixels: bool) -> Dataset | None:
    try:
        with quiet():
            source = dcmread(BytesIO(read_file(path)), stop_before_pixels=not pixels)
            source.decode()
    except (SourceFault, InvalidDicomError, *UNREADABLE):
        return None
    return source
