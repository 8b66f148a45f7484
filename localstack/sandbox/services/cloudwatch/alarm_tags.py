"""The tags of an alarm are deleted with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest
from ...server.stores import ACCOUNT, backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.service("cloudwatch").amend("DeleteAlarms", delete_tags)


def delete_tags(request: AwsRequest, _result: dict[str, Any]) -> None:
    tagger = backend("cloudwatch", request.region).tagger
    for name in request.params["AlarmNames"]:
        tagger.delete_all_tags_for_resource(f"arn:aws:cloudwatch:{request.region}:{ACCOUNT}:alarm:{name}")
