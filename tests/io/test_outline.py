"""A tokenizer.json without its vocabulary and merges is what JSON says beside them, whatever tokens hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tokbench.errors import FileError
from tokbench.io.outline import outline_of
from tokbench.pretrained.folder import LazyFolder, load

ODD = st.text(st.sampled_from('"\\\\[]{}:, \n1aé\x7f한🦊'), max_size=5)
VOCAB = st.dictionaries(ODD, st.integers(0, 9), max_size=6)
PIECES = st.lists(st.tuples(ODD, st.floats(-9, 0)), max_size=6)
MERGES = st.one_of(st.lists(ODD, max_size=6), st.lists(st.tuples(ODD, ODD), max_size=6))
OTHERS = st.dictionaries(ODD, st.one_of(ODD, st.lists(ODD, max_size=3)), max_size=3)


@st.composite
def files(draw):
    """The bytes of a tokenizer.json of odd tokens, its keys in any order, and what JSON makes of it."""
    model = draw(OTHERS) | {"vocab": draw(st.one_of(VOCAB, PIECES)), "type": "?"}
    model |= {"merges": draw(MERGES)} if draw(st.booleans()) else {}
    raw = draw(OTHERS) | {"model": dict(draw(st.permutations(list(model.items()))))}
    raw = dict(draw(st.permutations(list(raw.items()))))
    how = {"ensure_ascii": draw(st.booleans()), "indent": draw(st.sampled_from([None, 0, 2]))}
    return json.dumps(raw, **how).encode(), raw


@given(files())
def test_it_is_the_whole_without_what_was_learned(case):
    content, raw = case
    raw["model"] = {name: value for name, value in raw["model"].items() if name not in ("vocab", "merges")}
    assert outline_of(content) == json.loads(json.dumps(raw))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"vocab": {"a": 1}}',
        b'{"decoder": {"vocab": {"a": 1}}, "model": {"vocab": {"b": 1}}}',
        b'{"model": {"vocab": {"a": 0}, "vocab": {"b": 0}}}',
        b'{"model": {"vocab": {"a": {"b": 0}, "c": 1}}}',
        b'{"model": {"vocab": {"a": 0}',
        b'\xef\xbb\xbf{"model": {"vocab": {"a": 0}}}',
        b'{"model": {"type": "\xff", "vocab": {"a": 0}}}',
    ],
)
def test_what_cannot_be_told_apart_is_left_to_a_reader_of_the_whole(content):
    assert outline_of(content) is None


def test_a_folder_reads_its_vocabulary_only_when_it_is_asked_for(tmp_path):
    file = tmp_path / "tokenizer.json"
    raw = {
        "version": "1.0",
        "added_tokens": [],
        "model": {"type": "BPE", "vocab": {"]": 0, "}": 1, "]}": 2}, "merges": [["]", "}"]]},
    }
    file.write_text(json.dumps(raw))
    folder = load(file)
    assert isinstance(folder, LazyFolder)
    assert "raw" not in vars(folder)
    assert folder.blocks["model"] == {"type": "BPE"}
    assert folder.raw == raw
    assert folder.tokenizer.to_str() == Tokenizer.from_file(str(file)).to_str()


def test_bytes_that_are_no_text_inside_the_vocabulary_are_named(tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_bytes(b'{"model": {"type": "BPE", "vocab": {"\xff": 0}, "merges": []}}')
    with pytest.raises(FileError, match="is not UTF-8 text: byte 37"):
        load(file)
