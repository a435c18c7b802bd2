import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.corpus.cleaned import CleanedCorpus, cleaned
from tokbench.corpus.cleaning.choices import parse_cleaning
from tokbench.corpus.cleaning.exact_dedup import SeenHashes, hashes_of
from tokbench.corpus.cleaning.spool import Scratch
from tokbench.corpus.reading import as_corpus


def left(source, words):
    return [text for batch in cleaned(as_corpus(source), words) for text in batch]


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=20), st.integers(1, 30))
def test_hashes_are_new_once_however_many_fit_in_memory(batches, most):
    with Scratch() as scratch:
        seen, known = SeenHashes(scratch, most=most), set()
        for batch in batches:
            new = seen.add(np.array(batch, np.uint64)).tolist()
            expected = []
            for key in (max(1, each) for each in batch):
                expected.append(key not in known)
                known.add(key)
            assert new == expected


def test_a_table_grows_and_spills_without_forgetting():
    keys = hashes_of([str(number) for number in range(50_000)])
    with Scratch() as scratch:
        seen = SeenHashes(scratch, most=8_000)
        assert all(seen.add(part).all() for part in np.array_split(keys, 17))
        assert not any(seen.add(part).any() for part in np.array_split(keys[::-1], 5))


@given(st.lists(st.sampled_from(["a", "b", "cc", "a b", "é"]), min_size=1, max_size=40))
def test_the_first_of_each_text_stays_in_its_place(texts):
    assert left(texts, "dedup") == list(dict.fromkeys(texts))


LICENCE = "/* licence\n * of all\n */\n\n"
CODE = f"{LICENCE}def a():\n    return\n\n{LICENCE}def b():\n    return\n"


def test_a_repeated_paragraph_of_a_plain_file_goes_and_repeated_lines_stay(put):
    path = put("code.txt", CODE.encode())
    assert left(path, "dedup=paragraph") == [
        "/* licence", " * of all", " */", "def a():", "    return", "def b():", "    return",
    ]  # fmt: skip
    assert left(path, "dedup").count("    return") == 1


def test_a_file_that_is_there_twice_is_dropped_as_a_document(put):
    for name, text in {"a.txt": CODE, "b.txt": "other\n", "c.txt": CODE}.items():
        put(f"code/{name}", text.encode())
    texts = left(put("code/d.txt", b"other\nand more\n").parent, "dedup=document")
    assert texts == [line for line in CODE.split("\n") if line] + ["other", "other", "and more"]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("text", ["x\n\ny\nz", "x\n\nw"]),
        ("document", ["x\n\ny\nz", "x\n\nw"]),
        ("paragraph", ["x\n\ny\nz", "w"]),
        ("line", ["x\n\ny\nz", "w"]),
    ],
)
def test_inside_rows_of_several_lines_the_unit_is_looked_at(unit, expected):
    found = left(["x\n\ny\nz", "x\n\nw", "x\n\ny\nz"], f"dedup={unit}")
    assert [text.strip() for text in found] == expected


def test_what_a_row_lost_inside_is_counted_as_a_change():
    corpus = CleanedCorpus(as_corpus(["a\nb", "a\nc", "a"]), parse_cleaning("dedup=line"))
    assert [text for batch in corpus for text in batch] == ["a\nb", "c"]
    tally = next(each for each in corpus.tallies if each.name == "dedup")
    assert (tally.rows, tally.dropped, tally.changed, tally.dropped_bytes) == (3, 1, 1, 3)


def test_paragraphs_that_batches_would_cut_are_whole(put, monkeypatch):
    monkeypatch.setattr("tokbench.corpus.cleaned.AT_ONCE", 5)
    path = put("code.txt", (CODE + "\n").encode() * 3)
    assert left(path, "dedup=paragraph") == [
        "/* licence", " * of all", " */", "def a():", "    return", "def b():", "    return",
    ]  # fmt: skip
