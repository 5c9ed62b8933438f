"""UIDs that are functions of what they name, so that a second run stores nothing twice.

All are "2.25." and a name-based UUID (PS3.5 B.2; RFC 9562, version 5): no registered root is
needed, and two different names never meet in practice.
"""

from __future__ import annotations

from typing import Literal
from uuid import NAMESPACE_URL, uuid5

Kind = Literal["seg", "capture", "report", "refusal"]

# The order in which a viewer lists the results of one scan. The report of a refusal has a UID of
# its own: the same scan may be read later, when a limit was raised, and has another report then.
KINDS: tuple[Kind, ...] = ("seg", "capture", "report", "refusal")

IMPLEMENTATION = "implementation"


ROOT = "2.25."  # of every UID of ours, and of many others


def named_uid(*parts: str) -> str:
    """The UID of a thing named by `parts`; the same parts give the same UID on every machine."""
    # The separator cannot occur in a UID, a digest or a name of ours: parts never run together.
    return f"{ROOT}{uuid5(NAMESPACE_URL, '|'.join(('adjuvant', *parts))).int}"


def result_uid(
    source_sop_instance_uid: str, interpretation: str, model_digest: str, kind: Kind
) -> str:
    """SOP Instance UID of one result of one scan by one model version."""
    return named_uid("instance", source_sop_instance_uid, interpretation, model_digest, kind)


def series_uid(
    source_sop_instance_uid: str, interpretation: str, model_digest: str, kind: Kind
) -> str:
    """Series Instance UID of that result: one instance a series, because OHIF shows only one."""
    return named_uid("series", source_sop_instance_uid, interpretation, model_digest, kind)


def tracking_uid(result_sop_instance_uid: str, label: str) -> str:
    """Tracking UID of one segment: the report names the same finding by it."""
    return named_uid("tracking", result_sop_instance_uid, label)


def device_uid(model_digest: str) -> str:
    """Device UID: one model digest, one Device UID (IHE AI Results)."""
    return named_uid("device", model_digest)
