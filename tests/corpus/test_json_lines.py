import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.corpus import json_lines
from tokbench.corpus.source import Source
from tokbench.errors import DataError

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def values(text, size):
    """The items of a JSON text that comes in blocks of `size` characters."""
    blocks = (text[at : at + size] for at in range(0, len(text), size))
    window = json_lines._Window(Source("x.json", None, "json", "", 0), blocks)
    return [item for _, item in json_lines._items(window)]


@settings(deadline=None, max_examples=30)
@given(st.lists(VALUES), st.sampled_from([None, 1]), st.integers(1, 40))
def test_an_array_comes_back_whatever_the_size_of_the_blocks(items, indent, size):
    assert values(json.dumps(items, indent=indent), size) == items


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text() | st.dictionaries(st.text(), st.text()), min_size=1), st.integers(1, 40))
def test_items_one_after_the_other_come_back_too(items, size):
    assert values("\n".join(map(json.dumps, items)), size) == items


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_items_may_be_strings_objects_or_null(put, read, name):
    lines = [
        '"one"',
        '{"text": "two", "id": 2}',
        "null",
        '{"text": null, "id": 3}',
        '"\\uac00\\ud83d\\ude00"',
    ]
    data = "\n".join(lines) if name == "a.jsonl" else f"[{', '.join(lines)}]"
    texts, facts = read(put(name, data.encode()))
    assert (texts, facts.blank) == (["one", "two", "가😀"], 2)


def test_a_json_file_may_hold_json_lines(put, read):
    assert read(put("a.json", b'{"text": "one"}\n{"text": "two"}\n'))[0] == ["one", "two"]


def test_empty_lines_and_spaces_between_items_do_no_harm(put, read):
    assert read(put("a.jsonl", b'\n  "one" \r\n\n\t"two"'))[0] == ["one", "two"]
    assert read(put("a.json", b' \n[ "one"\n,\t"two" ] \n'))[0] == ["one", "two"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1", "a number"),
        ("1.5", "a number"),
        ("true", "true or false"),
        ("[]", "a list"),
        ("{}", "an object"),
    ],
)
def test_other_values_are_refused_by_file_and_line(put, refusal, value, kind):
    for name, place in {"a.jsonl": "line 2", "a.json": "line 2 (item 2)"}.items():
        rows = ['{"text": "fine", "id": 1}', f'{{"text": {value}, "id": 2}}']
        data = "\n".join(rows) if name == "a.jsonl" else "[" + ",\n".join(rows) + "]"
        path = put(name, data.encode())
        assert refusal(DataError, path)[0] == f"{path}, {place}: the value is {kind}, not text"


def test_an_object_without_the_column_is_refused_by_its_line(put, refusal):
    path = put("a.jsonl", b'{"text": "a", "id": 1}\n{"id": 2}\n')
    assert refusal(DataError, path)[0] == f"{path}, line 2 has no 'text'"


def test_strings_have_no_columns(put, refusal):
    path = put("a.jsonl", b'"a"\n')
    assert refusal(DataError, path, column="text")[0] == f"{path}, line 1 is no object with a column 'text'"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('"a\\u0000b"', "the text holds a NUL character"),
        ('"\\ud83d"', "the text holds half a surrogate pair, \\ud83d"),
    ],
)
def test_what_no_tokenizer_can_take_is_refused(put, refusal, text, fault):
    assert refusal(DataError, put("a.jsonl", text.encode()))[0].endswith(f"line 1: {fault}")
    assert refusal(DataError, put("a.json", f"[{text}]".encode()))[0].endswith(f"line 1 (item 1): {fault}")


@pytest.mark.parametrize("line", ["{'text': 'a'}", '{"text": "a"', '"a" "b"', "plain words", "[" * 100_000])
def test_a_line_that_is_not_json_is_refused_by_its_number(put, refusal, line):
    path = put("a.jsonl", f'"fine"\n{line}\n'.encode())
    message, fix = refusal(DataError, path)
    assert message.startswith(f"{path}, line 2 is not JSON: ")
    assert fix == "a .jsonl file has one JSON string or object a line"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('["fine",\n "a', "Invalid control character"),
        ('["fine",\n "a"', "not closed by ]"),
        ('["fine"\n "a"]', "a comma or ] is missing"),
        ('["fine",\n ]', "Expecting value"),
        ('["fine"\n] "a"', "more after the array"),
        ('["fine",\n {"text": a, "b": "' + "x" * 999 + '"}]', "Expecting value"),
        ("plain\nwords", "Expecting value"),
        ('["fine",\n ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_not_json_is_refused_where_it_goes_wrong(put, refusal, text, why):
    path = put("a.json", text.encode())
    message, _ = refusal(DataError, path)
    assert re.match(rf"{path}, the item that begins in line \d is not JSON: ", message)
    assert why in message


def test_the_line_of_an_item_that_is_not_json_is_where_it_begins(put, refusal):
    path = put("a.json", b'["a",\n\n {"text":\n "b" "c"}]')
    assert "the item that begins in line 3 is not JSON" in refusal(DataError, path)[0]


@pytest.mark.parametrize("data", [b"", b"[]", b" \n "])
def test_a_json_file_without_items_holds_no_texts(put, refusal, data):
    assert "no texts in" in refusal(DataError, put("a.json", data))[0]


def test_an_item_of_several_megabytes_is_decoded_once_it_is_whole(put, read):
    texts, facts = read(put("a.json", ["x" * 3_000_000, "y"]))
    assert ("".join(texts), facts.texts) == ("x" * 3_000_000 + "y", 2)
