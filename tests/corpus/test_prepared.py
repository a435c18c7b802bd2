import gzip
import hashlib
import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokbench as tb
from tokbench.checks.rebuild import rebuild
from tokbench.corpus.cleaning.choices import Cleaning, parse_cleaning
from tokbench.corpus.cleaning.text_batches import Batch
from tokbench.corpus.prepared import _Splits, prepare_corpus
from tokbench.corpus.reading import open_corpus
from tokbench.errors import DataError, FileError, NegativeResultError, ResourceError, UsageError

TEXTS = ["Fish &amp; chips", "caf" + "e\u0301", " ", "Fish & chips", "two words", "a b c d", "café"]


def read(path):
    return list(chain.from_iterable(open_corpus([path])))


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".parquet"])
@pytest.mark.parametrize("packed", ["", ".gz", ".zst", ".xz", ".bz2"])
def test_what_is_written_is_read_again_and_is_the_same_every_time(tmp_path, suffix, packed):
    out = tmp_path / f"clean{suffix}{packed}"
    done = prepare_corpus(TEXTS, out, clean="html,nfc,dedup")
    first = out.read_bytes()
    assert read(out) == ["Fish & chips", "café", "two words", "a b c d"]
    assert done.files[0].sha256 == hashlib.sha256(first).hexdigest()
    corpus = open_corpus([out])
    list(corpus)
    assert (done.rows, done.utf8_bytes, done.sha256) == (4, corpus.facts.utf8_bytes, corpus.facts.sha256)
    prepare_corpus(TEXTS, out, clean="html,nfc,dedup", force=True)
    assert out.read_bytes() == first


def test_a_dry_run_tells_what_a_run_tells_and_writes_nothing(tmp_path):
    dry = prepare_corpus(TEXTS, tmp_path / "c.jsonl", clean="nfc,dedup", dry_run=True)
    assert list(tmp_path.iterdir()) == []
    done = prepare_corpus(TEXTS, tmp_path / "c.jsonl", clean="nfc,dedup")
    assert (dry.steps, dry.sha256, dry.rows) == (done.steps, done.sha256, done.rows)
    assert [(step.name, step.rows, step.dropped) for step in done.steps] == [
        ("read", 7, 0),
        ("unicode", 7, 0),
        ("empty", 7, 1),
        ("dedup", 6, 1),
    ]


def test_bytes_that_came_in_are_those_that_are_left_and_those_that_each_step_took():
    done = prepare_corpus(TEXTS, clean="html,nfc,lower,strip,dedup,min-chars=5")
    assert done.read_bytes - sum(step.dropped_bytes for step in done.steps) == done.utf8_bytes


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=50))
def test_no_text_is_on_both_sides_of_a_split_and_more_texts_move_none(texts):
    texts = [text for text in texts if text.strip()] or ["a"]

    def sides(given):
        class Kept:
            def __init__(self):
                self.texts = []

            def write(self, batch):
                self.texts += batch.texts

        kept = {"train": Kept(), "test": Kept()}
        _Splits(Cleaning(split={"train": 0.5, "test": 0.5})).take(Batch(given), kept)
        return [set(each.texts) for each in kept.values()]

    train, test = sides(texts)
    assert not train & test
    assert train | test == set(texts)
    wider = sides(["something else", *texts])
    assert train <= wider[0]
    assert test <= wider[1]


def test_a_split_has_the_shares_and_a_file_each(tmp_path):
    texts = [f"text {number}" for number in range(5_000)]
    done = prepare_corpus(texts, tmp_path / "c.txt.gz", split="train=.9,test=.1")
    assert [file.path.name for file in done.files] == ["c-train.txt.gz", "c-test.txt.gz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c-test.txt.gz", "c-train.txt.gz"]
    assert 0.89 < done.files[0].rows / done.rows < 0.91
    assert set(read(tmp_path / "c-train.txt.gz")) | set(read(tmp_path / "c-test.txt.gz")) == set(texts)


