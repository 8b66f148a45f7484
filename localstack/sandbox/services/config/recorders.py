"""Configuration recorders have an ARN and tags, which are set when one is made and by TagResource."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.config.models import ConfigBackend, validate_tags

from ...server.request import AwsRequest
from ...server.stores import ACCOUNT, backend

if TYPE_CHECKING:
    from ...app import Sandbox


@dataclass
class Marks:
    """What moto's recorder lacks."""

    arn: str
    tags: dict[str, str]


def install(sandbox: Sandbox) -> None:
    ConfigBackend._match_arn = _with_recorders(ConfigBackend._match_arn)  # type: ignore[method-assign]
    config = sandbox.service("config")
    config.amend("PutConfigurationRecorder", mark)
    config.amend("DescribeConfigurationRecorders", show_arn)
    config.amend("DeleteConfigurationRecorder", forget)


def marks(config: Any) -> dict[str, Marks]:
    """By the recorder's name; kept in the store itself, and so gone when that is reset."""
    return config.__dict__.setdefault("recorder_marks", {})


def _with_recorders(original: Any) -> Any:
    def match_arn(self: Any, resource_arn: str) -> Any:
        recorder = next((one for one in marks(self).values() if one.arn == resource_arn), None)
        return recorder or original(self, resource_arn)

    return match_arn


def mark(request: AwsRequest, _result: dict[str, Any]) -> None:
    name = request.params["ConfigurationRecorder"]["name"]
    known = marks(backend("config", request.region))
    if name not in known:
        arn = f"arn:aws:config:{request.region}:{ACCOUNT}:configuration-recorder/{name}/{uuid.uuid4().hex[:16]}"
        known[name] = Marks(arn, validate_tags(request.params.get("Tags") or []))


def show_arn(request: AwsRequest, result: dict[str, Any]) -> None:
    known = marks(backend("config", request.region))
    for recorder in result["ConfigurationRecorders"]:
        recorder["arn"] = known[recorder["name"]].arn


def forget(request: AwsRequest, _result: dict[str, Any]) -> None:
    del marks(backend("config", request.region))[request.params["ConfigurationRecorderName"]]
