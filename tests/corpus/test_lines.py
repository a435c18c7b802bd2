from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.corpus.lines import line_blocks, whole_blocks
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError

LINES = st.text(alphabet="ab\n\r\u2028é한\U0001f600", max_size=300)


def chunked(data, size):
    return (data[at : at + size] for at in range(0, len(data), size))


def test_no_bytes_are_no_blocks():
    assert list(line_blocks([])) == []


@given(LINES, st.integers(1, 50), st.integers(8, 60))
def test_blocks_joined_are_the_file_with_its_last_line_ended(text, chunk, size):
    data = text.encode()
    ended = data if not data or data.endswith(b"\n") else data + b"\n"
    assert b"".join(line_blocks(chunked(data, chunk), size=size)) == ended


@given(LINES, st.integers(1, 50), st.integers(8, 60))
def test_every_block_is_text_by_itself_and_cuts_no_crlf(text, chunk, size):
    blocks = list(line_blocks(chunked(text.encode(), chunk), size=size))
    assert all(block.decode() for block in blocks)
    assert not any(one.endswith(b"\r") and two.startswith(b"\n") for one, two in pairwise(blocks))


@given(LINES, st.integers(1, 50), st.integers(8, 60))
def test_only_a_line_longer_than_a_block_is_cut(text, chunk, size):
    blocks = list(line_blocks(chunked(text.encode(), chunk), size=size))
    for block, after in pairwise(blocks):
        assert block.endswith(b"\n") or len(block) + len(after) >= size - 4
    assert all(len(block) < size + chunk for block in blocks)


@given(st.binary(max_size=300), st.integers(1, 50), st.integers(8, 60))
def test_bytes_that_are_no_text_pass_whole(data, chunk, size):
    assert b"".join(line_blocks(chunked(data, chunk), size=size)).removesuffix(b"\n") == data.removesuffix(
        b"\n"
    )


def test_a_record_beyond_the_limit_is_refused_by_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("1\n2\n" + "x" * 200_000 + "\n")
    [source] = find_sources([path])
    with pytest.raises(DataError, match=r"a\.jsonl, line 3 is longer than 100,000 characters"):
        list(whole_blocks(source, lambda done: None, limit=100_000))
    assert "".join(whole_blocks(source, lambda done: None)) == path.read_text()
