"""Archives are read like the folder that was packed: member after member, and nothing lands on the disk."""

import io
import random
import subprocess
import tarfile
import tracemalloc
import zipfile

import pytest

from tokbench.corpus.reading import open_corpus
from tokbench.corpus.records import records
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError, FileError

from .formats import WRITERS, pack, texts_of

FOLDER = {
    "a.txt": b"one\ntwo\n",
    "b/c.jsonl": b'{"text": "three"}\n',
    "b/d.csv.gz": pack(b"id,text\n1,four\n", "gz"),
    "e.txt": b"five",
}
LEFT_OUT = {".hidden.txt": b"no\n", "b/.git/x.txt": b"no\n", "__MACOSX/a.txt": b"no\n"}
TEXTS = ["one", "two", "three", "four", "five"]
KINDS = ("zip", "tar", "tar.gz", "tgz", "tar.zst", "tar.xz", "tar.bz2")
SHORT = {"tgz": "gz"}


def zipped(files, kind=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def archived(kind, files):
    if kind == "zip":
        return zipped(files)
    return pack(tarred(files), SHORT.get(kind, kind.partition(".")[2]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_one_source_and_is_read_like_the_folder_that_was_packed(put, read, tmp_path, kind):
    path = put(f"x.{kind}", archived(kind, FOLDER | LEFT_OUT))
    for name, data in FOLDER.items():
        put(f"folder/{name}", data)
    assert len(find_sources([path])) == 1
    texts, facts = read(path)
    wanted = read(tmp_path / "folder")[1]
    assert texts == TEXTS
    assert (facts.sha256, facts.texts, facts.utf8_bytes) == (wanted.sha256, wanted.texts, wanted.utf8_bytes)


def test_a_zip_is_read_by_name_and_a_tar_as_it_stands(put, read):
    files = {"b.txt": b"two\n", "a.txt": b"one\n"}
    assert read(put("x.zip", zipped(files)))[0] == ["one", "two"]
    assert read(put("x.tar", tarred(files)))[0] == ["two", "one"]


@pytest.mark.parametrize("kind", KINDS)
def test_parquet_and_arrow_inside_are_read_too(put, read, kind):
    pytest.importorskip("pyarrow")
    from .test_signatures import as_arrow

    files = {"a.parquet": WRITERS["parquet"](["one"]), "b.arrow": as_arrow(["two"])}
    assert read(put(f"x.{kind}", archived(kind, files)))[0] == ["one", "two"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_files_of_other_kinds_are_passed_over_and_counted(put, read, kind):
    path = put(f"x.{kind}", archived(kind, FOLDER | {"a.png": b"\x89PNG", "inner.zip": b"PK"}))
    texts, facts = read(path)
    assert texts == TEXTS
    assert f"{path}: 2 files in it with other suffixes passed over" in facts.notes


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_with_nothing_to_read_is_refused(put, refusal, kind):
    path = put(f"x.{kind}", archived(kind, {"a.png": b"\x89PNG"}))
    assert refusal(FileError, path)[0].startswith(f"{path} holds no file to read (.txt .csv")


def test_links_are_passed_over(put, read):
    made = io.BytesIO(tarred({"a.txt": b"one\n"}))
    with tarfile.open(fileobj=made, mode="a") as archive:
        for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "a.txt")):
            info = tarfile.TarInfo("l.txt")
            info.type, info.linkname = kind, target
            archive.addfile(info)
    assert read(put("x.tar", made.getvalue()))[0] == ["one"]


def test_names_that_lead_out_of_the_archive_write_nothing(put, read, tmp_path):
    for kind in ("zip", "tar"):
        folder = tmp_path / kind / "deep"
        path = put(
            f"{kind}/deep/x.{kind}", archived(kind, {"../out.txt": b"one\n", "/tmp/abs.txt": b"two\n"})
        )
        assert sorted(read(path)[0]) == ["one", "two"]
        assert [each.name for each in folder.iterdir()] == [f"x.{kind}"]
        assert [each.name for each in folder.parent.iterdir()] == ["deep"]


def test_an_encrypted_zip_is_refused(put, refusal):
    data = bytearray(zipped({"a.txt": b"secret\n"}, zipfile.ZIP_STORED))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    path = put("x.zip", bytes(data))
    message, fix = refusal(DataError, path)
    assert message == f"{path} is encrypted (a.txt)"
    assert "with its password" in fix


def test_a_spreadsheet_is_refused_with_the_way_out(put, refusal):
    path = put("a.xlsx", zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}))
    message, fix = refusal(DataError, path)
    assert message == f"{path} is a spreadsheet of Excel, which has no one text a row"
    out = str(path).replace("xlsx", "csv")
    assert fix == (
        "export it as CSV, or with pandas: "
        f"python -c \"import pandas; pandas.read_excel('{path}').to_csv('{out}', index=False)\""
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("word/document.xml", "a Word document"),
        ("ppt/slide.xml", "a PowerPoint document"),
        ("arr_0.npy", "an .npz file of numpy"),
        ("archive/data.pkl", "a checkpoint of PyTorch, which holds a pickle"),
    ],
)
def test_other_things_that_are_zips_are_called_by_their_names(put, refusal, name, what):
    path = put("a.bin", zipped({name: b"x"}))
    assert refusal(DataError, path)[0] == f"{path} is {what}, and no corpus"


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_short_is_refused_and_no_text_is_made_up(put, kind):
    draw = random.Random(0)
    files = {f"{number}.txt": f"{draw.getrandbits(20_000):x}".encode() for number in range(30)}
    whole = archived(kind, files)
    for length in (len(whole) // 3, len(whole) // 2 + 700):
        path = put(f"x.{kind}", whole[:length])
        with pytest.raises(DataError, match=r"x\.\S+ is (not a whole|not whole|cut short)") as caught:
            texts_of(path)
        assert caught.value.fix


def test_a_damaged_member_of_a_zip_is_named(put, refusal):
    data = bytearray(zipped({"a.txt": b"one\n" * 900}, zipfile.ZIP_STORED))
    data[200] ^= 1
    path = put("x.zip", bytes(data))
    message, fix = refusal(DataError, path)
    assert message.startswith(f"{path}/a.txt is not whole")
    assert fix == f"get the archive again, then try: unzip -t {path}"


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_the_hint_for_another_encoding_takes_the_member_out(put, refusal, kind, tmp_path):
    path = put(f"x.{kind}", archived(kind, {"a b.txt": "un café fermé\n".encode("latin-1")}))
    message, fix = refusal(DataError, path)
    assert message.startswith(f"{path}/a b.txt is not UTF-8: byte 0xe9")
    subprocess.run(fix, shell=True, check=True, cwd=tmp_path)
    assert (tmp_path / "a b.utf8.txt").read_text(encoding="utf-8") == "un café fermé\n"


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_memory_does_not_grow_with_the_archive(put, kind):
    line = b"a line of some words\n" * 50
    many = put(
        f"x.{kind}", archived(kind, {"big.txt": line * 8000} | {f"m{n}.txt": line for n in range(3000)})
    )
    tracemalloc.start()
    try:
        assert sum(len(batch) for batch in open_corpus([many])) == 50 * 11_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # a zip's directory is held, 3,000 entries of about 1 KiB; a tar has none
    assert peak < (16 << 20 if kind == "zip" else 12 << 20)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_progress_ends_at_the_archives_size(put, kind):
    path = put(f"x.{kind}", archived(kind, FOLDER))
    seen = []
    list(open_corpus([path], progress=lambda stage, done, total=None: seen.append((done, total))))
    size = path.stat().st_size
    assert seen[-1] == (size, size)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_rows_of_the_tables_inside_name_their_member(put):
    [source] = find_sources([put("x.zip", zipped({"a.jsonl": b'{"n": 1}\n', "b.csv": b"n\n2\n"}))])
    assert list(records(source)) == [("a.jsonl line 1", {"n": 1}), ("b.csv line 2", {"n": "2"})]


def test_an_archive_in_a_folder_must_be_named(put, read, tmp_path):
    put("d/a.txt", b"one\n")
    path = put("d/x.zip", zipped({"b.txt": b"two\n"}))
    assert read(tmp_path / "d")[0] == ["one"]
    assert read(tmp_path / "d", path)[0] == ["one", "two"]
