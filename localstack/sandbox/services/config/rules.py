"""Rules keep their first tags, stay as they are when an update is refused, and show a scope that is a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.config.models import ConfigRule, Scope

if TYPE_CHECKING:
    from ...app import Sandbox


def install(_sandbox: Sandbox) -> None:
    modify = _whole_or_not_at_all(_keeping_tags(ConfigRule.modify_fields))
    ConfigRule.modify_fields = modify  # type: ignore[method-assign]
    Scope.__init__ = _keeping_the_tag(Scope.__init__)  # type: ignore[method-assign]


def _keeping_tags(original: Any) -> Any:
    """Tags come with the first PutConfigRule; what a later one says of them is ignored."""

    def modify_fields(self: Any, region: str, config_rule: dict[str, Any], tags: dict[str, str]) -> None:
        original(self, region, config_rule, getattr(self, "tags", tags))

    return modify_fields


def _whole_or_not_at_all(original: Any) -> Any:
    def modify_fields(self: Any, *given: Any) -> None:
        before = dict(self.__dict__)
        try:
            original(self, *given)
        except Exception:
            self.__dict__ = before
            raise

    return modify_fields


def _keeping_the_tag(original: Any) -> Any:
    """moto checks the tag of a scope, and keeps it where no answer shows it."""

    def init(self: Any, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        self.tags, self.tag_key, self.tag_value = None, named.get("tag_key"), named.get("tag_value")

    return init
