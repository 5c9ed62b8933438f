"""The commands that go from a department's scans and outlines to a data set to train on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console

from training.plain import plain_errors

if TYPE_CHECKING:
    from training.collect.source import Source
    from training.pseudonyms import Pseudonyms
    from training.rois.labels import Names

PASSWORD = "ADJUVANT_PASSWORD"

KeyFile = Annotated[Path, typer.Option("--key", help="The department's key: see `key`.")]
DataSet = Annotated[Path, typer.Option("--data", help="Folder of the data set.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")]
OwnNames = Annotated[
    list[str] | None,
    typer.Option("--name", help="What a name of outlines means: 'ROI 1=gland', 'x=nodule'."),
]
AnyName = Annotated[
    bool, typer.Option("--any-name", help="Outlines with other names are the gland as well.")
]


def key(out: Annotated[Path, typer.Option(help="File to write; keep it like the names.")]) -> None:
    """Make the key by which patients get their pseudonyms: once for a department."""
    from training.pseudonyms import write_key

    with plain_errors():
        write_key(out)
    typer.echo(f"{out}: keep it safe and apart from the data set; without it nobody can go back")


def collect(
    out: Annotated[Path, typer.Option(help="The collection; run again to take what is new.")],
    key_file: KeyFile,
    folder: Annotated[Path | None, typer.Option(help="Take DICOM files from here.")] = None,
    orthanc: Annotated[str | None, typer.Option(help="Take from this Orthanc: its URL.")] = None,
    dicomweb: Annotated[str | None, typer.Option(help="Take from this DICOMweb root.")] = None,
    query: Annotated[
        list[str] | None, typer.Option(help="Only studies with this: StudyDate=20250101-20251231.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Only studies with this label (Orthanc).")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help=f"User of the server; the password is in {PASSWORD}.")
    ] = None,
    authority: Annotated[
        Path | None, typer.Option(help="PEM file with the certificate to trust.")
    ] = None,
    corrections: Annotated[
        bool,
        typer.Option("--corrections", help="Also corrections that a person accepted (Orthanc)."),
    ] = False,
    take_back_all: Annotated[
        bool,
        typer.Option(
            "--take-back-all",
            help="Take back corrections also where the Orthanc lists none as accepted any more, "
            "and those of which nobody noted where they were accepted.",
        ),
    ] = False,
    configuration: Annotated[
        Path | None,
        typer.Option(help="orthanc.json, or its folder: whose rules choose the scans."),
    ] = None,
    name: OwnNames = None,
    any_name: AnyName = False,
    dry_run: DryRun = False,
) -> None:
    """Take scans and outlines from a folder, an Orthanc or a DICOMweb server, pseudonymously."""
    from adjuvant.site_rules import site_rules
    from training.collect.collection import collect as run
    from training.collect.objects import Chooser
    from training.collect.one_key import require_key
    from training.collect.orthanc import Orthanc
    from training.collect.withdrawn import accepted_by, archive_token, withdraw
    from training.data_report import tell_collected, tell_withdrawn

    console = Console(stderr=True)
    with plain_errors():
        pseudonyms = _pseudonyms(key_file, out)
        require_key(out, pseudonyms)
        if take_back_all and not corrections:
            raise ValueError("--take-back-all is for --corrections: nothing else takes any back")
        how = _How(query or [], label or [], user, authority, corrections)
        source = _source(folder, orthanc, dicomweb, how)
        chooser = Chooser(pseudonyms, _names(name, any_name), rules=site_rules(configuration))
        if corrections and isinstance(source, Orthanc):
            accepted = accepted_by(pseudonyms, str(orthanc), source.accepted())
            found = withdraw(out, accepted, everything=take_back_all, dry_run=dry_run)
            tell_withdrawn(found, dry_run=dry_run)
        archive = archive_token(pseudonyms, orthanc or "")
        tell_collected(run(source, chooser, out, console, archive=archive, dry_run=dry_run))
        if isinstance(source, Orthanc) and source.doubt is not None:
            typer.echo(source.doubt)


def outlines(
    collection: Annotated[Path, typer.Option(help="Folder written by `collect`.")],
    data: DataSet,
    rois: Annotated[
        list[Path] | None,
        typer.Option(help="Folder (or file) of outlines: Horos, OsiriX, RTSTRUCT, SEG, masks."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key", help="For outlines drawn on the original scans.")
    ] = None,
    name: OwnNames = None,
    any_name: AnyName = False,
    centre: Annotated[
        str | None, typer.Option(help="Where these scans are from, in a word of your own: A.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Turn the outlines of a collection into masks: a data set, with a sheet to look at."""
    from training.data_report import tell_imported
    from training.datasets.gathering import Request
    from training.datasets.importing import import_outlines

    console = Console(stderr=True)
    with plain_errors():
        pseudonyms = None if key_file is None else _pseudonyms(key_file, data)
        names = _names(name, any_name)
        request = Request(collection, tuple(rois or ()), pseudonyms, names, centre)
        report = import_outlines(request, data, console, dry_run=dry_run)
        tell_imported(report, data, dry_run=dry_run)


