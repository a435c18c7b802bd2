"""Arrow files, streams and Feather give what a plain file of the same texts gives, packed or not."""

import tracemalloc

import pytest

from tokbench.corpus.records import records
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError

from .formats import as_txt, pack

pa = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")
TEXTS = [f"text number {number} 안녕" for number in range(700)]


@pytest.fixture
def table(tmp_path):
    def written(name, columns, opened="new_file", rows=300):
        data = pa.table(columns)
        with (
            pa.OSFile(str(tmp_path / name), "wb") as file,
            getattr(pa.ipc, opened)(file, data.schema) as writer,
        ):
            writer.write_table(data, max_chunksize=rows)
        return tmp_path / name

    return written


@pytest.mark.parametrize("opened", ["new_file", "new_stream"])
@pytest.mark.parametrize("compression", ["", "gz", "zst", "xz"])
def test_a_file_and_a_stream_are_read_like_plain_text(table, put, read, opened, compression):
    path = table("a.arrow", {"id": list(range(700)), "text": TEXTS}, opened)
    wanted = read(put("a.txt", as_txt(TEXTS)))[1]
    if compression:
        path = put(f"b.arrow.{compression}", pack(path.read_bytes(), compression))
    texts, facts = read(path)
    assert texts == TEXTS
    assert (facts.sha256, facts.texts) == (wanted.sha256, wanted.texts)


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather_is_read(tmp_path, read, compression):
    feather.write_feather(pa.table({"text": TEXTS}), str(tmp_path / "a.feather"), compression=compression)
    assert read(tmp_path / "a.feather")[0] == TEXTS


def test_dictionaries_large_strings_and_missing_values_are_texts(table, read):
    kinds = {
        "dictionary": pa.array(["a", None, "a"]).dictionary_encode(),
        "large": pa.array(["a", None, "a"], pa.large_string()),
    }
    for name, values in kinds.items():
        texts, facts = read(table(f"{name}.arrow", {"text": values}))
        assert (texts, facts.blank) == (["a", "a"], 1)


@pytest.mark.parametrize("opened", ["new_file", "new_stream"])
def test_a_wrong_column_lists_all_with_a_value_each(table, refusal, opened):
    path = table("a.arrow", {"n": [1, 2], "body": ["one", "two"]}, opened)
    assert refusal(DataError, path)[1] == "name the one with the texts by --column: n (1), body ('one')"
    assert refusal(DataError, path, column="bodi")[1] == "did you mean body? it has: n (1), body ('one')"


def test_a_column_of_lists_or_numbers_is_refused_in_a_sentence(table, refusal):
    path = table("a.arrow", {"text": [["a", "b"]], "n": [1]})
    message, fix = refusal(DataError, path)
    assert message.startswith(f"{path}: column 'text' holds lists (list<")
    assert "join each list into one string" in fix
    assert refusal(DataError, path, column="n")[0] == f"{path}: column 'n' holds int64, not text"


@pytest.mark.parametrize("opened", ["new_file", "new_stream"])
@pytest.mark.parametrize("compression", ["", "gz"])
def test_a_file_cut_short_is_refused(table, put, opened, compression, read):
    whole = table("a.arrow", {"text": TEXTS}, opened).read_bytes()
    for length in (9, len(whole) // 2):
        data = pack(whole[:length], compression) if compression else whole[:length]
        path = put(f"b.arrow{compression and '.gz'}", data)
        with pytest.raises(DataError, match="is not a whole Arrow file"):
            read(path)


def test_what_is_no_arrow_is_refused(put, refusal):
    path = put("a.arrow", b"just text\n" * 9)
    assert refusal(DataError, path)[0].startswith(f"{path} is not a whole Arrow file: ")
    assert "is not a whole Arrow file" in refusal(DataError, put("b.arrow", b""))[0]


def test_rows_come_whole_with_all_columns(table):
    [source] = find_sources([table("a.arrow", {"n": [1, 2], "text": ["one", None]})])
    assert list(records(source)) == [("row 1", {"n": 1, "text": "one"}), ("row 2", {"n": 2, "text": None})]


def test_memory_does_not_grow_with_the_file(table, read):
    path = table("a.arrow", {"text": ["x" * 1000] * 40_000}, rows=100_000)
    tracemalloc.start()
    try:
        from tokbench.corpus.reading import open_corpus

        assert sum(len(batch) for batch in open_corpus([path])) == 40_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
