"""Which scan of a collection a file of outlines belongs to.

By the SOP Instance UID in the file: a pseudonymous one, or the original, which needs the key. A
file without UIDs belongs to the scan whose file had the same name, or whose UID or accession number
the file is named after, or that was alone in the same folder; of several that are called alike, to
the one in the same folder. Never by guessing: two candidates are none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePath, PurePosixPath

from training.collect.journal import Line
from training.collect.objects import folder_token, name_token
from training.pseudonyms import Pseudonyms
from training.rois.drawing import Drawing, RoiError

ENDINGS = (".gz", ".seg", ".nrrd", ".nii", ".png", ".csv", ".xml", ".json", ".dcm", ".plist")


class Matcher:
    """Finds scans (journal lines) for drawings; without pseudonyms only by pseudonymous UIDs."""

    def __init__(self, scans: Iterable[Line], pseudonyms: Pseudonyms | None) -> None:
        self._pseudonyms = pseudonyms
        self._instances = {str(line.instance): line for line in scans}
        # Drawn on a collected scan in another archive, and collected from there: its pseudonym has
        # a pseudonym.
        self._twice = (
            {}
            if pseudonyms is None
            else {pseudonyms.uid(name): line for name, line in self._instances.items()}
        )
        self._named: dict[str, list[Line]] = defaultdict(list)
        for line in self._instances.values():
            for name in line.names:
                self._named[name].append(line)

    def scan_of(self, drawing: Drawing, place: PurePosixPath) -> Line:
        """The scan; `place` is the file's path below its root. Raises RoiError."""
        instance = drawing.reference.instance
        if instance:
            return self._by_uid(instance)
        stem = stem_of(place.name)
        if stem in self._instances:
            return self._instances[stem]
        if self._pseudonyms is None:
            raise RoiError("it names no image, and without the key names of files say nothing")
        found = self._named_like(stem, place.parent, self._pseudonyms)
        if len(found) == 1:
            return found[0]
        if found:
            raise RoiError(f"it names no image, and {len(found)} scans are called like it")
        raise RoiError("it names no image, and no scan is called like it")

    def _named_like(self, stem: str, folder: PurePath, pseudonyms: Pseudonyms) -> list[Line]:
        """The scans that a name may mean: IM0001 is in every patient's folder, and once in each.

        Raises RoiError where the folder is that of other scans.
        """
        found = self._named.get(name_token(pseudonyms, stem), [])
        near = self._named.get(folder_token(pseudonyms, folder.as_posix()), [])
        if not found or not near:
            return found or near
        both = [line for line in found if line in near]
        if not both:
            raise RoiError("it names no image, and its name is that of a scan in another folder")
        return both

    def _by_uid(self, instance: str) -> Line:
        if instance in self._instances:
            return self._instances[instance]
        if self._pseudonyms is not None:
            line = self._instances.get(self._pseudonyms.uid(instance))
            line = line or self._twice.get(instance)
            if line is not None:
                return line
        key = "" if self._pseudonyms is not None else " (the key may be missing)"
        raise RoiError(f"its image is not in the collection{key}")


def stem_of(name: str) -> str:
    """A file's name without the endings of formats; a UID keeps its dots."""
    stem = name
    while True:
        ending = next((one for one in ENDINGS if stem.lower().endswith(one)), None)
        if ending is None or len(stem) == len(ending):
            return stem
        stem = stem[: -len(ending)]
