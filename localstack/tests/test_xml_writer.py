"""The XML of moto's answers is written as xmltodict writes it."""

from __future__ import annotations

import itertools

import pytest
import xmltodict
from sandbox.server import xml_writer

DOCUMENTS = [
    {"a": None},
    {"a": ""},
    {"a": "text"},
    {"a": "<&>\"'\n\t\r é €"},
    {"a": {}},
    {"a": []},
    {"a": {"b": []}},
    {"a": {"b": ["1", "2", None, {}, ""]}},
    {"a": {"b": ("1", "2")}},
    {"a": {"b": True, "c": False, "d": 1, "e": 1.5, "f": -0.0}},
    {"a": {"@xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/", "b": "1"}},
    {"a": {"@x": "a & \"b\" 'c' <d>", "b": "1"}},
    {"a": {"@x": "1", "#text": "t"}},
    {"a": {"@x": "1", "@y:z": "2"}},
    {"a": {"#text": None, "b": "1"}},
    {"a": {"#text": "t", "b": "1"}},
    {"a": {"#text": 3}},
    {"a": {"@x": None}},
    {"a": {"@x": 3}},
    {"a": {"#comment": "c", "b": "1"}},
    {"a": {"b": {"c": {"d": ["1", {"e": "2"}]}}}},
    {"a:b": {"c.d-e": "1"}},
    {"a": {"b": b"bytes"}},
    {"a": {"b": [["1"], ["2"]]}},
]
OPTIONS = [
    {"full_document": full, "short_empty_elements": short, "pretty": pretty}
    for full, short, pretty in itertools.product([True, False], repeat=3)
]
REFUSED = [{}, {"a": "1", "b": "2"}, {"a": ["1", "2"]}, {"a b": "1"}, {"a": {"<b>": "1"}}, {"a": {"@b c": "1"}}]


@pytest.mark.parametrize("document", DOCUMENTS, ids=repr)
def test_it_is_the_same_text(document):
    for options in OPTIONS:
        try:
            expected = xmltodict.unparse(document, **options)
        except ValueError:
            with pytest.raises(ValueError):
                xml_writer.unparse(document, **options)
        else:
            assert xml_writer.unparse(document, **options) == expected


@pytest.mark.parametrize("document", REFUSED, ids=repr)
def test_what_xmltodict_refuses_is_refused(document):
    with pytest.raises(ValueError):
        xmltodict.unparse(document)
    with pytest.raises(ValueError):
        xml_writer.unparse(document)
