"""What comes in by the front door reaches a function or a target behind its load balancer."""

from __future__ import annotations

from collections import Counter

import pytest
from live import arn_of, forward, read_metric, recording


class TestFrontDoor:
    @pytest.fixture
    def colours(self, cloud):
        """A load balancer whose two target groups say their colour; /health is pinned to blue."""
        functions = {}
        for colour in ("blue", "green"):
            functions[colour] = cloud.function(
                f"export const handler = async () => ({{ statusCode: 200, body: '{colour}' }});"
            )
            cloud.permit(functions[colour], "elasticloadbalancing.amazonaws.com")
        arn, host = cloud.balancer()
        blue, green = (cloud.group(functions[colour]) for colour in ("blue", "green"))
        elb = cloud.client("elbv2")
        certificate = cloud.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
        listener = elb.create_listener(
            LoadBalancerArn=arn,
            Protocol="HTTPS",
            Port=443,
            Certificates=[{"CertificateArn": certificate}],
            DefaultActions=forward((blue, 80), (green, 20)),
        )["Listeners"][0]["ListenerArn"]
        elb.create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/health"]}}],
            Actions=forward((blue, 1)),
        )
        redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        elb.create_listener(
            LoadBalancerArn=arn,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}],
        )
        return {"arn": arn, "host": host, "listener": listener, "blue": blue, "green": green}

    def test_weights_are_shares_and_live(self, cloud, colours):
        shares = Counter(cloud.request(colours["host"]).text for _ in range(500))
        assert sum(shares.values()) == 500 and 60 <= shares["green"] <= 145
        cloud.client("elbv2").modify_listener(
            ListenerArn=colours["listener"], DefaultActions=forward((colours["blue"], 0), (colours["green"], 100))
        )
        assert {cloud.request(colours["host"]).text for _ in range(100)} == {"green"}
        answer = cloud.request(colours["host"])
        assert answer.getheader("X-Sandbox-Target-Group") == colours["green"]

    def test_rules_come_before_the_default(self, cloud, colours):
        assert {cloud.request(colours["host"], "/health").text for _ in range(20)} == {"blue"}

    def test_redirect_and_unknown(self, cloud, colours):
        answer = cloud.request(colours["host"], "/a?b=c", X_Sandbox_Listener="80")
        assert (answer.status, answer.getheader("Location")) == (301, f"https://{colours['host']}/a?b=c")
        unknown = cloud.request("nobody.example.com")
        assert unknown.status == 404 and colours["host"] in unknown.text
        assert cloud.request(colours["host"], X_Sandbox_Listener="8443").status == 503

    def test_target_group_stickiness(self, cloud, colours):
        elb = cloud.client("elbv2")
        sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
        weights = forward((colours["blue"], 1), (colours["green"], 1), **sticky)
        elb.modify_listener(ListenerArn=colours["listener"], DefaultActions=weights)
        first = cloud.request(colours["host"])
        cookie = first.getheader("Set-Cookie").split(";")[0]
        assert {cloud.request(colours["host"], Cookie=cookie).text for _ in range(30)} == {first.text}

    def test_names_in_route53_lead_by_weight_and_health(self, cloud, colours):
        route53, elb = cloud.client("route53"), cloud.client("elbv2")
        elb.modify_listener(ListenerArn=colours["listener"], DefaultActions=forward((colours["blue"], 1)))
        _, empty_host = cloud.balancer()
        zone = route53.create_hosted_zone(Name="pay.example.com", CallerReference="1")["HostedZone"]["Id"]

        def check(fqdn: str) -> str:
            config = {"Type": "HTTPS", "FullyQualifiedDomainName": fqdn, "Port": 443, "ResourcePath": "/health"}
            return route53.create_health_check(CallerReference=fqdn, HealthCheckConfig=config)["HealthCheck"]["Id"]

        checks = {colours["host"]: check(colours["host"]), empty_host: check(empty_host)}
        changes = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {
                    "Name": "api.pay.example.com",
                    "Type": "A",
                    "SetIdentifier": str(i),
                    "Weight": 100,
                    "HealthCheckId": checks[host],
                    "AliasTarget": {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": host, "EvaluateTargetHealth": False},
                },
            }
            for i, host in enumerate(checks)
        ]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
        # The other load balancer has no listener, so its check fails and nobody is sent there.
        assert {cloud.request("api.pay.example.com").text for _ in range(20)} == {"blue"}
        for host, word in ((colours["host"], "Success"), (empty_host, "Failure")):
            seen = route53.get_health_check_status(HealthCheckId=checks[host])["HealthCheckObservations"]
            assert all(o["StatusReport"]["Status"].startswith(word) for o in seen)
        status = read_metric(
            cloud, "AWS/Route53", "HealthCheckStatus", {"HealthCheckId": checks[empty_host]}, "Minimum"
        )
        assert status == 0.0

    def test_events_responses_and_target_health(self, cloud):
        elb = cloud.client("elbv2")
        arn, host = cloud.balancer()
        groups = {}
        for kind, answer in {
            "echo": "{ statusCode: 201, headers: { 'x-own': 'yes' }, isBase64Encoded: true, body: btoa('hi') }",
            "malformed": "{ body: 'no status' }",
            "unhealthy": "{ statusCode: 500 }",
        }.items():
            function = cloud.function(recording(answer))
            cloud.permit(function, "elasticloadbalancing.amazonaws.com")
            groups[kind] = (
                function,
                cloud.group(function, HealthCheckEnabled=True, HealthCheckPath="/health", Matcher={"HttpCode": "201"}),
            )
        listener = elb.create_listener(
            LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward((groups["echo"][1], 1))
        )["Listeners"][0]["ListenerArn"]
        elb.create_rule(
            ListenerArn=listener,
            Priority=5,
            Conditions=[
                {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-kind", "Values": ["malformed"]}}
            ],
            Actions=forward((groups["malformed"][1], 1)),
        )
        answer = cloud.request(
            host, "/p/a?q=1&q=2&r=a%20b", "POST", '{"n":1}', X_Sandbox_Listener="80", Content_Type="application/json"
        )
        assert (answer.status, answer.text, answer.getheader("x-own")) == (201, "hi", "yes")
        event = cloud.events(groups["echo"][0])[-1]
        assert event["requestContext"] == {"elb": {"targetGroupArn": groups["echo"][1]}}
        assert (event["httpMethod"], event["path"], event["body"]) == ("POST", "/p/a", '{"n":1}')
        assert event["queryStringParameters"] == {"q": "2", "r": "a%20b"} and not event["isBase64Encoded"]
        assert event["headers"]["x-forwarded-proto"] == "http" and event["headers"]["host"] == host
        assert cloud.request(host, X_Sandbox_Listener="80", X_Kind="malformed").status == 502

        def state(kind: str) -> str:
            return elb.describe_target_health(TargetGroupArn=groups[kind][1])["TargetHealthDescriptions"][0][
                "TargetHealth"
            ]["State"]

        assert (state("echo"), state("malformed"), state("unhealthy")) == ("healthy", "unhealthy", "unused")
        elb.deregister_targets(TargetGroupArn=groups["echo"][1], Targets=[{"Id": arn_of(groups["echo"][0])}])
        assert cloud.request(host, X_Sandbox_Listener="80").status == 503
