"""The history of alarms, which outlives the alarms as on AWS."""

from __future__ import annotations

import json
from collections import deque
from datetime import datetime

from .alarm_descriptions import CompositeAlarm, now, paginate
from .metric_data import epoch

MAX_ITEMS = 5000


class History:
    def __init__(self):
        self._items: deque[tuple[str, str, dict]] = deque(maxlen=MAX_ITEMS)

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

    def find(self, account: str, region: str, params: dict) -> dict:
        types = params.get("AlarmTypes") or ["MetricAlarm"]
        found = [
            item
            for item_account, item_region, item in list(self._items)
            if (item_account, item_region) == (account, region)
            and params.get("AlarmName") in (None, item["AlarmName"])
            # Without a name, AWS omits composite alarms unless their type is requested.
            and ("AlarmName" in params or item["AlarmType"] in types)
            and params.get("HistoryItemType") in (None, item["HistoryItemType"])
            and _between(item["Timestamp"], params.get("StartDate"), params.get("EndDate"))
        ]
        if params.get("ScanBy") != "TimestampAscending":
            found.reverse()
        page, token = paginate(found, params, default_size=100)
        return {"AlarmHistoryItems": page} | token

    def clear(self) -> None:
        self._items.clear()


def _between(when: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or epoch(start) <= epoch(when)) and (end is None or epoch(when) <= epoch(end))
