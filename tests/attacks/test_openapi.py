"""What the OpenAPI document allows, and what it does not, sent by a generator: no failures, and only what it says.

The examples are the same in each run, so that CI does not fail for others than those that a developer saw.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.attacks.world import World

EXAMPLES = 8  # an endpoint, caller and mode; more find little, and each costs 40 ms
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]  # and not whether what the schema allows is accepted: which names are taken, say, no schema can tell
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(Path(tmp_path_factory.mktemp("openapi")) / "hub")
    yield made
    made.hub.close()


@pytest.mark.slow
@pytest.mark.parametrize("who", ["", "root"])
@pytest.mark.parametrize("mode", GenerationMode)
def test_what_is_documented_is_what_happens(hub: World, who: str, mode: GenerationMode) -> None:
    headers = {"Authorization": f"Bearer {hub.tokens[who]}"} if who else {}
    asked: Counter[str] = Counter()
    schema = schemathesis.openapi.from_asgi("/openapi.json", hub.app)
    for found in schema.get_all_operations():
        operation = found.ok()

        @BOUNDED
        @given(operation.as_strategy(generation_mode=mode))
        def try_out(case: Any) -> None:
            asked[case.operation.label] += 1
            case.call_and_validate(headers=headers, checks=CHECKS)

        with contextlib.suppress(Unsatisfiable):  # without parameters nothing can be wrong with them
            try_out()
    assert len(asked) >= 15, asked


def test_the_document_is_of_this_projects_endpoints_and_of_all_their_answers(hub: World) -> None:
    document = hub.client.get("/openapi.json").json()
    paths = {path for path in document["paths"]}
    assert "/api/models/{namespace}/{name}/alias/{alias}" in paths
    assert "/api/repos/create" not in paths  # the Hub's own, which huggingface_hub documents
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["responses"].keys() - {"200", "201", "204"}, (method, path)
