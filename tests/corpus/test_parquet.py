import sys

import pytest

from tokbench.corpus.reading import open_corpus
from tokbench.errors import DataError, MissingExtraError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def table(tmp_path):
    def written(columns, **options):
        parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet", **options)
        return tmp_path / "a.parquet"

    return written


@pytest.mark.parametrize(
    "kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())]
)
def test_every_kind_of_string_column_is_read_and_null_is_blank(table, read, kind):
    texts, facts = read(table({"text": pyarrow.array(["one", None, "two"], kind)}))
    assert (texts, facts.blank) == (["one", "two"], 1)


def test_many_row_groups_are_read_in_order(table, read):
    texts = [f"text {i}" for i in range(5000)]
    assert read(table({"id": list(range(5000)), "sentence": texts}, row_group_size=77))[0] == texts


def test_a_column_is_named_or_refused_like_in_other_tables(table, read, refusal):
    path = table({"a": ["x"], "b": ["y"]})
    assert read(path, column="b")[0] == ["y"]
    assert refusal(DataError, path)[1] == "name the one with the texts by --column: a ('x'), b ('y')"
    assert refusal(DataError, path, column="c")[0] == f"{path} has no column 'c'"


def test_a_column_of_numbers_or_bytes_is_refused(table, refusal):
    path = table({"text": [1, 2], "raw": [b"a", b"b"]})
    assert refusal(DataError, path)[0] == f"{path}: column 'text' holds int64, not text"
    assert refusal(DataError, path, column="raw")[0] == f"{path}: column 'raw' holds binary, not text"


def test_a_nul_character_is_refused_by_its_row(table, refusal):
    path = table({"text": ["a", "b\0c"]})
    assert refusal(DataError, path)[0] == f"{path}, row 2: the text holds a NUL character"


def test_strings_that_are_not_utf8_are_refused(table, refusal):
    raw = pyarrow.array([b"caf\xe9"], pyarrow.binary())
    broken = pyarrow.StringArray.from_buffers(1, raw.buffers()[1], raw.buffers()[2])
    path = table({"text": broken})
    assert refusal(DataError, path)[0] == f"{path}: a value of column 'text' is not UTF-8"


def test_a_file_that_is_cut_damaged_or_something_else_is_refused(table, refusal):
    path = table({"text": [f"text {i * 7919}" for i in range(9999)]}, compression="zstd")
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[3000:3400] = bytes(400)
    for data in (whole[: len(whole) // 2], whole[:-3], b"", b"PAR1", b"some text\n" * 99, bytes(damaged)):
        path.write_bytes(data)
        assert refusal(DataError, path)[0].startswith(f"{path} is not a whole parquet file: ")


@pytest.mark.parametrize(
    ("name", "package", "message"),
    [
        ("a.parquet", "pyarrow", "reading parquet needs the package pyarrow, which is not installed"),
        ("a.txt.zst", "zstandard", "reading .zst files needs the package zstandard, which is not installed"),
    ],
)
def test_a_missing_package_is_told_before_anything_is_read(put, monkeypatch, name, package, message):
    path = put(name, b"never read")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        open_corpus([path])
    assert caught.value.message == message
    assert caught.value.fix == "pip install 'tokbench[data]'"
