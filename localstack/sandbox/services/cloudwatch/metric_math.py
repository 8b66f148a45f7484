"""CloudWatch's metric math: arithmetic, comparisons and common functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from statistics import fmean

from .metric_data import Series

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]]))"
)


class BadExpression(ValueError):
    """The expression is invalid, or has an unknown name."""


def evaluate(expression: str, metrics: dict[str, Series], periods: list[int], plain: frozenset[str] = frozenset()):
    """The value of `expression`: a number, a series or, for METRICS(), a list of series.

    `metrics` are the series by their ids; `periods` are the starts of all requested periods, for FILL. `plain` are the ids that
    aren't expressions, for METRICS().
    """
    return _Parser(expression, metrics, periods, plain).value()


def as_series(value, periods: list[int]) -> Series:
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        raise BadExpression("An expression must give one time series")
    return {period: float(value) for period in periods}


class _Parser:
    """A recursive-descent parser that computes while it parses; lowest precedence first."""

    LEVELS = (("||", "OR"), ("&&", "AND"), ("==", "!=", "<", ">", "<=", ">="), ("+", "-"), ("*", "/"))

    def __init__(self, expression: str, metrics: dict[str, Series], periods: list[int], plain: frozenset[str]):
        self._tokens = _tokens(expression)
        self._at = 0
        self._metrics = metrics
        self._periods = periods
        self._plain = plain

    def value(self):
        value = self._level(0)
        if self._at != len(self._tokens):
            raise BadExpression(f"Unexpected {self._peek()!r} in the expression")
        return value

    def _level(self, depth: int):
        if depth == len(self.LEVELS):
            return self._signed()
        left = self._level(depth + 1)
        while self._peek() in self.LEVELS[depth]:
            operator = OPERATORS[self._next()]
            left = _combine(operator, left, self._level(depth + 1))
        return left

    def _signed(self):
        if self._peek() == "-":
            self._next()
            return _each(lambda v: -v, self._signed())
        base = self._operand()
        if self._peek() == "^":
            self._next()
            return _combine(lambda a, b: a**b, base, self._signed())
        return base

    def _operand(self):
        token = self._next()
        if token == "(":
            value = self._level(0)
            self._expect(")")
            return value
        if token == "[":
            return self._arguments("]")
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if token[0] in "'\"":
            return token[1:-1]
        if self._peek() == "(":
            self._next()
            return self._call(token.upper(), self._arguments(")"))
        if token in self._metrics:
            return self._metrics[token]
        raise BadExpression(f"Unknown name {token!r} in the expression")

    def _arguments(self, closing: str) -> list:
        values = []
        while self._peek() != closing:
            values.append(self._level(0))
            if self._peek() == ",":
                self._next()
        self._expect(closing)
        return values

    def _call(self, name: str, arguments: list):
        if name == "METRICS":
            part = arguments[0] if arguments else ""
            return [series for id_, series in self._metrics.items() if id_ in self._plain and part in id_]
        if name == "FILL":
            return self._fill(*arguments)
        if name == "IF":
            return _choose(*arguments)
        if name in AGGREGATES:
            return _aggregate(AGGREGATES[name], arguments)
        if name in EACH:
            return _each(EACH[name], arguments[0])
        raise BadExpression(f"The sandbox doesn't support the function {name}")

    def _fill(self, series, filler):
        if isinstance(series, list):
            return [self._fill(one, filler) for one in series]
        if filler == "REPEAT":
            filled, last = {}, None
            for period in self._periods:
                last = series.get(period, last)
                if last is not None:
                    filled[period] = last
            return filled
        fillers = as_series(filler, self._periods)
        return {p: series.get(p, fillers.get(p)) for p in self._periods if p in series or p in fillers}

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise BadExpression("The expression ends too early")
        self._at += 1
        # In FILL(m1, REPEAT), REPEAT isn't a metric.
        return "'REPEAT'" if token == "REPEAT" else token

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise BadExpression(f"Missing {token!r} in the expression")


def _tokens(expression: str) -> list[str]:
    tokens, at, text = [], 0, expression.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise BadExpression(f"Can't parse the expression at {text[at:]!r}")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


OPERATORS: dict[str, Callable[[float, float], float | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    # A division by zero gives no data point.
    "/": lambda a, b: a / b if b else None,
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    ">": lambda a, b: float(a > b),
    "<=": lambda a, b: float(a <= b),
    ">=": lambda a, b: float(a >= b),
}
OPERATORS["&&"] = OPERATORS["AND"] = lambda a, b: float(bool(a) and bool(b))
OPERATORS["||"] = OPERATORS["OR"] = lambda a, b: float(bool(a) or bool(b))

AGGREGATES: dict[str, Callable[[list[float]], float]] = {"SUM": sum, "AVG": fmean, "MIN": min, "MAX": max}
EACH: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda v: float(-(-v // 1)),
    "FLOOR": lambda v: float(v // 1),
}


def _combine(operator, left, right):
    if isinstance(left, list):
        return [_combine(operator, one, right) for one in left]
    if isinstance(right, list):
        return [_combine(operator, left, one) for one in right]
    if not isinstance(left, dict) and not isinstance(right, dict):
        value = operator(left, right)
        return {} if value is None else value
    periods = _common(left, right)
    values = {period: operator(_at(left, period), _at(right, period)) for period in periods}
    return {period: value for period, value in values.items() if value is not None}


def _choose(condition, then, otherwise):
    if not isinstance(condition, dict):
        return then if condition else otherwise
    chosen = {period: then if flag else otherwise for period, flag in condition.items()}
    return {
        period: _at(branch, period)
        for period, branch in chosen.items()
        if not isinstance(branch, dict) or period in branch
    }


def _aggregate(function, arguments: list):
    flat = [item for argument in arguments for item in (argument if isinstance(argument, list) else [argument])]
    if len(flat) == 1 and isinstance(flat[0], dict) and not isinstance(arguments[0], list):
        # The aggregate of one series is a number.
        return function(list(flat[0].values())) if flat[0] else {}
    periods = sorted({period for item in flat if isinstance(item, dict) for period in item})
    if not periods and flat and not any(isinstance(item, dict) for item in flat):
        return function(flat)
    return {
        period: function([_at(item, period) for item in flat if not isinstance(item, dict) or period in item])
        for period in periods
    }


def _each(function, value):
    if isinstance(value, list):
        return [_each(function, one) for one in value]
    if isinstance(value, dict):
        return {period: function(one) for period, one in value.items()}
    return function(value)


def _common(left, right) -> list[int]:
    both = [set(value) for value in (left, right) if isinstance(value, dict)]
    return sorted(set.intersection(*both))


def _at(value, period: int) -> float:
    return value[period] if isinstance(value, dict) else value
