"""A model version is loaded and tried before it reads any scan: on its own sample, on a drawn scan.

Used at the start and, beside the version that reads scans, by every activation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from adjuvant.errors import ModelFault
from adjuvant.image import Limits
from adjuvant.interpretations import Interpretation
from adjuvant.network import Network, linked
from adjuvant.registry import Registry
from adjuvant.rehearsal import rehearse
from adjuvant.sample import Agreement, check_sample, read_sample

Load = Callable[[Path], Network]


@dataclass(frozen=True)
class Tried:
    """A network that may read scans; `agreement` is None where its version has no sample."""

    network: Network
    agreement: Agreement | None


def load_checked(folder: Path, load: Load) -> Network:
    """Load a version and compare its answers with its own sample, where it has one.

    Raises ModelFault, in one sentence, for whatever keeps the model from being used.
    """
    network = load(folder)
    _agreement(folder, network)
    return network


@dataclass(frozen=True)
class Company:
    """What a network works with: the models of the same chain, as they read scans now.

    `active` is the chain of an interpretation that reads scans, None where there is none: then
    what is missing is loaded.
    """

    registry: Registry
    load: Load
    active: Callable[[Interpretation], Network | None]

    def around(self, network: Network, interpretation: Interpretation) -> Network:
        """The chain of an interpretation with `network` in its place. Raises ModelFault."""
        active = self.active(interpretation)
        known = {} if active is None else {one.model.name: one for one in active.links}
        known[network.model.name] = network
        return linked(
            [
                known.get(name) or self.load(self.registry.link(name).folder)
                for name in self.registry.chain(interpretation)
            ]
        )


def try_out(
    folder: Path, load: Load, interpretations: Iterable[Interpretation], company: Company
) -> Tried:
    """Load a version, check it on its sample, and let its chain read a drawn scan.

    Raises ModelFault, in one sentence, for whatever keeps the model from being used.
    """
    try:
        network = load(folder)
        found = _agreement(folder, network)
        for one in interpretations:
            rehearse(one, company.around(network, one), Limits())
    except MemoryError as fault:
        raise ModelFault("memory does not suffice to load it beside what reads scans") from fault
    return Tried(network, found)


def _agreement(folder: Path, network: Network) -> Agreement | None:
    sample = read_sample(folder, network.model)
    return None if sample is None else check_sample(network, sample)
