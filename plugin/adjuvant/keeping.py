"""Puts together what decides about model versions, and tells the worker what it needs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adjuvant.change_record import RECORD_FILE, ChangeRecord
from adjuvant.errors import ModelFault
from adjuvant.interpretations import Interpretation
from adjuvant.loading import Loading
from adjuvant.model_desk import ModelDesk
from adjuvant.reader import Reader
from adjuvant.registry import Announcer, Registry
from adjuvant.shadow import Shadow
from adjuvant.surroundings import Hooks
from adjuvant.trial import Load, load_checked
from adjuvant.upgrade import Upgrades
from adjuvant.versions import Versions

if TYPE_CHECKING:
    from adjuvant.network import Network

SHADOW_FOLDER = "shadow"


@dataclass(frozen=True)
class Folders:
    """Where model versions are, and where what is ours is kept."""

    models: Path
    data: Path


class ModelKeeping:
    """The versions of the models that orthanc.json puts in service, as `configured` names them;
    where it is not `named` there, it is our default.

    Raises RecordFault where the record of changes cannot be read.
    """

    def __init__(
        self,
        folders: Folders,
        configured: Mapping[str, str],
        interpretations: tuple[Interpretation, ...],
        load: Load,
        announcer: Announcer,
        named: bool = True,
    ) -> None:
        record = ChangeRecord(folders.data / RECORD_FILE)
        self._registry = Registry(Versions(folders.models), record, configured, named)
        self._interpretations = interpretations
        self._announcer = announcer
        self._load = load
        self.shadow = Shadow(self._registry, interpretations, load, folders.data / SHADOW_FOLDER)

    def readers(self) -> tuple[Reader, ...]:
        """Who is to read scans. Raises ModelFault."""
        return self._registry.readers(self._interpretations)

    def load(self, folder: Path) -> Network:
        """Load a version and check it on its sample. Raises ModelFault."""
        return load_checked(folder, self._load)

    @property
    def hooks(self) -> Hooks:
        """What the worker tells us."""
        return Hooks(self._refused, self._loaded, self._registry.in_use, self.shadow.offer)

    def desk(self, loading: Loading) -> ModelDesk:
        """What people may ask and change while `loading` holds what reads scans."""
        upgrades = Upgrades(
            self._registry, self._announcer, loading, self._load, self._interpretations
        )
        return ModelDesk(self._registry, upgrades, self._announcer, self.shadow)

    def _refused(self, name: str, reason: str) -> bool:
        try:
            self._registry.refuse_configured(name, reason)
        except ModelFault:
            return False
        self._announcer.alarms(self._registry)
        return True

    def _loaded(self, readers: Sequence[Reader]) -> None:
        models = {one.model.name: one.model for reader in readers for one in reader.links}
        for entry in self._registry.loaded(models):
            self._announcer.wrote(entry)
        self._announcer.alarms(self._registry)
