"""Transit gateways: default route tables only where enabled, tags, and deletions that dependents block."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.ec2.models.transit_gateway_attachments import TransitGatewayAttachment
from moto.ec2.models.transit_gateway_route_tables import TransitGatewayRouteTableBackend

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

ASSOCIATION, PROPAGATION = "DefaultRouteTableAssociation", "DefaultRouteTablePropagation"


def install(sandbox: Sandbox) -> None:
    # moto returns an attachment's tags under a name that the API doesn't have.
    TransitGatewayAttachment.tags = property(lambda self: self.get_tags())
    TransitGatewayRouteTableBackend.set_route_table_association = _if_table_exists(
        TransitGatewayRouteTableBackend.set_route_table_association
    )
    ec2 = sandbox.service("ec2")
    for operations, parameter, store, code in EXISTENCE:
        ec2.exists(operations, existence(parameter, store, code))
    ec2.exists("DisassociateTransitGatewayRouteTable", association_exists)
    ec2.exists("DisableTransitGatewayRouteTablePropagation", propagation_exists)
    ec2.state("CreateTransitGatewayVpcAttachment", refuse_pending_gateway)
    ec2.state("DeleteTransitGateway", refuse_attached_gateway)
    ec2.state("DeleteTransitGatewayRouteTable", refuse_associated_table)
    ec2.state("AssociateTransitGatewayRouteTable", refuse_second_association)
    ec2.state("EnableTransitGatewayRouteTablePropagation", refuse_second_propagation)
    ec2.amend("CreateTransitGateway", drop_disabled_default_table)
    ec2.amend("CreateTransitGatewayVpcAttachment", complete_attachment)
    ec2.amend("DeleteTransitGateway", delete_tables)
    ec2.amend("DeleteTransitGatewayVpcAttachment", remove_from_tables)


GATEWAY = ("transit_gateways", "InvalidTransitGatewayID.NotFound")
ATTACHMENT = ("transit_gateway_attachments", "InvalidTransitGatewayAttachmentID.NotFound")
TABLE = ("transit_gateways_route_tables", "InvalidRouteTableID.NotFound")
RELATIONS = (
    "AssociateTransitGatewayRouteTable",
    "DisassociateTransitGatewayRouteTable",
    "EnableTransitGatewayRouteTablePropagation",
    "DisableTransitGatewayRouteTablePropagation",
)
READS_OF_TABLE = ("GetTransitGatewayRouteTableAssociations", "GetTransitGatewayRouteTablePropagations")
EXISTENCE = [
    (("DescribeTransitGateways",), "TransitGatewayIds", *GATEWAY),
    (
        (
            "DeleteTransitGateway",
            "ModifyTransitGateway",
            "CreateTransitGatewayVpcAttachment",
            "CreateTransitGatewayRouteTable",
        ),
        "TransitGatewayId",
        *GATEWAY,
    ),
    (
        ("DescribeTransitGatewayVpcAttachments", "DescribeTransitGatewayAttachments"),
        "TransitGatewayAttachmentIds",
        *ATTACHMENT,
    ),
    (
        ("DeleteTransitGatewayVpcAttachment", "ModifyTransitGatewayVpcAttachment", *RELATIONS),
        "TransitGatewayAttachmentId",
        *ATTACHMENT,
    ),
    (("DescribeTransitGatewayRouteTables",), "TransitGatewayRouteTableIds", *TABLE),
    (("DeleteTransitGatewayRouteTable", *READS_OF_TABLE, *RELATIONS), "TransitGatewayRouteTableId", *TABLE),
]


def existence(parameter: str, store: str, code: str) -> Callable[[AwsRequest], None]:
    def check(request: AwsRequest) -> None:
        ids = request.params.get(parameter) or []
        known = getattr(backend("ec2", request.region), store)
        for identifier in [ids] if isinstance(ids, str) else ids:
            if identifier not in known:
                raise AwsError(code, f"{identifier} does not exist.")

    return check


def _if_table_exists(original: Any) -> Any:
    """moto associates every attachment with the default table, even if that is disabled."""

    def set_route_table_association(
        self: Any, transit_gateway_attachment_id: str, transit_gateway_route_table_id: str
    ) -> None:
        if transit_gateway_route_table_id in self.transit_gateways_route_tables:
            original(self, transit_gateway_attachment_id, transit_gateway_route_table_id)

    return set_route_table_association


def drop_disabled_default_table(request: AwsRequest, result: dict[str, Any]) -> None:
    ec2 = backend("ec2", request.region)
    gateway = ec2.transit_gateways[result["TransitGateway"]["TransitGatewayId"]]
    enabled = {name for name in (ASSOCIATION, PROPAGATION) if gateway.options[name] == "enable"}
    table = gateway.default_route_table
    table.default_association_route_table = ASSOCIATION in enabled
    table.default_propagation_route_table = PROPAGATION in enabled
    if not enabled:
        ec2.transit_gateways_route_tables.pop(table.id)
    for name, option in (
        (ASSOCIATION, "AssociationDefaultRouteTableId"),
        (PROPAGATION, "PropagationDefaultRouteTableId"),
    ):
        if name not in enabled:
            gateway.options.pop(option, None)
            result["TransitGateway"].get("Options", {}).pop(option, None)


def complete_attachment(request: AwsRequest, result: dict[str, Any]) -> None:
    ec2 = backend("ec2", request.region)
    attachment = ec2.transit_gateway_attachments[result["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]]
    gateway = ec2.transit_gateways[attachment.transit_gateway_id]
    for specification in request.params.get("TagSpecifications") or []:
        attachment.add_tags({tag["Key"]: tag["Value"] for tag in specification.get("Tags", [])})
    default = attachment.transit_gateway_route_table
    default.route_table_associations.pop(attachment.id, None)
    attachment.transit_gateway_route_table = None
    if gateway.options[ASSOCIATION] == "enable":
        ec2.associate_transit_gateway_route_table(attachment.id, default.id)
        attachment.transit_gateway_route_table = default
    if gateway.options[PROPAGATION] == "enable":
        ec2.enable_transit_gateway_route_table_propagation(attachment.id, default.id)
    result["TransitGatewayVpcAttachment"]["Tags"] = [
        {"Key": tag["key"], "Value": tag["value"]} for tag in attachment.get_tags()
    ]


def refuse_pending_gateway(request: AwsRequest) -> None:
    gateway = backend("ec2", request.region).transit_gateways.get(request.params["TransitGatewayId"])
    if gateway is not None and gateway.state != "available":
        raise AwsError("IncorrectState", f"{gateway.id} is in invalid state")


def refuse_attached_gateway(request: AwsRequest) -> None:
    ec2 = backend("ec2", request.region)
    gateway = request.params["TransitGatewayId"]
    attached = [one.id for one in ec2.transit_gateway_attachments.values() if one.transit_gateway_id == gateway]
    if attached:
        raise AwsError("IncorrectState", f"{gateway} has non-deleted VPC Attachments: {', '.join(attached)}.")


def delete_tables(request: AwsRequest, _result: dict[str, Any]) -> None:
    tables = backend("ec2", request.region).transit_gateways_route_tables
    for table in list(tables.values()):
        if table.transit_gateway_id == request.params["TransitGatewayId"]:
            del tables[table.id]


def refuse_associated_table(request: AwsRequest) -> None:
    table = backend("ec2", request.region).transit_gateways_route_tables.get(
        request.params["TransitGatewayRouteTableId"]
    )
    if table is not None and (table.route_table_associations or table.route_table_propagation):
        raise AwsError("IncorrectState", f"{table.id} has associations or propagations.")


def refuse_second_association(request: AwsRequest) -> None:
    ec2 = backend("ec2", request.region)
    attachment = request.params["TransitGatewayAttachmentId"]
    _refuse_pending_attachment(ec2, attachment)
    for table in ec2.transit_gateways_route_tables.values():
        if attachment in table.route_table_associations:
            raise AwsError(
                "Resource.AlreadyAssociated",
                f"Transit Gateway Attachment {attachment} is already associated to a route table.",
            )


def refuse_second_propagation(request: AwsRequest) -> None:
    _refuse_pending_attachment(backend("ec2", request.region), request.params["TransitGatewayAttachmentId"])
    if _propagates(request):
        raise AwsError(
            "TransitGatewayRouteTablePropagation.Duplicate",
            f"Propagation {request.params['TransitGatewayAttachmentId']} exists already.",
        )


def propagation_exists(request: AwsRequest) -> None:
    if not _propagates(request):
        raise AwsError("TransitGatewayRouteTablePropagation.NotFound", "The propagation does not exist.")


def association_exists(request: AwsRequest) -> None:
    table = backend("ec2", request.region).transit_gateways_route_tables[request.params["TransitGatewayRouteTableId"]]
    if request.params["TransitGatewayAttachmentId"] not in table.route_table_associations:
        raise AwsError("InvalidAssociation.NotFound", "The association does not exist.")


def _propagates(request: AwsRequest) -> bool:
    table = backend("ec2", request.region).transit_gateways_route_tables[request.params["TransitGatewayRouteTableId"]]
    attachment = request.params["TransitGatewayAttachmentId"]
    return any(one.transitGatewayAttachmentId == attachment for one in table.route_table_propagation)


def _refuse_pending_attachment(ec2: Any, attachment_id: str) -> None:
    attachment = ec2.transit_gateway_attachments.get(attachment_id)
    if attachment is not None and attachment.state != "available":
        raise AwsError("IncorrectState", f"{attachment_id} is in invalid state")


def remove_from_tables(request: AwsRequest, _result: dict[str, Any]) -> None:
    attachment = request.params["TransitGatewayAttachmentId"]
    for table in backend("ec2", request.region).transit_gateways_route_tables.values():
        table.route_table_associations.pop(attachment, None)
        table.route_table_propagation = [
            one for one in table.route_table_propagation if one.transitGatewayAttachmentId != attachment
        ]
