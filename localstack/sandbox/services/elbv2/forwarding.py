"""The actions of listeners and rules: which target groups they forward to, and how."""

from __future__ import annotations


def actions(listener, rule) -> list[dict]:
    """A rule's actions as data; the default rule's are the listener's, which is what ModifyListener changes."""
    return [action.data for action in (listener.default_actions if rule.priority == "default" else rule.actions)]


def target_groups(action: dict) -> list[tuple[str, int]]:
    """The ARNs and weights a forward action names."""
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups")
    if groups:
        return [(group["TargetGroupArn"], int(group.get("Weight", 1))) for group in groups]
    return [(action["TargetGroupArn"], 1)] if action.get("TargetGroupArn") else []


def stickiness(action: dict) -> int:
    """For how many seconds a client stays with a target group; 0 for not at all."""
    config = (action.get("ForwardConfig") or {}).get("TargetGroupStickinessConfig") or {}
    enabled = str(config.get("Enabled", "")).lower() == "true"
    return int(config.get("DurationSeconds") or 0) if enabled else 0
