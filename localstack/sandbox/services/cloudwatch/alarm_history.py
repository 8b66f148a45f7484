"""What DescribeAlarmHistory tells, kept beyond the alarm itself as on AWS."""

from __future__ import annotations

import json
from collections import deque
from datetime import datetime

from .alarm_descriptions import CompositeAlarm, now
from .metric_data import epoch

KEPT = 5000


class History:
    def __init__(self):
        self._items: deque[tuple[str, str, dict]] = deque(maxlen=KEPT)

    def add(self, account: str, region: str, alarm, kind: str, summary: str, data: dict) -> None:
        item = {
            "AlarmName": alarm.name,
            "AlarmType": "CompositeAlarm" if isinstance(alarm, CompositeAlarm) else "MetricAlarm",
            "Timestamp": now(),
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
        self._items.append((account, region, item))

    def find(self, account: str, region: str, asked: dict) -> dict:
        types = asked.get("AlarmTypes") or ["MetricAlarm"]
        found = [
            item
            for owner, where, item in list(self._items)
            if (owner, where) == (account, region)
            and asked.get("AlarmName") in (None, item["AlarmName"])
            # A name says enough; without one, AWS leaves composite alarms out.
            and ("AlarmName" in asked or item["AlarmType"] in types)
            and asked.get("HistoryItemType") in (None, item["HistoryItemType"])
            and _between(item["Timestamp"], asked.get("StartDate"), asked.get("EndDate"))
        ]
        if asked.get("ScanBy") != "TimestampAscending":
            found.reverse()
        first, most = int(asked.get("NextToken") or 0), int(asked.get("MaxRecords") or 100)
        page = {"AlarmHistoryItems": found[first : first + most]}
        return page | ({"NextToken": str(first + most)} if first + most < len(found) else {})

    def clear(self) -> None:
        self._items.clear()


def _between(when: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or epoch(start) <= epoch(when)) and (end is None or epoch(when) <= epoch(end))