@pytest.mark.parametrize("name", ["reviews.csv", "reviews.jsonl", "reviews.parquet", "reviews.tsv"])
def test_columns_are_kept_renamed_and_sorted_by(tmp_path, name):
    rows = [{"document": text, "label": str(at % 3)} for at, text in enumerate(["c", "a", "", "b", "a"])]
    path = tmp_path / name
    if name.endswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif name.endswith("parquet"):
        pytest.importorskip("pyarrow.parquet").write_table(
            pytest.importorskip("pyarrow").Table.from_pylist(rows), path
        )
    else:
        between = "," if name.endswith("csv") else "\t"
        path.write_text(
            f"document{between}label\n" + "".join(between.join(row.values()) + "\n" for row in rows)
        )
    out = tmp_path / "out.jsonl"
    prepare_corpus(
        path, out, clean="dedup,sort=stars", column="document", keep=["label"],
        rename={"label": "stars", "document": "text"},
    )  # fmt: skip
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        {"text": "c", "stars": "0"},
        {"text": "b", "stars": "0"},
        {"text": "a", "stars": "1"},
    ]


def test_steps_that_see_all_rows_take_their_columns_along(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"text": "text {n}", "n": {n}}}\n' for n in range(300)))
    prepare_corpus(path, tmp_path / "o.jsonl", clean="shuffle", sample="100", keep=["n"])
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert len(rows) == 100
    assert all(row["text"] == f"text {row['n']}" for row in rows)


@pytest.mark.parametrize(
    ("clean", "said"),
    [("match=nowhere", "the step match dropped all 6 texts"), ("max-chars=1", "max-chars dropped all")],
)
def test_when_nothing_is_left_the_step_that_took_the_last_is_named(tmp_path, clean, said):
    with pytest.raises(NegativeResultError) as caught:
        prepare_corpus(TEXTS, tmp_path / "c.txt", clean=clean)
    assert said in caught.value.message
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_is_no_line_is_not_written_as_one(tmp_path):
    for text in ("two\nlines", "ends with CR\r"):
        with pytest.raises(DataError, match="a text a line"):
            prepare_corpus(["plain", text], tmp_path / "c.txt")
        assert list(tmp_path.iterdir()) == []
        prepare_corpus(["plain", text], tmp_path / "c.jsonl", force=True)
        assert read(tmp_path / "c.jsonl") == ["plain", text]
        (tmp_path / "c.jsonl").unlink()


def test_outputs_that_cannot_be_are_refused_before_the_corpus_is_read(tmp_path):
    def corpus():
        raise AssertionError("it was read")
        yield

    (tmp_path / "there.txt").write_text("x\n")
    for out, error in (("c.csv", FileError), ("there.txt", FileError), ("c", FileError)):
        with pytest.raises(error):
            prepare_corpus(corpus(), tmp_path / out)
    with pytest.raises(UsageError, match="lines and no columns"):
        prepare_corpus(corpus(), tmp_path / "c.txt", keep=["label"])


def test_a_column_that_is_a_list_is_named_with_its_place(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "n": 1}\n{"text": ["b"], "n": 2}\n')
    with pytest.raises(DataError, match=r"line 2: the value is a list"):
        prepare_corpus(path, keep=["n"])


def test_a_file_in_another_encoding_is_named_with_its_byte(tmp_path):
    (tmp_path / "a.txt").write_text("fine\n")
    (tmp_path / "b.txt").write_bytes("café\n".encode("latin-1"))
    with pytest.raises(DataError) as caught:
        prepare_corpus([tmp_path / "a.txt", tmp_path / "b.txt"], tmp_path / "c.txt")
    assert "b.txt" in caught.value.message
    assert "byte 0xe9 at byte offset 3" in caught.value.message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_for_what_waits_is_told(monkeypatch):
    from tokbench.corpus.cleaning import spool

    monkeypatch.setattr(spool.Scratch, "path", lambda _self: Path("/dev/full"))
    texts = [f"text {number}" * 30 for number in range(20_000)]
    with pytest.raises(ResourceError) as caught:
        prepare_corpus(texts, sample="5000")
    assert "no space left" in caught.value.message
    assert "TMPDIR" in caught.value.fix


