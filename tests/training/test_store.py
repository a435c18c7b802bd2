"""Counts that are saved come back, whoever counted them; the oracle is the library's own counting."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from tokbench.errors import FileError, RecipeError
from tokbench.training.bpe import learn
from tokbench.training.bpe_compiled import learn_compiled
from tokbench.training.counting import store
from tokbench.training.counting.count_corpus import CountOptions, count_corpus
from tokbench.training.counting.store import (
    joined_words,
    load_counts,
    packed_of_counts,
    save_counts,
    summed,
)
from tokbench.training.word_counts import CountedCorpus, PipelineRecord, WordCounts, library_counts

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

CORPUS = CountedCorpus(("a.txt",), 3, 1, 40)
BYTES = PipelineRecord("null", '{"type": "ByteLevel"}')
TEXTS = ["the cat the dog", "안녕 세상 안녕", "naïve  café\t\U0001f600", "x" * 70 + " the"]
counted = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), st.integers(1, 1 << 40)
)


def tokenizer(pre_tokenizer, normalizer=None):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        made.normalizer = normalizer
    return made


def byte_level():
    return tokenizer(pre_tokenizers.ByteLevel(add_prefix_space=False))


def in_file(path, counts, pipeline=BYTES, corpus=CORPUS, **more):
    return save_counts([packed_of_counts(WordCounts.of(counts))], path, pipeline, corpus, **more)


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n\n", encoding="utf-8")
    return path


FIRST_FILE = Path(__file__).parent / "files" / "counts-1.parquet"  # written before the packages were renamed
FIRST_FINGERPRINT = "9b45643a77ece97888eb60bb472a35498f1be319e6b13deee8622472d63373be"


def test_a_file_of_an_earlier_version_verifies_and_its_words_get_the_same_fingerprint_today(tmp_path):
    stored = load_counts(FIRST_FILE)
    stored.ensure_made_by(byte_level(), fix="")
    assert (len(stored.words), stored.corpus.texts, stored.fingerprint) == (10, 3, FIRST_FINGERPRINT)
    again = save_counts([stored.words], tmp_path / "again.parquet", stored.pipeline, stored.corpus)
    assert again.fingerprint == FIRST_FINGERPRINT


@pytest.mark.parametrize("engine", ["auto", "compiled"])
def test_a_corpus_gets_the_fingerprint_that_it_had_in_an_earlier_version(engine, tmp_path):
    if engine == "compiled":
        pytest.importorskip("numba")
    (tmp_path / "texts.txt").write_text("the cat the dog\n안녕 세상 안녕\nnaïve  café\n\n", encoding="utf-8")
    ways = CountOptions(engine=engine)
    done = count_corpus([str(tmp_path / "texts.txt")], byte_level(), tmp_path / "c.parquet", ways=ways)
    assert done.fingerprint == FIRST_FINGERPRINT


@settings(max_examples=25, deadline=None)
@given(counted)
def test_what_is_saved_comes_back(tmp_path_factory, counts):
    path = tmp_path_factory.mktemp("counts") / "c.parquet"
    told = in_file(path, counts, min_count=2)
    back = load_counts(path)
    assert list(back.word_counts().counts.items()) == list(WordCounts.of(counts).counts.items())
    assert (back.pipeline, back.corpus, back.min_count, back.fingerprint) == (
        BYTES,
        CORPUS,
        2,
        told.fingerprint,
    )
    assert (told.words, told.total) == (len(counts), sum(counts.values()))


@settings(max_examples=25, deadline=None)
@given(st.lists(counted, min_size=1, max_size=4))
def test_merged_parts_are_the_whole_to_the_fingerprint(parts):
    whole = {}
    for part in parts:
        for word, count in part.items():
            whole[word] = whole.get(word, 0) + count
    merged = summed(joined_words([packed_of_counts(WordCounts.of(part)) for part in parts])).by_count()
    ordered = WordCounts.of(whole)
    assert list(merged.word_counts().counts.items()) == list(ordered.counts.items())
    fingerprints = {store.counts_fingerprint(each, BYTES) for each in (merged, packed_of_counts(ordered))}
    assert len(fingerprints) == 1


@pytest.mark.parametrize(
    ("pre_tokenizer", "normalizer"),
    [
        (pre_tokenizers.ByteLevel(add_prefix_space=False), None),
        (pre_tokenizers.ByteLevel(add_prefix_space=True), normalizers.NFC()),
        (pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer()),
        (pre_tokenizers.Metaspace(prepend_scheme="always"), None),
    ],
)
def test_both_engines_write_the_same_bytes_which_hold_the_librarys_words(
    tmp_path, texts, monkeypatch, pre_tokenizer, normalizer
):
    pytest.importorskip("numba")
    monkeypatch.delenv("TOKBENCH_NO_COMPILE", raising=False)
    made = tokenizer(pre_tokenizer, normalizer)
    files = {}
    for engine in ("compiled", "library"):
        told = count_corpus([str(texts)], made, tmp_path / engine, ways=CountOptions(engine=engine))
        files[engine] = (tmp_path / engine).read_bytes()
        assert told.engine == engine
        assert told.corpus == CountedCorpus(("texts.txt",), 4, 1, sum(len(text.encode()) for text in TEXTS))
    assert files["compiled"] == files["library"]
    expected = library_counts(made, [TEXTS])
    assert list(load_counts(tmp_path / "library").word_counts().counts.items()) == list(
        expected.counts.items()
    )


def test_both_learners_learn_from_what_was_stored_what_they_learn_from_texts(tmp_path, texts):
    pytest.importorskip("numba")
    count_corpus([str(texts)], byte_level(), tmp_path / "c.parquet")
    found = load_counts(tmp_path / "c.parquet")
    expected = learn(library_counts(byte_level(), [TEXTS]), vocab_size=60)
    assert learn(found.word_counts(), vocab_size=60) == expected
    assert learn_compiled(found.arrays(), vocab_size=60).merges() == expected


def test_rare_words_can_be_dropped(tmp_path, texts):
    told = count_corpus([str(texts)], byte_level(), tmp_path / "c.parquet", min_count=2)
    back = load_counts(tmp_path / "c.parquet")
    expected = library_counts(byte_level(), [TEXTS]).counts
    assert back.word_counts().counts == {word: count for word, count in expected.items() if count > 1}
    assert back.min_count == told.min_count == 2


def test_the_fingerprint_tells_texts_and_pipeline_apart(tmp_path, texts):
    prints = set()
    for number, made in enumerate(
        [
            byte_level(),
            tokenizer(pre_tokenizers.ByteLevel(add_prefix_space=True)),
            tokenizer(pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.NFC()),
        ]
    ):
        prints.add(count_corpus([str(texts)], made, tmp_path / f"{number}").fingerprint)
    texts.write_text("other words", encoding="utf-8")
    prints.add(count_corpus([str(texts)], byte_level(), tmp_path / "other").fingerprint)
    assert len(prints) == 4


def test_a_custom_block_has_no_file_of_counts(tmp_path, texts):
    class Custom:
        def pre_tokenize(self, words):
            words.split(lambda _, part: [part])

    with pytest.raises(RecipeError, match="JSON"):
        count_corpus([str(texts)], tokenizer(pre_tokenizers.PreTokenizer.custom(Custom())), tmp_path / "c")


def rewritten(path, **columns):
    table = pyarrow.table(columns).replace_schema_metadata(None)
    with parquet.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)


def test_a_file_that_holds_no_counts_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "c.parquet"
    with pytest.raises(FileError, match="there is no file"):
        load_counts(path)
    path.write_text("word,count\n")
    with pytest.raises(FileError, match="not parquet"):
        load_counts(path)
    rewritten(path, word=["a"], count=[1])
    with pytest.raises(FileError, match="no file of counts of this version"):
        load_counts(path)
    with pytest.raises(FileError, match="there is no file"):
        load_counts(tmp_path)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, at):
    path = tmp_path / "c.parquet"
    in_file(path, {f"word{number}": number for number in range(1, 4000)})
    whole = path.read_bytes()
    for damaged in (whole[: int(len(whole) * at)], _flipped(whole, int(len(whole) * at))):
        path.write_bytes(damaged)
        with pytest.raises(FileError) as caught:
            load_counts(path)
        assert "damaged" in caught.value.message
        assert "tokbench count" in caught.value.fix


def _flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


def test_negative_counts_and_a_foreign_fingerprint_are_damage(tmp_path):
    path = tmp_path / "c.parquet"
    words = packed_of_counts(WordCounts.of({"a": 2, "b": 1}))
    save_counts([type(words)(words.utf8, words.lengths, -words.counts)], path, BYTES, CORPUS)
    with pytest.raises(FileError, match="occurs -2 times"):
        load_counts(path)
    in_file(path, {"a": 2, "b": 1})
    facts = json.loads(parquet.read_metadata(path).metadata[b"tokbench"])
    table = parquet.read_table(path)
    with parquet.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({b"tokbench": json.dumps(facts | {"fingerprint": "0" * 64})})
    with pytest.raises(FileError, match="not those that were written"):
        load_counts(path)


def test_a_file_in_the_way_stays_unless_it_is_one_of_counts_and_force_is_given(tmp_path, texts):
    out = tmp_path / "c.parquet"
    count_corpus([str(texts)], byte_level(), out)
    with pytest.raises(FileError, match="exists already"):
        count_corpus([str(texts)], byte_level(), out)
    count_corpus([str(texts)], byte_level(), out, force=True)
    with pytest.raises(FileError, match="another kind"):
        count_corpus([str(texts)], byte_level(), texts, force=True)
    with pytest.raises(FileError, match="is a folder"):
        count_corpus([str(texts)], byte_level(), tmp_path, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.parquet", "texts.txt"]


def test_whatever_ends_the_writing_nothing_is_left_behind(tmp_path):
    out = tmp_path / "c.parquet"
    in_file(out, {"a": 1})
    before = out.read_bytes()

    def words():
        yield packed_of_counts(WordCounts({"b": 1}))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_counts(words(), out, BYTES, CORPUS)
    assert list(tmp_path.iterdir()) == [out]
    assert out.read_bytes() == before


def test_the_bytes_do_not_depend_on_the_blocks_that_the_words_come_in(tmp_path, monkeypatch):
    monkeypatch.setattr("tokbench.training.counting.store.ROWS", 7)
    words = packed_of_counts(WordCounts.of({f"w{number}": number % 5 + 1 for number in range(40)}))
    for name, size in (("one", 40), ("other", 3), ("third", 15)):
        blocks = (words.part(start, min(40, start + size)) for start in range(0, 40, size))
        save_counts(blocks, tmp_path / name, BYTES, CORPUS)
    assert len({(tmp_path / name).read_bytes() for name in ("one", "other", "third")}) == 1
    assert np.array_equal(load_counts(tmp_path / "one").words.counts, words.counts)


THREADS = """
import os, sys, numpy, tokenizers, pyarrow.parquet
from tokbench.training.counting.store import SCHEMA, read_counts_file
from pathlib import Path
before = set(os.listdir("/proc/self/task"))
read_counts_file(Path(sys.argv[1]), SCHEMA)
new = set(os.listdir("/proc/self/task")) - before
print(sum(not Path(f"/proc/self/task/{each}/comm").read_text().startswith("jemalloc") for each in new))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted as Linux tells them")
def test_no_thread_outlives_the_reading_which_might_end_the_program_by_a_signal(tmp_path, texts):
    count_corpus([str(texts)], byte_level(), tmp_path / "c.parquet")
    done = subprocess.run(
        [sys.executable, "-c", THREADS, tmp_path / "c.parquet"], capture_output=True, check=True, text=True
    )
    assert done.stdout == "0\n"
