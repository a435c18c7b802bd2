import io
import json
import subprocess
import sys
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokbench.corpus.reading import open_corpus
from tokbench.errors import DataError, FileError

from .formats import WRITERS, pack, texts_of

TEXTS = ["The café is open.", "안녕하세요 😀", 'she said "no", twice', "NA", "\u2028 odd \x85 ends"]
FORMATS = list(WRITERS)
COMPRESSIONS = ["", ".gz", ".zst", ".xz", ".bz2"]
# One text a line in every format: no LF, no CR (it may end a line), no NUL, no tab (it ends a TSV field).
LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\t"), max_size=40).filter(
        lambda text: not text.startswith("\ufeff")
    ),
    max_size=20,
)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_and_compression_gives_the_texts_and_the_same_facts(put, read, kind, compression):
    path = put(f"a.{kind}{compression}", [*TEXTS, "", " \t "] if kind != "tsv" else [*TEXTS, "", "  "])
    texts, facts = read(path)
    assert texts == TEXTS
    assert facts.sources == (str(path),)
    assert (facts.texts, facts.blank) == (5, 2)
    assert facts.utf8_bytes == sum(len(text.encode()) for text in TEXTS)
    assert facts.sha256 == sha256("".join(f"{text}\n" for text in TEXTS).encode()).hexdigest()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(texts=LINES)
def test_what_is_written_comes_back_without_the_blank_ones_from_every_format(tmp_path, texts):
    kept = [text for text in texts if text.strip()]
    seen = set()
    for kind, write in WRITERS.items():
        path = tmp_path / f"a.{kind}"
        path.write_bytes(write(texts))
        if not kept:
            with pytest.raises(DataError, match="no texts in"):
                texts_of(path)
            continue
        found, facts = texts_of(path)
        assert found == kept, kind
        seen.add((facts.texts, facts.utf8_bytes, facts.sha256))
    assert len(seen) == bool(kept)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(
    st.lists(st.integers(0, 200_000), min_size=1, max_size=4), st.text("ab 한\u2003", min_size=1, max_size=9)
)
def test_long_lines_are_cut_and_nothing_is_lost(tmp_path, lengths, word):
    lines = ["x" + (word * (length // len(word) + 1))[:length] for length in lengths]
    for kind in ("txt", "jsonl"):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(WRITERS[kind](lines))
        pieces, facts = texts_of(path)
        assert "".join(pieces) == "".join(lines)
        assert max(map(len, pieces)) <= 65_536
        assert facts.texts == len(lines)
        assert facts.sha256 == sha256(("\n".join(lines) + "\n").encode()).hexdigest()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.sampled_from(FORMATS), st.sampled_from(COMPRESSIONS), st.integers(0), st.binary(max_size=9))
def test_a_file_damaged_anywhere_is_read_or_refused_in_one_line(tmp_path, kind, compression, place, junk):
    path = tmp_path / f"a.{kind}{compression}"
    data = pack(WRITERS[kind](TEXTS * 20), compression[1:])
    place %= len(data)
    path.write_bytes(data[:place] + junk + data[place + len(junk) + 1 :])
    said = "read"
    try:
        texts_of(path)
    except DataError as problem:
        said = f"{problem.message} {problem.fix}"
    assert "\n" not in said


def test_several_files_are_one_corpus_in_the_order_given(put, read):
    texts, facts = read(put("b.jsonl.gz", ["one", "two"]), put("a.txt", ["three"]))
    assert texts == ["one", "two", "three"]
    assert facts.texts == 3
    assert [name.rpartition("/")[2] for name in facts.sources] == ["b.jsonl.gz", "a.txt"]


def test_the_last_line_needs_no_end_and_does_not_run_into_the_next_file(put, read):
    assert read(put("a.txt", b"one\ntwo"), put("b.txt", b"three"))[0] == ["one", "two", "three"]


def test_batches_are_about_a_mebibyte_and_each_pass_is_the_same(put):
    texts = [f"text number {i}" for i in range(200_000)]
    corpus = open_corpus([put("a.txt", texts)])
    batches = list(corpus)
    sizes = [sum(len(text) + 1 for text in batch) for batch in batches]
    assert [text for batch in batches for text in batch] == texts
    assert all(2**20 <= size < 2**20 + 2**17 for size in sizes[:-1])
    facts = corpus.facts
    assert list(corpus) == batches
    assert corpus.facts == facts


def test_many_small_files_share_a_batch(put):
    paths = [put(f"many/{i:03}.txt", [f"text {i}"]) for i in range(200)]
    assert [len(batch) for batch in open_corpus([paths[0].parent])] == [200]


def test_facts_are_known_after_a_complete_pass_only(put):
    corpus = open_corpus([put("a.txt", ["one"])])
    for begun in (False, True):
        if begun:
            next(iter(corpus))
        with pytest.raises(RuntimeError, match="after a complete pass"):
            _ = corpus.facts


@pytest.mark.parametrize(
    ("data", "found"),
    [(b"", "nothing to read"), (b"\n\n", "only blank ones (2)"), (b" \r\n\t\n\xc2\xa0\n", "blank ones (3)")],
)
def test_a_corpus_without_texts_is_refused(put, refusal, data, found):
    path = put("a.txt", data)
    assert found in refusal(DataError, path)[0]
    assert refusal(DataError, path)[0].startswith(f"no texts in {path}: ")
    assert refusal(DataError, path, put("b.txt", data))[0].startswith(f"no texts in {path} and 1 more: ")


def test_an_empty_file_among_others_is_no_problem(put, read):
    assert read(put("a.txt", b""), put("b.txt", ["one"]))[0] == ["one"]


def test_stdin_is_read_once_and_a_second_pass_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("one\n둘\n".encode()), encoding="ascii"))
    corpus = open_corpus(["-"])
    assert list(corpus) == [["one", "둘"]]
    assert corpus.facts.sources == ("stdin",)
    with pytest.raises(FileError, match="stdin can be read only once") as caught:
        list(corpus)
    assert "save it to a file" in caught.value.fix