def test_cleaning_in_a_training_gives_the_tokenizer_of_the_cleaned_file(tmp_path):
    for name, text in {"en": "the cat &amp; the hat {n}", "ko": "한국어 문장 {n}"}.items():
        lines = "".join(text.replace("{n}", str(n % 700)) + "\n" for n in range(1_500))
        (tmp_path / f"{name}.txt").write_text(lines, encoding="utf-8")
    sources = [tmp_path / "en.txt", tmp_path / "ko.txt"]
    options = {"clean": "html,nfc,dedup,shuffle", "weights": "en=3,ko=1", "sample": "8KB"}
    prepare_corpus(sources, tmp_path / "clean.txt", **options)
    for kind in ("bpe", "wordpiece", "unigram"):
        separate = tb.train(
            tmp_path / "clean.txt", kind, vocab_size=320, output=tmp_path / f"{kind}-separate"
        )

        inline = tb.train(
            sources, kind, vocab_size=320, output=tmp_path / kind, clean=parse_cleaning(**options)
        )
        assert inline.sha256 == separate.sha256
        assert inline.corpus.sha256 == separate.corpus.sha256
        assert rebuild(tmp_path / kind).passed
    counted = tb.count_words(sources, "bpe", clean=parse_cleaning(**options))
    assert counted.counts == tb.count_words(tmp_path / "clean.txt", "bpe").counts


def test_a_changed_corpus_is_seen_after_cleaning(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("a cat\na cat\na hat\n" * 9)
    tb.train(path, "bpe", vocab_size=262, output=tmp_path / "tok", clean="dedup")
    path.write_text("a cat\na hat\na hat\n" * 9)
    assert rebuild(tmp_path / "tok", output=tmp_path / "same").cause is None  # the same after dedup
    path.write_text("a cat\na hat\na dog\n" * 9)
    assert rebuild(tmp_path / "tok", output=tmp_path / "other").cause.kind == "corpus"


def test_counts_and_dask_do_not_clean(tmp_path):
    counted = tb.count_words(["a cat"], "bpe")
    with pytest.raises(UsageError, match="no texts to clean"):
        tb.train(counted, "bpe", vocab_size=300, clean="html")


def test_processes_with_other_hash_seeds_write_the_same_bytes(tmp_path):
    (tmp_path / "c.txt").write_text("".join(f"text {n % 500}\n" for n in range(2_000)))
    made = []
    for seed in ("1", "2"):
        out = tmp_path / f"{seed}.jsonl"
        code = (
            "import sys, tokbench as tb; "
            "tb.prepare_corpus(sys.argv[1], sys.argv[2], clean='dedup,shuffle', sample='100')"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "c.txt"), str(out)],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_files_in_another_order_leave_the_same_texts_and_the_same_split(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("".join(f"text {n}\n" for n in range(ord(name), 400)))
    one, other = [tmp_path / "a.txt", tmp_path / "b.txt"], [tmp_path / "b.txt", tmp_path / "a.txt"]
    found = []
    for number, sources in enumerate((one, other)):
        out = tmp_path / f"o{number}.txt"
        prepare_corpus(sources, out, clean="dedup,sort=text", split="x=.5,y=.5")
        found.append([(tmp_path / f"o{number}-{side}.txt").read_bytes() for side in "xy"])
    assert found[0] == found[1]


def test_gzip_says_no_date(tmp_path):
    prepare_corpus(["a"], tmp_path / "c.txt.gz")
    data = (tmp_path / "c.txt.gz").read_bytes()
    assert data[4:8] == bytes(4)
    assert gzip.decompress(data) == b"a\n"
