"""What lies below the models folder: `<name>/<version>/`, each version with what is wrong with it.

A version is found by the names of its folders, which its contract has to repeat: a copy under
another name is refused, not believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from adjuvant.errors import ModelFault
from adjuvant.keras_archive import check_keras_archive
from adjuvant.model import CONTRACT_FILE, Model, read_model, released_file

NAME = re.compile(r"[a-z][a-z0-9-]{0,63}", re.ASCII)
VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}", re.ASCII)
MOST_SHOWN = 1000

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Version:
    """One folder. `model` is None where its contract cannot be read; `fault` says what is wrong
    with it, None: nothing."""

    name: str
    version: str
    folder: Path
    model: Model | None
    fault: str | None


class Versions:
    """The models folder. Files are hashed once as long as their size and time stay the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, tuple[Stamp, str | None]] = {}

    def folder(self, name: str, version: str) -> Path:
        """Where a version is, if it is there."""
        return self._folder / name / version

    def read(self, name: str, version: str) -> Model:
        """The contract of a version. Raises ModelFault where there is none, or it is another's."""
        if not NAME.fullmatch(name) or not VERSION.fullmatch(version):
            raise ModelFault(f"{name[:100]!r} {version[:100]!r} does not name a model version")
        folder = self.folder(name, version)
        model = read_model(folder)
        if (model.name, model.version) != (name, version):
            raise ModelFault(
                f"{folder / CONTRACT_FILE} is of {model.name} {model.version}, "
                f"but lies in the folder of {name} {version}"
            )
        return model

    def names(self) -> list[str]:
        """The models that have a folder."""
        return [folder.name for folder in _folders(self._folder)]

    def all(self) -> list[Version]:
        """Every folder where a version would be, by name, then the newest first."""
        found = [
            self.look(model.name, folder.name)
            for model in _folders(self._folder)
            for folder in _folders(model)
        ]
        return sorted(found[:MOST_SHOWN], key=lambda one: (one.name, _newest_first(one.version)))

    def look(self, name: str, version: str) -> Version:
        """One version: its contract, weights and sample against the digests. Never raises."""
        folder = self.folder(name, version)
        try:
            model = self.read(name, version)
        except ModelFault as fault:
            return Version(name, version, folder, None, str(fault))
        return Version(name, version, folder, model, self._fault(folder, model))

    def _fault(self, folder: Path, model: Model) -> str | None:
        files = [model.weights.file] + ([model.sample.file] if model.sample else [])
        try:
            stats = {name: (folder / name).stat() for name in (CONTRACT_FILE, *files)}
        except OSError as fault:
            return f"cannot read {fault.filename}: {fault.strerror}"
        stamp = tuple((name, one.st_size, one.st_mtime_ns) for name, one in stats.items())
        known = self._seen.get(folder)
        if known is None or known[0] != stamp:
            known = self._seen[folder] = (stamp, _check(folder, model))
        return known[1]


def _check(folder: Path, model: Model) -> str | None:
    try:
        check_keras_archive(released_file(folder, model.weights))
        if model.sample is not None:
            released_file(folder, model.sample)
    except ModelFault as fault:
        return str(fault)
    return None


def _folders(folder: Path) -> list[Path]:
    """Folders in a folder, but not hidden ones, such as that of a release in the making."""
    try:
        found = [one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")]
    except OSError:
        return []
    return sorted(found)


def _newest_first(version: str) -> tuple[int, ...]:
    if not VERSION.fullmatch(version):
        return (1,)
    return (0, *(-int(number) for number in version.split(".")))
