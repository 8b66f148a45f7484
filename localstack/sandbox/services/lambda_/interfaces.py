"""The network interfaces of functions in a VPC."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest
from ...server.stores import backend
from ..ec2.interfaces import LAMBDA, SOURCES, ServiceInterface
from ..ec2.lingering_enis import linger

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    SOURCES["lambda"] = _of_region
    linger(sandbox, "lambda", "DeleteFunction", 10, _of_deleted)
    linger(sandbox, "lambda", "UpdateFunctionConfiguration", 10, _of_moved)


def _of_region(region: str) -> Iterator[ServiceInterface]:
    for function in backend("lambda", region).list_functions():
        yield from _of_function(function)


def _of_function(function: Any) -> Iterator[ServiceInterface]:
    vpc = function.vpc_config or {}
    arn_hash = uuid.uuid5(uuid.NAMESPACE_URL, function.function_arn)
    description = f"AWS Lambda VPC ENI-{function.function_name}-{arn_hash}"
    for subnet in vpc.get("SubnetIds", []):
        yield ServiceInterface(description, subnet, tuple(vpc.get("SecurityGroupIds", [])), LAMBDA)


def _of_deleted(request: AwsRequest) -> Iterator[ServiceInterface]:
    """Other versions of a function need the interfaces that one of them needs."""
    return iter(()) if request.params.get("Qualifier") else _of_named(request)


def _of_moved(request: AwsRequest) -> Iterator[ServiceInterface]:
    return _of_named(request) if "VpcConfig" in request.params else iter(())


def _of_named(request: AwsRequest) -> Iterator[ServiceInterface]:
    name = request.params["FunctionName"].rpartition(":")[2]
    for function in backend("lambda", request.region).list_functions():
        if function.function_name == name:
            yield from _of_function(function)