def divide(
    data: DataSet,
    test: Annotated[
        float | None, typer.Option(min=0, max=1, help="Part of the patients to test on.")
    ] = None,
    validation: Annotated[
        float | None, typer.Option(min=0, max=1, help="Part of the patients to validate on.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Other seed, other sides.")] = 0,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="Fix the test set: it never changes again.")
    ] = False,
) -> None:
    """Divide patients into training, validation and test; new ones join, nobody moves."""
    from training.data_report import tell_division
    from training.dataset import read_index
    from training.datasets import split as division

    with plain_errors():
        entries, known = read_index(data), division.read_split(data)
        fractions = known.fractions if known is not None else dict(division.FRACTIONS)
        if test is not None or validation is not None:
            parts = {division.TEST: test, division.VALIDATION: validation}
            fractions = fractions | {side: part for side, part in parts.items() if part is not None}
            rest = 1 - fractions[division.TEST] - fractions[division.VALIDATION]
            fractions[division.TRAINING] = round(rest, 12)
        split = division.extend(known, entries, fractions, seed)
        if freeze:
            split = division.freeze(data, split, entries)
        division.write_split(data, split)
        tell_division(split, entries)


def check(data: DataSet) -> None:
    """Look for damage, changed test cases, and the same scan under two patients."""
    from training.datasets.check import check as run

    with plain_errors():
        problems = run(data, Console(stderr=True))
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"{len(problems)} problems" if problems else "no problem found")
    if problems:
        raise typer.Exit(1)


def describe(
    data: DataSet,
    against: Annotated[
        Path | None,
        typer.Option(help="A model version, run or data set: do these scans resemble its own?"),
    ] = None,
) -> None:
    """Count what the data set consists of, and write it to fingerprint.json."""
    import json

    from training.dataset import DatasetError, read_index
    from training.datasets.fingerprint import (
        FINGERPRINT,
        fingerprint,
        read_fingerprint,
        tally_of,
        write_fingerprint,
    )
    from training.datasets.shift import compare

    with plain_errors():
        tally = tally_of(data, read_index(data), Console(stderr=True))
        found = fingerprint(data, read_index(data), tally)
        write_fingerprint(data, found)
        typer.echo(json.dumps(found, indent=1))
        if against is not None:
            training = read_fingerprint(against)
            if training is None:
                raise DatasetError(f"{against} has no {FINGERPRINT}")
            for said in compare(training, tally).warnings or ("no difference found",):
                typer.echo(said)


def export_nnunet(
    data: DataSet, out: Annotated[Path, typer.Option(help="For example Dataset001_Thyroid.")]
) -> None:
    """Write the data set in nnU-Net's layout: NIfTI files and dataset.json."""
    from training.datasets.nnunet import export_nnunet as run

    with plain_errors():
        typer.echo(f"{run(data, out, Console(stderr=True))} cases in {out}")


def import_nnunet(
    source: Annotated[Path, typer.Option("--from", help="A folder with nnU-Net's dataset.json.")],
    data: DataSet,
) -> None:
    """Make a data set of a folder in nnU-Net's layout."""
    from training.datasets.nnunet import PATIENTS
    from training.datasets.nnunet import import_nnunet as run

    with plain_errors():
        typer.echo(f"{run(source, data, Console(stderr=True))} cases in {data}")
        if not (source / PATIENTS).exists():
            typer.echo(
                f"{source} has no {PATIENTS}: each case counts as a patient of its own; where one "
                "patient has several, say so there before anything is divided, and import again"
            )


COMMANDS = (key, collect, outlines, divide, check, describe, export_nnunet, import_nnunet)


def _pseudonyms(key_file: Path, out: Path) -> Pseudonyms:
    """The key's pseudonyms; the key must not lie in what is handed on."""
    from training.pseudonyms import KeyFault, Pseudonyms, read_key

    if key_file.resolve().is_relative_to(out.resolve()):
        raise KeyFault(f"the key {key_file} lies in {out}, which others may see: move it")
    return Pseudonyms(read_key(key_file))


def _names(own: list[str] | None, any_name: bool) -> Names:
    from training.rois.labels import Names, read_names

    return Names(read_names(own or []), "gland" if any_name else None)


class _How(NamedTuple):
    """What is to be taken from a source, and how to be let in."""

    query: list[str]
    labels: list[str]
    user: str | None
    authority: Path | None
    corrections: bool


def _source(
    folder: Path | None,
    orthanc: str | None,
    dicomweb: str | None,
    how: _How,
) -> Source:
    """The one source that was named. Raises ValueError where it is none or several."""
    from training.collect.dicomweb import DicomWeb
    from training.collect.orthanc import Orthanc
    from training.collect.rest import Access
    from training.collect.source import Folder

    if sum(one is not None for one in (folder, orthanc, dicomweb)) != 1:
        raise ValueError("name one source: --folder, --orthanc or --dicomweb")
    wanted = dict(_key_and_value(one) for one in how.query)
    if how.labels and orthanc is None:
        raise ValueError("--label is for --orthanc: nothing else knows labels")
    if how.corrections and orthanc is None:
        raise ValueError("--corrections is for --orthanc: nothing else knows what was accepted")
    if folder is not None:
        if wanted:
            raise ValueError("--query is for servers; a folder is read as a whole")
        return Folder(folder)
    access = Access(str(orthanc or dicomweb), how.user, os.environ.get(PASSWORD), how.authority)
    if orthanc is None:
        return DicomWeb(access, wanted)
    return Orthanc(access, wanted, how.labels, corrections=how.corrections)


def _key_and_value(text: str) -> tuple[str, str]:
    keyword, separator, value = text.partition("=")
    if not separator or not keyword:
        raise ValueError(f"a query is KEYWORD=VALUE, got {text!r}")
    return keyword, value
