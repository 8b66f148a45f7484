"""What invokes functions besides their callers: queues, event rules, topics and secrets due for rotation."""

from __future__ import annotations

from . import event_rules, queue_mappings, rotation, topic_deliveries


def install(sandbox) -> None:
    for source in (queue_mappings, event_rules, topic_deliveries, rotation):
        source.install(sandbox)
