"""Settings of instances that moto forgets, and members of the description that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...memory import Memory
from ...server.request import AwsRequest

if TYPE_CHECKING:
    from ...app import Sandbox

INSTANCES = Memory(
    service="rds",
    named_by="DBInstanceIdentifier",
    shown_as="DBInstanceIdentifier",
    writes=("CreateDBInstance", "ModifyDBInstance"),
    reads={"DescribeDBInstances": "DBInstances"},
    deletes=("DeleteDBInstance",),
    answers=("DBInstance",),
    fields={
        "EnablePerformanceInsights": "PerformanceInsightsEnabled",
        "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
        "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
        "DatabaseInsightsMode": "DatabaseInsightsMode",
        "MonitoringInterval": "MonitoringInterval",
        "MonitoringRoleArn": "MonitoringRoleArn",
        "PromotionTier": "PromotionTier",
        "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
        "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
        "CACertificateIdentifier": "CACertificateIdentifier",
        "PubliclyAccessible": "PubliclyAccessible",
    },
    defaults={"PerformanceInsightsEnabled": False},
)
INSIGHTS_SETTINGS = ("PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod")


def install(sandbox: Sandbox) -> None:
    INSTANCES.install(sandbox)
    rds = sandbox.service("rds")
    rds.amend(INSTANCES.writes, lambda _, result: complete(result["DBInstance"]))
    rds.amend("DescribeDBInstances", complete_all)


def complete_all(_request: AwsRequest, result: dict[str, Any]) -> None:
    for instance in result.get("DBInstances", []):
        complete(instance)


def complete(instance: dict[str, Any]) -> None:
    if not instance["PerformanceInsightsEnabled"]:
        for name in INSIGHTS_SETTINGS:
            instance.pop(name, None)
    if "CACertificateIdentifier" in instance:
        instance["CertificateDetails"] = {"CAIdentifier": instance["CACertificateIdentifier"]}
