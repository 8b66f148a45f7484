"""The ARN and the tags of configuration recorders, which moto lacks."""

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
class Identity:
    """The attributes that moto's recorder lacks."""

    arn: str
    tags: dict[str, str]


def install(sandbox: Sandbox) -> None:
    ConfigBackend._match_arn = _with_recorders(ConfigBackend._match_arn)  # type: ignore[method-assign]
    config = sandbox.service("config")
    config.amend("PutConfigurationRecorder", assign)
    config.amend("DescribeConfigurationRecorders", show_arn)
    config.amend("DeleteConfigurationRecorder", forget)


def identities(config: Any) -> dict[str, Identity]:
    """By the recorder's name; in moto's store, so that a reset clears them."""
    return config.__dict__.setdefault("recorder_identities", {})


def _with_recorders(original: Any) -> Any:
    def match_arn(self: Any, resource_arn: str) -> Any:
        recorder = next((one for one in identities(self).values() if one.arn == resource_arn), None)
        return recorder or original(self, resource_arn)

    return match_arn


def assign(request: AwsRequest, _result: dict[str, Any]) -> None:
    name = request.params["ConfigurationRecorder"]["name"]
    known = identities(backend("config", request.region))
    if name not in known:
        arn = f"arn:aws:config:{request.region}:{ACCOUNT}:configuration-recorder/{name}/{uuid.uuid4().hex[:16]}"
        known[name] = Identity(arn, validate_tags(request.params.get("Tags") or []))


def show_arn(request: AwsRequest, result: dict[str, Any]) -> None:
    known = identities(backend("config", request.region))
    for recorder in result["ConfigurationRecorders"]:
        recorder["arn"] = known[recorder["name"]].arn


def forget(request: AwsRequest, _result: dict[str, Any]) -> None:
    del identities(backend("config", request.region))[request.params["ConfigurationRecorderName"]]
