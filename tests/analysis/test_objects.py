"""Tokenizers and corpora as objects are measured as the files that hold the same."""

from dataclasses import replace

import pytest
from transformers import PreTrainedTokenizerFast

from tokbench.analysis.compare import compare
from tokbench.analysis.sweep import sweep
from tokbench.checks.same import same
from tokbench.errors import UsageError
from tokbench.pretrained.folder import load

TEXTS = ["the cat sat on the mat", "한국어 문장", "a cat"] * 9


def measured(comparison):
    return [
        replace(each, tokenizer="", corpus="", probe=None, engine="", why="") for each in comparison.results
    ]


@pytest.fixture
def corpus_file(tmp_path):
    path = tmp_path / "cats.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


def corpora_of(path):
    yield "path", path, None
    yield "name", str(path), None
    yield "texts", TEXTS, None
    yield "iterator", iter(TEXTS), None
    pyarrow = pytest.importorskip("pyarrow")
    yield "array", pyarrow.array(TEXTS), None
    pandas = pytest.importorskip("pandas")
    yield "series", pandas.Series(TEXTS), None
    datasets = pytest.importorskip("datasets")
    yield "dataset", datasets.Dataset.from_dict({"t": TEXTS, "n": TEXTS}), "t"


def test_whatever_holds_the_texts_they_are_measured_alike(saved, corpus_file):
    wanted = measured(compare([saved["bpe"]], [str(corpus_file)]))
    for name, corpus, column in corpora_of(corpus_file):
        assert measured(compare([saved["bpe"]], corpus, column=column)) == wanted, name
        if name != "iterator":
            assert measured(compare(saved["bpe"], {"cats": corpus}, column=column)) == wanted, name


def test_a_tokenizer_is_measured_alike_as_an_object(saved, corpus_file):
    wanted = measured(compare([saved["bpe"]], [corpus_file]))
    objects = [
        load(saved["bpe"]),
        load(saved["bpe"]).tokenizer,
        PreTrainedTokenizerFast(tokenizer_file=saved["bpe"]),
    ]
    found = compare(objects, corpus_file)
    assert measured(found) == wanted * 3
    assert len({each.name for each in found.tokenizers}) == 3
    named = compare({"mine": objects[1], "theirs": objects[2]}, {"cats": corpus_file, "again": TEXTS})
    assert [(each.tokenizer, each.corpus) for each in named.results] == [
        ("mine", "cats"),
        ("theirs", "cats"),
        ("mine", "again"),
        ("theirs", "again"),
    ]
    assert [each.asked for each in named.tokenizers] == ["mine", "theirs"]
    assert all(same(saved["bpe"], each).passed for each in objects)


def test_nothing_to_compare_on_is_refused_whatever_is_empty(saved):
    for nothing in ((), [], {}):
        with pytest.raises(UsageError, match="nothing to compare on"):
            compare([saved["bpe"]], nothing)


def test_parallel_lines_in_memory_cost_what_those_of_files_cost(saved, tmp_path):
    languages = {"en": ["the cat", "", "a mat"], "ko": ["고양이", "문장", "한국어"]}
    for name, lines in languages.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    read = compare([saved["bpe"]], parallel=[str(tmp_path / f"{name}.txt") for name in languages]).parity
    given = compare([saved["bpe"]], parallel=list(languages.values())).parity
    assert (given.rows[0].tokens, given.lines, given.left_out) == (read.rows[0].tokens, 2, 1)
    assert given.languages == ("texts", "texts 2")


def test_a_sweep_takes_texts_and_words_for_sizes(corpus_file):
    read = sweep([str(corpus_file)], "bpe", (260, 280))
    given = sweep(TEXTS, "bpe", "260:280:+20", held_out=corpus_file)
    assert given.points == read.points
    with pytest.raises(UsageError, match="an iterator can be read only once"):
        sweep(iter(TEXTS), "bpe", (260,))
