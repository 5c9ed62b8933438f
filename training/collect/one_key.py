"""A collection has one key: by another one every patient of it would be a second patient."""

from __future__ import annotations

from pathlib import Path

from training.collect.journal import read_journal
from training.pseudonyms import KeyFault, Pseudonyms

KEY = "key.token"


def require_key(collection: Path, pseudonyms: Pseudonyms) -> None:
    """Raises KeyFault where the collection was made with another key.

    Those of earlier versions did not note theirs, and where nothing was seen yet any key will do.
    """
    path = collection / KEY
    is_another = path.exists() and path.read_bytes() != token_of(pseudonyms)
    if is_another and read_journal(collection):
        raise KeyFault(
            f"{collection} was collected with another key, by which its patients have other "
            "names: use that one, or another folder"
        )


def token_of(pseudonyms: Pseudonyms) -> bytes:
    """What the file of a collection with this key holds."""
    return f"{pseudonyms.token('key', 'collection')}\n".encode()
