"""ClientToken: the same call again gives the same thing again."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from .errors import AwsError
from .request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox, service: str, operation: str, token: str = "ClientToken") -> None:
    made: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}

    def key(request: AwsRequest) -> tuple[str, str] | None:
        given = request.params.get(token)
        return (request.region, given) if given else None

    def wish(request: AwsRequest) -> str:
        return json.dumps(request.params, sort_keys=True, default=str)

    def replay(request: AwsRequest) -> dict[str, Any] | None:
        before = made.get(key(request) or ("", ""))
        if before is None:
            return None
        if before[0] != wish(request):
            raise AwsError("IdempotentParameterMismatch", f"{token} was used with other parameters")
        return copy.deepcopy(before[1])

    def remember(request: AwsRequest, result: dict[str, Any]) -> None:
        used = key(request)
        if used and used not in made:
            made[used] = (wish(request), copy.deepcopy(result))

    handlers = sandbox.service(service)
    handlers.answer(operation, replay)
    handlers.amend(operation, remember)
    sandbox.on_reset(made.clear)
