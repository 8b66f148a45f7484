"""The actions of listeners and rules: which target groups they forward to, and how."""

from __future__ import annotations


def actions(listener, rule) -> list[dict]:
    """A rule's actions as data. The default rule has the listener's, which ModifyListener changes."""
    return [action.data for action in (listener.default_actions if rule.priority == "default" else rule.actions)]


def target_groups(action: dict) -> list[tuple[str, int]]:
    """The ARNs and weights of the target groups of a forward action."""
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups")
    if groups:
        return [(group["TargetGroupArn"], int(group.get("Weight", 1))) for group in groups]
    return [(action["TargetGroupArn"], 1)] if action.get("TargetGroupArn") else []


def stickiness(action: dict) -> int:
    """The seconds for which a client stays with a target group; 0 without stickiness."""
    config = (action.get("ForwardConfig") or {}).get("TargetGroupStickinessConfig") or {}
    enabled = str(config.get("Enabled", "")).lower() == "true"
    return int(config.get("DurationSeconds") or 0) if enabled else 0
