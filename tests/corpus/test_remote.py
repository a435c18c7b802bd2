"""Files behind URLs are read as they stream in, by the same code for every protocol that fsspec knows."""

import functools
import http.server
import threading
import tracemalloc

import pytest

from tokbench.corpus.reading import as_corpus, open_corpus
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError, FileError

from .formats import WRITERS, as_txt, pack
from .test_archives import FOLDER, TEXTS, archived

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory():
    disk = fsspec.filesystem("memory")
    disk.rm("/tb", recursive=True) if disk.exists("/tb") else None
    yield lambda name, data: disk.pipe(f"/tb/{name}", data)
    disk.rm("/tb", recursive=True)


@pytest.fixture
def server(tmp_path):
    """The address of a server that gives the files of a folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl.gz", "a.csv.zst", "a.parquet", "a.json"])
@pytest.mark.parametrize("protocol", ["file", "memory"])
def test_a_file_behind_a_url_is_read_like_one_here(put, memory, read, tmp_path, name, protocol):
    texts = ["one", "two 안녕", "three"]
    path = put(name, texts)
    memory(name, path.read_bytes())
    url = f"file://{path}" if protocol == "file" else f"memory://tb/{name}"
    found, facts = read(url)
    assert found == texts
    assert facts.sha256 == read(path)[1].sha256
    assert open_corpus([url]).size == path.stat().st_size


def test_a_folder_and_a_glob_give_their_files_sorted(memory, read):
    for name in ("b.txt", "a.txt", ".h.txt", "c/d.jsonl", "e.md"):
        memory(f"in/{name}", b'"x"\n')
    assert [source.name for source in find_sources(["memory://tb/in"])] == [
        f"memory:///tb/in/{name}" for name in ("a.txt", "b.txt", "c/d.jsonl")
    ]
    assert len(find_sources(["memory://tb/in/*.txt"])) == 3


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_behind_a_url_is_read(memory, read, kind):
    memory(f"x.{kind}", archived(kind, FOLDER))
    assert read(f"memory://tb/x.{kind}")[0] == TEXTS


def test_a_file_of_another_suffix_is_told_by_its_first_bytes(memory, read):
    memory("what", WRITERS["parquet"](["one"]))
    assert read("memory://tb/what")[0] == ["one"]


def test_the_same_file_twice_is_read_once(memory, read):
    memory("a.txt", b"one\n")
    assert read("memory://tb/a.txt", "memory://tb/a.txt")[0] == ["one"]


def test_a_url_among_a_list_makes_it_a_list_of_paths(memory):
    memory("a.txt", b"one\n")
    assert [list(batch) for batch in as_corpus(["memory://tb/a.txt"])] == [["one"]]


def test_what_is_not_there_and_what_nobody_speaks_are_one_sentence(refusal, memory):
    memory("a.md", b"x")
    url = "memory://tb/none.txt"
    assert refusal(FileError, url)[0] == f"cannot read {url}: there is no such file"
    assert refusal(FileError, "memory://tb")[0].startswith("memory://tb holds no file to read")
    assert refusal(FileError, "zz://a/b.txt")[0].startswith("cannot read zz://a/b.txt: ")


def test_a_missing_package_is_named_with_its_pip_install(refusal, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    message, fix = refusal(FileError, "s3://bucket/a.txt")
    assert message == "cannot read s3://bucket/a.txt: s3:// needs the package s3fs"
    assert fix == "pip install s3fs"


def test_over_http_a_file_streams_in(put, read, server):
    pytest.importorskip("aiohttp")
    put("a.txt", as_txt(["one", "two"]))
    put("b.txt.gz", pack(as_txt(["three"]), "gz"))
    put("c.parquet", WRITERS["parquet"](["four"]))
    names = ("a.txt", "b.txt.gz", "c.parquet")
    assert read(*(f"{server}/{name}" for name in names))[0] == ["one", "two", "three", "four"]


def test_over_http_a_missing_file_and_a_silent_server_are_one_sentence(refusal, server):
    pytest.importorskip("aiohttp")
    assert "there is no such file" in refusal(FileError, f"{server}/none.txt")[0]
    assert refusal(FileError, "http://127.0.0.1:9/a.txt")[0].startswith(
        "cannot read http://127.0.0.1:9/a.txt: "
    )


def test_memory_does_not_grow_with_the_file(put):
    path = put("a.txt", b"a line of some words\n" * 2_000_000)
    tracemalloc.start()
    try:
        assert sum(len(batch) for batch in open_corpus([f"file://{path}"])) == 2_000_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_a_bad_byte_is_placed_and_the_hint_fetches_the_file(memory, refusal):
    memory("a.txt", "un café fermé\n".encode("latin-1"))
    message, fix = refusal(DataError, "memory://tb/a.txt")
    assert "is not UTF-8: byte 0xe9 at byte offset 6 (line 1)" in message
    assert fix.startswith('python -c "import fsspec')
    assert fix.endswith("| iconv -f ISO-8859-1 -t UTF-8 > a.utf8.txt")