def test_stdin_that_is_not_utf8_is_refused_with_what_to_put_in_front(monkeypatch, refusal):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("é\n".encode("latin-1"))))
    message, fix = refusal(DataError, "-")
    assert message.startswith("stdin is not UTF-8: byte 0xe9 at byte offset 0 (line 1)")
    assert fix == "put it before tokbench: … | iconv -f ISO-8859-1 -t UTF-8 | tokbench … -"


def test_a_file_that_vanished_after_it_was_named_is_refused(put, refusal):
    path = put("a.txt", ["one"])
    corpus = open_corpus([path])
    path.unlink()
    with pytest.raises(FileError, match=r"cannot open .*a\.txt: No such file"):
        list(corpus)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_a_disk_error_while_reading_names_the_file(refusal):
    assert refusal(FileError, "/proc/self/mem")[0] == "cannot read /proc/self/mem: Input/output error"


def test_progress_ends_at_the_bytes_on_disk_and_never_goes_back(put):
    told = []
    paths = [
        put("a.txt.gz", [f"text {i}" for i in range(200_000)]),
        put("b.jsonl", ["x"]),
        put("c.parquet", ["y"]),
    ]
    for _ in open_corpus(paths, progress=lambda *words: told.append(words)):
        pass
    total = sum(path.stat().st_size for path in paths)
    assert {(stage, whole) for stage, _, whole in told} == {("read", total)}
    done = [done for _, done, _ in told]
    assert done == sorted(done)
    assert done[-1] == total
    assert len(told) < 60


def test_progress_over_stdin_knows_no_total(monkeypatch):
    told = []
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\n")))
    list(open_corpus(["-"], progress=lambda *words: told.append(words)))
    assert told[-1] == ("read", 4, None)


@pytest.mark.parametrize("unit", ["word ", "x", " ", "한"])
def test_a_line_of_any_length_streams_in_a_few_mebibytes(tmp_path, unit):
    path = tmp_path / "a.txt"
    mebibyte = (unit * (1 << 20)).encode()[: 5 * 3 << 17]
    with path.open("wb") as file:
        file.writelines([mebibyte] * 24)
        file.write(b"end")
    tracemalloc.start()
    corpus = open_corpus([path])
    longest = max(len(text) for batch in corpus for text in batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert longest <= 65_536
    assert (corpus.facts.texts, corpus.facts.utf8_bytes) == (1, path.stat().st_size)
    assert peak < 8 << 20


@pytest.mark.parametrize("kind", FORMATS)
def test_memory_does_not_grow_with_the_corpus(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(WRITERS[kind]([f"{i} " + "some words of a text " * 100 for i in range(4_000)]))
    tracemalloc.start()
    corpus = open_corpus([path])
    for _ in corpus:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert corpus.facts.utf8_bytes > 8_000_000
    assert peak < 4 << 20


def test_opening_a_corpus_imports_no_heavy_package(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(["one"]))
    code = (
        "import sys; from tokbench.corpus.reading import open_corpus; list(open_corpus([sys.argv[1]]));"
        "heavy = {'pyarrow', 'zstandard', 'numpy', 'torch', 'datasets', 'tokenizers'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.json")], check=True)
