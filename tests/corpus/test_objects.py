"""Texts that objects hold are a corpus like the same texts in a file; what holds none is refused in words."""

import pytest

from tokbench.corpus.reading import as_corpus, open_corpus
from tokbench.errors import DataError, TokbenchError

TEXTS = ["the cat", None, "안녕\u2028 sat", "", "a mat"]


def passed(corpus):
    texts = [text for batch in corpus for text in batch]
    return texts, corpus.facts.texts, corpus.facts.blank, corpus.facts.utf8_bytes, corpus.facts.sha256


def test_every_holder_of_texts_gives_what_a_file_of_them_gives(holders, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(text or "" for text in TEXTS) + "\n", encoding="utf-8")
    wanted = passed(open_corpus([file]))
    found = {name: passed(as_corpus(holder, column=column)) for name, holder, column in holders(TEXTS)}
    assert found == dict.fromkeys(found, wanted)


def test_rows_leave_nothing_out_and_cut_nothing(holders):
    texts = [*TEXTS, "long " * 20_000]
    for name, holder, column in holders(texts):
        corpus = as_corpus(holder, column=column)
        assert [text for part in corpus.rows() for text in part] == [text or "" for text in texts], name
        facts = corpus.facts
        assert (facts.texts, facts.blank, facts.utf8_bytes) == (
            4,
            2,
            len("".join(filter(None, texts)).encode()),
        )


def test_what_can_be_read_twice_is(holders):
    for name, holder, column in holders(TEXTS):
        corpus = as_corpus(holder, column=column)
        if iter(holder) is holder:
            assert corpus.size is None, name
            list(corpus)
            with pytest.raises(TokbenchError, match="only once"):
                list(corpus)
        else:
            assert corpus.size == sum(len(text) for text in TEXTS if text), name
            assert passed(corpus) == passed(corpus), name


def test_a_column_of_numbers_is_no_texts(holders):
    for name, holder, column in holders([3, 4]):
        with pytest.raises(DataError, match=r"hold 3, which is not a text"):
            list(as_corpus(holder, column=column))
        assert name


def test_a_column_that_is_not_there_is_named_with_those_that_are():
    table = pytest.importorskip("pyarrow").table({"n": [1], "body": ["a"]})
    with pytest.raises(DataError, match="no column 'bodi'") as caught:
        as_corpus(table, column="bodi")
    assert "body" in caught.value.fix
    with pytest.raises(DataError, match="2 columns and none is named") as caught:
        as_corpus(table)
    assert "n (1), body ('a')" in caught.value.fix


def test_a_usual_name_is_found_without_asking():
    table = pytest.importorskip("pyarrow").table({"n": [1], "text": ["a"]})
    corpus = as_corpus(table)
    assert passed(corpus)[0] == ["a"]
    assert corpus.facts.notes == (
        "the table: the texts are its column 'text', of n, text; --column names another",
    )


class Lazy:
    columns = ("t",)

    def collect(self):
        return self


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        (5, "5 is no corpus"),
        (None, "None is no corpus"),
        (b"a text", "is no corpus"),
        ({"train": ["a"], "test": ["b"]}, "a dict is no corpus, .*: 'train', 'test'"),
        ({}, "a dict is no corpus"),
        (Lazy(), "a Lazy has no rows yet"),
    ],
)
def test_what_holds_no_texts_is_refused_in_a_sentence(holder, words):
    with pytest.raises(DataError, match=words) as caught:
        as_corpus(holder, column=None)
    assert caught.value.fix


def test_several_datasets_are_not_one():
    datasets = pytest.importorskip("datasets")
    several = datasets.DatasetDict({"train": datasets.Dataset.from_dict({"t": ["a"]})})
    with pytest.raises(DataError, match=r"a DatasetDict is no corpus, .*: 'train'"):
        as_corpus(several, column="t")


@pytest.mark.parametrize("holder", [[], iter([]), (), ["", " ", None]])
def test_a_corpus_without_texts_is_an_error_when_it_is_read(holder):
    with pytest.raises(DataError, match="no texts in texts"):
        list(as_corpus(holder))


def test_half_a_character_is_an_error_in_words():
    for read in (list, lambda corpus: list(corpus.rows())):
        with pytest.raises(DataError, match="half a character"):
            read(as_corpus(["fine", "not \ud83d fine"]))
