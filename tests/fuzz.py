"""How long hypothesis tries: bounded in the suite, as long as wanted by `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def tried(examples: int) -> settings:
    """So many examples, or as many as ADJUVANT_FUZZ_EXAMPLES says."""
    return settings(
        max_examples=int(os.environ.get("ADJUVANT_FUZZ_EXAMPLES", examples)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
