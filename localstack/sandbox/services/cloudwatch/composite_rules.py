"""The rules of composite alarms: ALARM("a") AND NOT (OK("b") OR INSUFFICIENT_DATA("c"))."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>[^\"]+)\"|'(?P<single>[^']+)'|(?P<bare>[^\"'()\s]+))\s*\)"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<sign>[()]))"
)

StateOf = Callable[[str], str]


class BadRule(ValueError):
    """The rule is invalid."""


@dataclass(frozen=True)
class Rule:
    """A parsed rule. `children` are the names of its alarms."""

    is_true: Callable[[StateOf], bool]
    children: frozenset[str] = field(default_factory=frozenset)


def parse(text: str) -> Rule:
    parser = _Parser(_tokens(text))
    rule = parser.any_of()
    parser.end()
    return rule


class _Parser:
    def __init__(self, tokens: list[re.Match]):
        self._tokens = tokens

    def any_of(self) -> Rule:
        left = self._all_of()
        while self._take("OR"):
            left = _join(any, left, self._all_of())
        return left

    def end(self) -> None:
        if self._tokens:
            raise BadRule(f"Unexpected {self._tokens[0][0].strip()!r} in the alarm rule")

    def _all_of(self) -> Rule:
        left = self._operand()
        while self._take("AND"):
            left = _join(all, left, self._operand())
        return left

    def _operand(self) -> Rule:
        if self._take("NOT"):
            inner = self._operand()
            return Rule(lambda state_of: not inner.is_true(state_of), inner.children)
        if self._take("("):
            inner = self.any_of()
            if not self._take(")"):
                raise BadRule("Missing ')' in the alarm rule")
            return inner
        for word, value in (("TRUE", True), ("FALSE", False)):
            if self._take(word):
                return Rule(lambda _, value=value: value)
        if self._tokens and (state := self._tokens[0]["state"]):
            match = self._tokens.pop(0)
            name = _name(match["quoted"] or match["single"] or match["bare"])
            return Rule(lambda state_of: state_of(name) == state, frozenset([name]))
        raise BadRule("The alarm rule ends too early" if not self._tokens else f"Unexpected {self._tokens[0][0]!r}")

    def _take(self, text: str) -> bool:
        if self._tokens and text in (self._tokens[0]["word"], self._tokens[0]["sign"]):
            self._tokens.pop(0)
            return True
        return False


def _tokens(text: str) -> list[re.Match]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise BadRule(f"Can't parse the alarm rule at {text[at:]!r}")
        tokens.append(match)
        at = match.end()
    return tokens


def _join(how: Callable, left: Rule, right: Rule) -> Rule:
    return Rule(lambda state_of: how(rule.is_true(state_of) for rule in (left, right)), left.children | right.children)


def _name(reference: str) -> str:
    """A rule may name an alarm by its ARN."""
    return reference.split(":alarm:", 1)[1] if reference.startswith("arn:") else reference
