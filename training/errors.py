"""What a user of the commands can mend; the text of each says how."""

from __future__ import annotations


class RecipeError(Exception):
    """The recipe cannot be used; the text names file, key and value."""


class TrainingError(Exception):
    """The training cannot go on; the text says what to do."""


class ReleaseError(Exception):
    """The run cannot be released; the text says why."""


class SeenError(ReleaseError):
    """A scan to measure on is one that training saw; the text names the case."""
