"""Records of one name and type, told apart by their set identifiers."""


def test_identifiers_are_unique_within_a_name_and_type_only(aws):
    route53 = aws("route53")
    zone = route53.create_hosted_zone(Name="pay.test.", CallerReference="1")["HostedZone"]["Id"]

    def record(name, identifier, **routing):
        values = {"TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
        return {"Name": f"{name}.pay.test.", "Type": "A", "SetIdentifier": identifier, **routing, **values}

    def change(action, *records):
        changes = [{"Action": action, "ResourceRecordSet": one} for one in records]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    blue, green = record("live", "blue", Weight=1), record("live", "green", Weight=1)
    other = record("pay", "blue", Failover="SECONDARY")
    change("CREATE", blue, green, other)
    change("DELETE", blue)
    sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    left = {(one["Name"], one["SetIdentifier"]) for one in sets if "SetIdentifier" in one}
    assert left == {("live.pay.test.", "green"), ("pay.pay.test.", "blue")}
    change("DELETE", green, other)
    route53.delete_hosted_zone(Id=zone)
