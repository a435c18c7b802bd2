"""The compiled sieve gives what reading in Python gives, or leaves the block to it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokbench.corpus import lines
from tokbench.corpus.lines import LIMIT
from tokbench.corpus.reading import open_corpus
from tokbench.errors import DataError
from tokbench.native.word_counter import compiled_sieve

pytest.importorskip("numba", reason="the compiled loops need numba")

SPACES = "".join(chr(code) for code in range(0x110000) if chr(code).isspace())
NEAR = st.sampled_from(SPACES + "a한é\u200b\u180e\ufeff\u2027\u2030\u00a1\u0084\u1681\u3001😀")
LINES = st.lists(st.one_of(st.text(NEAR, max_size=5), st.text(max_size=80)), max_size=30)


@pytest.fixture(scope="module")
def sieve():
    return compiled_sieve()


@given(texts=LINES)
@example(texts=[SPACES.replace("\n", "").replace("\r", ""), *SPACES])
@example(texts=[" " * 70, "", " " * 70 + "a", "\u3000" * 30, "\u3000" * 30 + "\u3001"])
@example(texts=["a" * 63, "b" * 64, "", "c" * 127, ""])
def test_blank_lines_are_those_that_python_calls_blank(texts, sieve):
    block = "\n".join([*texts, ""]).encode("utf-8", "replace")
    every = block.decode().split("\n")[:-1]
    found = sieve(block)
    if b"\0" in block or b"\r" in block:
        assert found is None
        return
    kept = [text for text in every if text and not text.isspace()]
    assert found == lines.Sieved(
        "".join(f"{text}\n" for text in kept).encode(), len(kept), len(every) - len(kept)
    )


@given(st.binary(max_size=200), st.text(max_size=40), st.integers(0, 40), st.integers(0, 255))
def test_what_is_not_utf8_is_left_to_python(sieve, block, text, at, other):
    utf8 = text.encode("utf-8", "replace")
    for each in (block, utf8[:at] + bytes([other]) + utf8[at + 1 :], utf8[:at], block + utf8):
        each = each.replace(b"\0", b"").replace(b"\r", b"") + b"\n"
        try:
            each.decode()
        except UnicodeDecodeError:
            assert sieve(each) is None
        else:
            assert sieve(each) is not None


def test_every_code_point_and_its_neighbours_in_utf8_are_told_apart(sieve):
    for code in (
        *range(0x80, 0x3100),
        *range(0xD700, 0xE010),
        *range(0xFFF0, 0x10020),
        *range(0x10FFF0, 0x110010),
    ):
        utf8 = _encoded(code)
        legal = code < 0x110000 and not 0xD800 <= code < 0xE000
        assert (sieve(utf8 + b"\n") is not None) == legal, hex(code)


def _encoded(code: int) -> bytes:
    """As UTF-8 would write any number of up to 21 bits."""
    tail = [0x80 | code >> shift & 0x3F for shift in (12, 6, 0)]
    if code < 0x800:
        return bytes([0xC0 | code >> 6, tail[2]])
    if code < 0x10000:
        return bytes([0xE0 | code >> 12, *tail[1:]])
    return bytes([0xF0 | code >> 18, *tail])


@pytest.mark.parametrize(
    "utf8", [b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf"]
)
def test_overlong_forms_are_left_to_python(utf8, sieve):
    assert sieve(utf8 + b"\n") is None


def test_long_lines_are_left_to_python_which_cuts_them(sieve):
    assert sieve(b"a" * LIMIT + b"\n") is not None
    assert sieve(b"a" * (LIMIT + 1) + b"\n") is None


@given(texts=LINES, end=st.sampled_from(["\n", "\r\n"]), mark=st.booleans(), size=st.integers(1, 200))
def test_a_sieve_changes_no_text_and_no_fact(texts, end, mark, size, sieve, tmp_path_factory):
    path = tmp_path_factory.mktemp("sieved") / "corpus.txt"
    content = end.join([*(text.replace("\0", "") for text in texts), "one more"])
    path.write_bytes(b"\xef\xbb\xbf" * mark + content.encode("utf-8", "replace"))
    plain, sieved = open_corpus([path]), open_corpus([path])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "SIEVED_CHUNK", size)
        assert _texts(sieved.blocks(sieve)) == [text for batch in plain for text in batch]
    assert sieved.facts == plain.facts


@pytest.mark.parametrize("with_sieve", [False, True])
def test_lines_keep_their_order_around_a_long_one(with_sieve, sieve, tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("a\n" * 3000 + "long " * 20_000 + "\n" + "b\n" * 3000 + "c " * LIMIT + "\nd\n")
    corpus = open_corpus([path])
    assert _texts(corpus.blocks(sieve if with_sieve else None)) == [
        text for batch in corpus for text in batch
    ]


def _texts(blocks) -> list[str]:
    return [
        text
        for block in blocks
        for text in (block.decode().split("\n")[:-1] if isinstance(block, bytes) else block)
    ]


def test_damage_behind_sieved_blocks_has_its_byte_and_its_line(sieve, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "SIEVED_CHUNK", 16)
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"one\n\ntwo\n" * 20 + b"thr\xffee\n")
    with pytest.raises(DataError, match=r"byte offset 183 \(line 61\)"):
        list(open_corpus([path]).blocks(sieve))
