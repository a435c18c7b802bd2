"""What a file is, its first bytes tell: read as that whatever its name says, or refused and never opened."""

import gzip
import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from tokbench.corpus.signatures import not_text, signature_of
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError

from .formats import WRITERS, pack

TEXTS = ["the cat", "안녕 sat", "a mat"]


def as_zip(texts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "\n".join(texts))
    return file.getvalue()


def as_tar(texts):
    file, data = io.BytesIO(), "\n".join(texts).encode()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def as_arrow(texts, opened="new_file"):
    pa = pytest.importorskip("pyarrow")
    file, table = io.BytesIO(), pa.table({"text": list(texts)})
    with getattr(pa.ipc, opened)(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


KINDS = {
    "gzip data": lambda texts: pack(WRITERS["txt"](texts), "gz"),
    "zstd data": lambda texts: pack(WRITERS["txt"](texts), "zst"),
    "xz data": lambda texts: pack(WRITERS["txt"](texts), "xz"),
    "bzip2 data": lambda texts: pack(WRITERS["txt"](texts), "bz2"),
    "a parquet file": WRITERS["parquet"],
    "a zip archive": as_zip,
    "a tar archive": as_tar,
    "an Arrow file": as_arrow,
    "a stream of Arrow, as the datasets library keeps": lambda texts: as_arrow(texts, "new_stream"),
}


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("name", ["a.txt", "a", "a.zzz"])
def test_a_file_under_another_name_is_read_as_what_it_is_and_that_is_said(put, read, what, name):
    path = put(name, KINDS[what](TEXTS))
    texts, facts = read(path)
    assert texts == TEXTS
    assert any(f"{path}: it is {what}, and read as" in note for note in facts.notes)


def test_what_is_packed_is_looked_into(put, read, refusal):
    assert read(put("a.gz", gzip.compress(as_tar(TEXTS))))[0] == TEXTS
    assert read(put("a.txt.gz", gzip.compress(WRITERS["parquet"](TEXTS))))[0] == TEXTS
    path = put("b.txt.gz", gzip.compress(gzip.compress(b"text")))
    assert refusal(DataError, path)[0] == f"{path} is gzip data inside gz data"
    path = put("c.txt.gz", gzip.compress(as_zip(TEXTS)))
    assert refusal(DataError, path)[0] == f"{path} is a zip archive inside gz data"


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("name", ["p.pkl", "p.txt", "p.csv", "p.parquet", "p.arrow", "p.jsonl", "p.txt.gz"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_refused_by_name_and_never_opened(put, name, protocol):
    data = pickle.dumps([Bomb()], protocol=protocol)
    path = put(name, gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(DataError, match="it looks like a pickle") as caught:
        find_sources([path])
    assert "runs code" in caught.value.fix


def test_what_is_no_corpus_is_refused_before_it_is_read(put):
    file = io.BytesIO()
    np.save(file, np.arange(9))
    for data, what in {
        file.getvalue(): "an array of numpy",
        b"\x89HDF\r\n\x1a\n" + bytes(9): "an HDF5 file",
        b"SQLite format 3\0" + bytes(9): "an SQLite database",
        b"%PDF-1.7\n%\xb5\xb5\n": "a PDF",
        (90).to_bytes(8, "little") + b'{"a":1}': "a safetensors file",
        b"FEA1" + bytes(9): "a Feather file of version 1",
    }.items():
        path = put("a.csv", data)
        with pytest.raises(DataError, match=f"is not text: it looks like {what}") as caught:
            find_sources([path])
        assert caught.value.fix


@pytest.mark.parametrize(
    "text", ["PAR1 is a gene", "BZh is a postal code", "%PDF is a word", "ARROW1", "GGUF"]
)
def test_a_text_that_begins_like_another_format_is_a_text(put, read, text):
    path = put("a.txt", [text])
    assert read(path)[0] == [text]
    assert read(path)[1].notes == ()


def test_a_letter_cut_at_the_end_of_what_is_looked_at_is_text():
    assert signature_of(b"PAR1 " + "가".encode()[:2]) is None
    assert not_text("한글".encode("utf-16")) is None
