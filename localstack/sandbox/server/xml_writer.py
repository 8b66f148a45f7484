"""Writes moto's XML answers as `xmltodict.unparse` does, which takes a sixth of the sandbox's CPU time."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from xmltodict import unparse as complete_unparse

TEXT, COMMENT = "#text", "#comment"
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
SPECIAL = re.compile(r"[&<>]")
SPECIAL_IN_ATTRIBUTES = re.compile(r"[&<>\"'\n\r\t]")


def unparse(
    document: Mapping[str, Any], *, full_document: bool = True, short_empty_elements: bool = False, pretty: bool = False
) -> str:
    """What `xmltodict.unparse` returns for these arguments."""
    parts = [DECLARATION] if full_document else []
    has_one_root = len(document) == 1 and not isinstance(next(iter(document.values())), (list, tuple))
    is_simple = not pretty and (has_one_root or not full_document)
    if not is_simple or not _write_all(document, short_empty_elements, parts.append):
        return complete_unparse(
            document, full_document=full_document, short_empty_elements=short_empty_elements, pretty=pretty
        )
    return "".join(parts)


def _write_all(elements: Mapping[str, Any], short: bool, write: Callable[[str], None]) -> bool:
    """False for what only xmltodict can write, or refuses to write."""
    return all(_write(name, value, short, write) for name, value in elements.items())


def _write(name: str, value: Any, short: bool, write: Callable[[str], None]) -> bool:
    if not _is_name(name):
        return False
    for one in value if isinstance(value, (list, tuple)) else (value,):
        if type(one) is str:
            if one:
                write(f"<{name}>{_escaped(one)}</{name}>")
            else:
                write(f"<{name}/>" if short else f"<{name}></{name}>")
        elif one is None or isinstance(one, dict):
            if not _write_structure(name, one or {}, short, write):
                return False
        elif one is True or one is False:
            write(f"<{name}>{'true' if one else 'false'}</{name}>")
        elif type(one) in (int, float):
            write(f"<{name}>{one}</{name}>")
        else:
            return False
    return True


def _write_structure(name: str, members: Mapping[str, Any], short: bool, write: Callable[[str], None]) -> bool:
    attributes, text, children = "", "", {}
    for key, value in members.items():
        if key == TEXT:
            if type(value) is not str:
                return False
            text = value
        elif key.startswith("@"):
            if type(value) is not str or not _is_name(key[1:]) or SPECIAL_IN_ATTRIBUTES.search(value):
                return False
            attributes += f' {key[1:]}="{value}"'
        elif value != []:
            children[key] = value
    if not children and not text and short:
        write(f"<{name}{attributes}/>")
        return True
    write(f"<{name}{attributes}>")
    if not _write_all(children, short, write):
        return False
    write(f"{_escaped(text)}</{name}>")
    return True


def _escaped(text: str) -> str:
    if not SPECIAL.search(text):
        return text
    return text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;")


@functools.cache
def _is_name(name: str) -> bool:
    """A name without a namespace or anything that xmltodict may refuse."""
    return name != COMMENT and re.fullmatch(r"[A-Za-z_][\w:.-]*", name, re.ASCII) is not None
