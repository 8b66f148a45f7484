"""Repeated creations: the same call with the same token or name returns the existing object."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from .errors import AwsError
from .request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox

Result = dict[str, Any]


def install(
    sandbox: Sandbox,
    service: str,
    operation: str,
    *,
    key: Callable[[AwsRequest], Hashable | None],
    settings: Callable[[AwsRequest], Any],
    exists: Callable[[AwsRequest, Result | None], bool],
    conflict: Callable[[AwsRequest], AwsError],
) -> None:
    """Answers a repeated `operation` with the earlier result.

    A call repeats the earlier one of the same `key` (None: it repeats none) if the object still `exists`, given the earlier
    result. It raises `conflict` if its `settings` aren't those of the earlier call.
    """
    earlier: dict[Hashable, tuple[str, Result]] = {}

    def fingerprint(request: AwsRequest) -> str:
        return json.dumps(settings(request), sort_keys=True, default=str)

    def answer(request: AwsRequest) -> Result | None:
        used = key(request)
        earlier_settings, result = earlier.get(used, (None, None))
        if used is None or not exists(request, result):
            return None
        if earlier_settings != fingerprint(request):
            raise conflict(request)
        return copy.deepcopy(result)

    def amend(request: AwsRequest, result: Result) -> None:
        used = key(request)
        if used is not None:
            earlier[used] = (fingerprint(request), copy.deepcopy(result))

    handlers = sandbox.service(service)
    handlers.answer(operation, answer)
    handlers.amend(operation, amend)
    sandbox.on_reset(earlier.clear)


def by_client_token(sandbox: Sandbox, service: str, operation: str) -> None:
    """A call with the `ClientToken` of an earlier one returns its result, even if the object was deleted since."""
    install(
        sandbox,
        service,
        operation,
        key=_region_and_token,
        settings=lambda request: request.params,
        exists=lambda _, result: result is not None,
        conflict=lambda _: AwsError("IdempotentParameterMismatch", "ClientToken was used with other parameters"),
    )


def _region_and_token(request: AwsRequest) -> Hashable | None:
    token = request.params.get("ClientToken")
    return (request.region, token) if token else None
