"""EventBridge's schedule expressions: `rate(5 minutes)` and `cron(0 12 * * ? *)`, in UTC.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone

UNITS = {"minute": 60, "hour": 3600, "day": 86400}
RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
MONTHS = {name: number for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
# The week begins on Sunday.
DAYS = {name: number for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}
YEARS = (1970, 2199)

IsDay = Callable[[date], bool]


class BadSchedule(Exception):
    """AWS refuses the expression."""


class Rate:
    """Due at fixed intervals from its start."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    def is_due(self, started: float, last: float, now: float) -> bool:
        """Whether it is due after `last`, up to `now`, if it started at `started`."""
        return (now - started) // self._seconds > (max(last, started) - started) // self._seconds


class Cron:
    """Due at the minutes that the fields select."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        minutes, hours, days, months, weekdays, years = fields
        if (days == "?") is (weekdays == "?"):
            raise BadSchedule("exactly one of day of month and day of week must be ?")
        self._minutes = sorted(_numbers(minutes, 0, 59))
        self._hours = sorted(_numbers(hours, 0, 23))
        self._months = _numbers(months, 1, 12, MONTHS)
        self._years = _numbers(years, *YEARS)
        self._is_day = _day_of_week(weekdays) if days == "?" else _day_of_month(days)

    def is_due(self, _started: float, last: float, now: float) -> bool:
        """Whether it is due after `last`, up to `now`."""
        return any(last < moment <= now for moment in self._moments(last, now))

    def _moments(self, last: float, now: float) -> Iterator[float]:
        day, end = _utc(last).date(), _utc(now).date()
        while day <= end:
            if day.year in self._years and day.month in self._months and self._is_day(day):
                for hour in self._hours:
                    for minute in self._minutes:
                        yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=timezone.utc).timestamp()
            day += timedelta(days=1)


def parse(expression: str) -> Rate | Cron:
    if rate := RATE.fullmatch(expression):
        number, unit, plural = int(rate[1]), rate[2], bool(rate[3])
        if number < 1 or plural is (number == 1):
            raise BadSchedule("the unit must be singular for 1 and plural for more")
        return Rate(number * UNITS[unit])
    if cron := CRON.fullmatch(expression):
        return Cron(cron.groups())
    raise BadSchedule("it is neither rate(value unit) nor cron(six fields)")


def _numbers(field: str, first: int, last: int, names: dict[str, int] | None = None) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        start, end = first, last
        if span != "*":
            low, _, high = span.partition("-")
            start = _number(low, names)
            # 5/10 continues to the end of the range, 5 alone doesn't.
            end = _number(high, names) if high else last if step else start
        if not first <= start <= end <= last or (step and (not step.isdigit() or int(step) < 1)):
            raise BadSchedule(f"{part} isn't between {first} and {last}")
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _number(text: str, names: dict[str, int] | None) -> int:
    number = (names or {}).get(text.upper())
    if number is None and not text.isdigit():
        raise BadSchedule(f"{text} isn't a number")
    return int(text) if number is None else number


def _day_of_month(field: str) -> IsDay:
    if field == "L":
        return lambda day: day.day == _days_in(day)
    if field.endswith("W"):
        target = _number(field[:-1], None)
        if not 1 <= target <= 31:
            raise BadSchedule(f"{field} isn't a day of the month")
        return lambda day: target <= _days_in(day) and day == _nearest_working_day(day.replace(day=target))
    days = _numbers(field, 1, 31)
    return lambda day: day.day in days


def _day_of_week(field: str) -> IsDay:
    if field.upper() == "L":
        return lambda day: _weekday(day) == DAYS["SAT"]
    if field.endswith("L"):
        (weekday,) = _numbers(field[:-1], 1, 7, DAYS)
        return lambda day: _weekday(day) == weekday and day.day + 7 > _days_in(day)
    if "#" in field:
        name, _, which = field.partition("#")
        (weekday,), nth = _numbers(name, 1, 7, DAYS), _number(which, None)
        return lambda day: _weekday(day) == weekday and (day.day + 6) // 7 == nth
    days = _numbers(field, 1, 7, DAYS)
    return lambda day: _weekday(day) in days


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _days_in(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_working_day(day: date) -> date:
    """The nearest Monday to Friday of the same month."""
    if day.isoweekday() == 6:
        return day - timedelta(days=1) if day.day > 1 else day + timedelta(days=2)
    if day.isoweekday() == 7:
        return day + timedelta(days=1) if day.day < _days_in(day) else day - timedelta(days=2)
    return day


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
