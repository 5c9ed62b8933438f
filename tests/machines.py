"""Schemathesis at our routes: requests as the OpenAPI document has them, and others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.control import SkipTest
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    negative_data_rejection,
    positive_data_acceptance,
]
# As schemathesis has it by itself.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]


def try_routes(
    schema: Any, mode: GenerationMode, examples: int, send: Callable[[Any], object]
) -> int:
    """Send up to `examples` requests to each route, valid or not as `mode` says; how many routes
    there are for which such a request exists. `send` raises where an answer is not as described."""
    schema.config.generation.update(modes=[mode])
    # A request of the right form may ask for what makes no sense: rules, for example.
    schema.config.checks.positive_data_acceptance.expected_statuses = [*ACCEPTED, "422"]
    bounds = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    tried = 0
    for result in schema.get_all_operations():

        @bounds
        @given(case=result.ok().as_strategy(generation_mode=mode))
        def obey(case: Any) -> None:
            send(case)

        with suppress(SkipTest):  # nothing can be wrong with a request that has no parts
            obey()
            tried += 1
    return tried
