"""Config rules: an update ignores tags, a refused update changes nothing, and a scope may be a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.config.models import ConfigRule, Scope

if TYPE_CHECKING:
    from ...app import Sandbox


def install(_sandbox: Sandbox) -> None:
    modify = _atomic(_keeping_tags(ConfigRule.modify_fields))
    ConfigRule.modify_fields = modify  # type: ignore[method-assign]
    Scope.__init__ = _with_tag(Scope.__init__)  # type: ignore[method-assign]


def _keeping_tags(original: Any) -> Any:
    """PutConfigRule sets tags when it creates a rule; an update ignores them."""

    def modify_fields(self: Any, region: str, config_rule: dict[str, Any], tags: dict[str, str]) -> None:
        original(self, region, config_rule, getattr(self, "tags", tags))

    return modify_fields


def _atomic(original: Any) -> Any:
    def modify_fields(self: Any, *arguments: Any) -> None:
        before = dict(self.__dict__)
        try:
            original(self, *arguments)
        except Exception:
            self.__dict__ = before
            raise

    return modify_fields


def _with_tag(original: Any) -> Any:
    """moto validates the tag of a scope, but doesn't return it."""

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self.tags, self.tag_key, self.tag_value = None, named.get("tag_key"), named.get("tag_value")

    return init
