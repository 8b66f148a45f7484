"""CloudWatch metrics of load balancers and target groups."""

from __future__ import annotations

from ..services.cloudwatch.minute_metrics import publish
from ..services.elbv2 import load_balancers

NAMESPACE = "AWS/ApplicationELB"


class Traffic:
    """Publishes the metrics of one load balancer and its target groups."""

    def __init__(self, balancer, backend):
        self._account, self._region = backend.account_id, backend.region_name
        self._balancer = {"LoadBalancer": load_balancers.dimension(balancer.arn)}

    def answered_by_target(self, group, status: int, seconds: float) -> None:
        for dimensions in self._both(group):
            self._publish("RequestCount", dimensions, 1)
            self._publish(f"HTTPCode_Target_{status // 100}XX_Count", dimensions, 1)
            self._publish("TargetResponseTime", dimensions, seconds, "Seconds")

    def target_failed(self, group, status: int, is_lambda: bool) -> None:
        """The target gave no response, so the load balancer answered."""
        for dimensions in self._both(group):
            self._publish("RequestCount", dimensions, 1)
        if is_lambda:
            for dimensions in self._both(group):
                self._publish("LambdaUserError", dimensions, 1)
        self._failed(status)

    def answered_by_balancer(self, status: int, metric: str | None = None) -> None:
        self._publish("RequestCount", self._balancer, 1)
        if metric:
            self._publish(metric, self._balancer, 1)
        elif status >= 500:
            self._failed(status)
        elif status >= 400:
            self._publish("HTTPCode_ELB_4XX_Count", self._balancer, 1)

    def _failed(self, status: int) -> None:
        self._publish("HTTPCode_ELB_5XX_Count", self._balancer, 1)
        self._publish(f"HTTPCode_ELB_{status}_Count", self._balancer, 1)

    def _both(self, group) -> tuple[dict, dict]:
        return self._balancer, self._balancer | {"TargetGroup": load_balancers.dimension(group.arn)}

    def _publish(self, name: str, dimensions: dict, value: float, unit: str = "Count") -> None:
        publish(self._account, self._region, NAMESPACE, name, dimensions, value, unit)
