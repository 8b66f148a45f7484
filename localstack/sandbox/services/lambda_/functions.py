"""Functions: supported runtimes, settings that moto forgets, and no duplicate permissions and mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaBackend

from ...memory import Memory
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html: the runtimes in which functions can be created.
RUNTIMES = {
    *(f"nodejs{major}.x" for major in (20, 22, 24)),
    *(f"python3.{minor}" for minor in (10, 11, 12, 13, 14)),
    *(f"java{version}" for version in ("8.al2", "11", "17", "21", "25")),
    *("dotnet8", "dotnet10", "ruby3.2", "ruby3.3", "ruby3.4", "provided.al2", "provided.al2023"),
}
# AWS still runs functions of these runtimes, but refuses to create them.
RETIRED = {"nodejs18.x", "nodejs16.x", "nodejs14.x", "python3.9", "python3.8", "go1.x", "dotnet6", "ruby2.7"}

MEMORY = Memory(
    service="lambda",
    named_by="FunctionName",
    shown_as="FunctionName",
    writes=("CreateFunction", "UpdateFunctionConfiguration", "UpdateFunctionCode"),
    reads={
        "GetFunctionConfiguration": "",
        "GetFunction": "Configuration",
        "ListFunctions": "Functions",
        "UpdateFunctionCode": "",
    },
    deletes=("DeleteFunction",),
    fields={
        "Architectures": "Architectures",
        "DeadLetterConfig": "DeadLetterConfig",
        "LoggingConfig": "LoggingConfig",
        "KMSKeyArn": "KMSKeyArn",
        "TracingConfig": "TracingConfig",
        "EphemeralStorage": "EphemeralStorage",
        "SnapStart": "SnapStart",
    },
    defaults={
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
        "LoggingConfig": {"LogFormat": "Text"},
        "LastUpdateStatus": "Successful",
    },
)


def install(sandbox: Sandbox) -> None:
    _patch_mapping_lists()
    lambda_ = sandbox.service("lambda")
    lambda_.validate(("CreateFunction", "UpdateFunctionConfiguration"), check_runtime)
    lambda_.exists("AddPermission", refuse_second_permission)
    lambda_.exists("CreateEventSourceMapping", refuse_second_mapping)
    MEMORY.install(sandbox)
    for operation, member in MEMORY.reads.items():
        lambda_.amend(operation, lambda request, result, m=member: add_derived_settings(request, result, m))
    lambda_.amend(MEMORY.writes, lambda request, result: add_derived_settings(request, result, ""))


def check_runtime(request: AwsRequest) -> None:
    runtime = request.params.get("Runtime")
    if runtime in RETIRED and request.operation == "CreateFunction":
        raise AwsError(
            "InvalidParameterValueException",
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions.",
        )
    if runtime is not None and runtime not in RUNTIMES | RETIRED:
        raise AwsError(
            "InvalidParameterValueException",
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: {sorted(RUNTIMES)}",
        )


def refuse_second_permission(request: AwsRequest) -> None:
    function = backend("lambda", request.region).get_function(request.params["FunctionName"])
    statement = request.params["StatementId"]
    if any(one.get("Sid") == statement for one in function.policy.statements):
        raise AwsError(
            "ResourceConflictException",
            f"The statement id ({statement}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            409,
        )


def refuse_second_mapping(request: AwsRequest) -> None:
    lambda_ = backend("lambda", request.region)
    function = lambda_.get_function(request.params["FunctionName"]).function_arn
    for mapping in lambda_.list_event_source_mappings(request.params.get("EventSourceArn"), None):
        if mapping.function_arn == function:
            raise AwsError(
                "ResourceConflictException",
                f"An event source mapping with that event source and function already exists: {mapping.uuid}",
                409,
            )


def _patch_mapping_lists() -> None:
    """A mapping's function may be given as name, ARN or partial ARN; moto compares it with the one given at creation."""
    original = LambdaBackend.list_event_source_mappings

    def list_event_source_mappings(self: Any, event_source_arn: str, function_name: str) -> list[Any]:
        def bare_name(name: str) -> str:
            return name.rpartition("function:")[2]

        found = original(self, event_source_arn, None)
        return [one for one in found if not function_name or bare_name(one.function_arn) == bare_name(function_name)]

    LambdaBackend.list_event_source_mappings = list_event_source_mappings  # type: ignore[method-assign]


def add_derived_settings(request: AwsRequest, result: dict[str, Any], member: str) -> None:
    """Adds members that follow from other settings of a function."""
    shown = result.get(member, []) if member else result
    for function in shown if isinstance(shown, list) else [shown]:
        logging = function.setdefault("LoggingConfig", {"LogFormat": "Text"})
        logging.setdefault("LogGroup", f"/aws/lambda/{function['FunctionName']}")
        vpc = function.get("VpcConfig") or {}
        for subnet in vpc.get("SubnetIds", [])[:1]:
            vpc["VpcId"] = backend("ec2", request.region).get_subnet(subnet).vpc_id
