"""What is done while JSON is read; what is refused is tested where folders are loaded."""

import gc

import pytest

from tokbench.errors import FileError
from tokbench.io.json_files import parse_object, uncollected


def test_large_json_is_read_without_the_collector_looking_through_it():
    text = '{"merges": [' + ",".join(['["a", "b"]'] * 200_000) + "]}"
    gc.collect()
    before = [each["collections"] for each in gc.get_stats()]
    assert len(parse_object(text, name="it")["merges"]) == 200_000
    assert sum(each["collections"] for each in gc.get_stats()) - sum(before) < 10


def test_the_collector_is_left_as_it_was():
    for text in ('{"a": 1}', "{"):
        for was in (True, False):
            (gc.enable if was else gc.disable)()
            try:
                with pytest.raises(FileError) if text == "{" else uncollected():
                    parse_object(text, name="it")
                assert gc.isenabled() is was
            finally:
                gc.enable()
