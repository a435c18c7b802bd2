import os

import pytest

from tokbench.corpus.sources import find_sources
from tokbench.errors import FileError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n")


def names(*paths):
    return [source.name for source in find_sources(paths)]


def refused(*paths):
    with pytest.raises(FileError) as caught:
        find_sources(paths)
    return caught.value.message, caught.value.fix


@pytest.mark.parametrize(
    ("name", "kind", "compression"),
    [
        ("a.txt", "txt", ""),
        ("a.TXT.GZ", "txt", "gz"),
        ("a.csv.zst", "csv", "zst"),
        ("a.tsv.xz", "tsv", "xz"),
        ("a.json.bz2", "json", "bz2"),
        ("a.jsonl", "jsonl", ""),
        ("a.ndjson", "jsonl", ""),
        ("a.v2.parquet", "parquet", ""),
        ("notes.md", "txt", ""),
        ("notes.gz", "txt", "gz"),
        ("notes", "txt", ""),
    ],
)
def test_a_named_files_suffixes_say_format_and_compression(here, name, kind, compression):
    touch(here / name)
    [source] = find_sources([name])
    assert (source.format, source.compression, source.size) == (kind, compression, 2)


def test_a_dash_is_stdin():
    [source] = find_sources(["-"])
    assert (source.name, source.path, source.format) == ("stdin", None, "txt")


def test_a_path_alone_may_be_given_without_a_list(here):
    touch(here / "a.txt")
    assert names(here / "a.txt") == [str(source.path) for source in find_sources(here / "a.txt")]


def test_a_folder_gives_its_known_files_sorted_however_deep(here):
    touch(here / "d/b.txt", here / "d/a/z.csv.gz", here / "d/README.md", here / "d/c.png")
    assert names("d") == ["d/a/z.csv.gz", "d/b.txt"]


def test_hidden_files_and_folders_are_passed_over(here):
    touch(here / "d/a.txt", here / "d/.b.txt", here / "d/.git/c.txt")
    assert names("d") == ["d/a.txt"]


def test_links_to_folders_are_followed_but_never_round(here):
    touch(here / "d/a.txt", here / "e/b.txt")
    (here / "d/round").symlink_to(here / "d")
    (here / "d/round2").symlink_to(here / "d")
    (here / "d/far").symlink_to(here / "e")
    assert names("d") == ["d/a.txt", "d/far/b.txt"]
    assert names("d/**/*.txt") == ["d/a.txt", "d/far/b.txt"]


def test_a_file_reached_twice_is_read_once_where_it_was_named_first(here):
    touch(here / "d/a.txt", here / "d/b.txt")
    (here / "d/c.txt").symlink_to("a.txt")
    assert names("d/b.txt", "d", "d/*.txt") == ["d/b.txt", "d/a.txt"]


def test_globs_are_expanded_and_sorted(here):
    touch(here / "b.txt", here / "a.txt", here / "c.csv", here / ".h.txt", here / "d/e/f.txt")
    assert names("*.txt") == ["a.txt", "b.txt"]
    assert names("**/*.txt") == ["a.txt", "b.txt", "d/e/f.txt"]
    assert names("d/**") == ["d/e/f.txt"]
    assert names(f"{here}/[bc].*") == [f"{here}/b.txt", f"{here}/c.csv"]


def test_a_folder_in_a_glob_is_read_like_a_folder(here):
    touch(here / "en/a.txt", here / "en/a.md", here / "ko/b.txt", here / "zh/c.md")
    assert names("*") == ["en/a.txt", "ko/b.txt"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(here):
    touch(here / "a[1].txt", here / "a1.txt")
    assert names("a[1].txt") == ["a[1].txt"]


def test_a_glob_without_a_match_says_so_and_where_to_look(here):
    (here / "d").mkdir()
    for pattern in ("d/*.txt", "d/**/*.txt"):
        message, fix = refused(pattern)
        assert message == f"no file matches {pattern}"
        assert fix == "look what is there: ls d"
    assert refused("no/**/x")[0] == "no file matches no/**/x"


def test_a_missing_file_brings_up_its_neighbours(here):
    touch(here / "d/train.txt", here / "d/dev.txt")
    message, fix = refused("d/trian.txt")
    assert message == "there is no file d/trian.txt"
    assert fix == "did you mean d/train.txt?"
    assert refused("d/other.parquet")[1] == "look what is there: ls d"


def test_a_missing_folder_is_named_rather_than_the_file_in_it(here):
    touch(here / "corpora/a.txt")
    message, fix = refused("corpra/deep/a.txt")
    assert message == "there is no file corpra/deep/a.txt: . has no folder corpra"
    assert fix == "did you mean corpora?"


def test_a_path_through_a_file_says_so(here):
    touch(here / "a.txt")
    assert refused("a.txt/b.txt")[0] == "there is no file a.txt/b.txt: a.txt is a file, not a folder"


def test_a_dead_link_names_its_target(here):
    (here / "a.txt").symlink_to("gone.txt")
    assert refused("a.txt")[0] == "a.txt is a link to gone.txt, which does not exist"


def test_a_link_to_itself_is_refused_alone_and_in_a_folder(here):
    (here / "d").mkdir()
    (here / "d/a.txt").symlink_to("a.txt")
    for path in ("d/a.txt", "d", "d/*"):
        assert "d/a.txt: Too many levels of symbolic links" in refused(path)[0]


def test_a_folder_without_known_files_is_refused_with_the_known_suffixes(here):
    touch(here / "d/a.md")
    message, fix = refused("d")
    assert message.startswith("d holds no file to read (.txt .csv .tsv .json .jsonl .ndjson .parquet")
    assert "name a file itself" in fix


def test_pipes_and_devices_are_refused_and_stdin_offered(here):
    os.mkfifo(here / "pipe.txt")
    for path in ("pipe.txt", ".", "/dev/null"):
        message, fix = refused(path)
        assert "is not a regular file" in message
        assert fix.endswith("| tokbench … -")


def test_nothing_named_is_refused():
    assert refused()[0] == "no corpus was named"
    assert refused("")[0] == "the path of a corpus is empty"


def test_a_path_too_long_is_refused(here):
    assert "File name too long" in refused("a" * 5000)[0]


def test_a_name_that_is_no_text_can_still_be_shown(here):
    path = os.fsdecode(b"caf\xe9.txt")
    touch(here / path)
    [source] = find_sources([path])
    assert source.name == "caf\\udce9.txt"
    assert source.path is not None
    assert source.path.read_text() == "a\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="root becomes another user here; others are that already")
def test_a_folder_that_may_not_be_listed_is_named(here):
    touch(here / "d/locked/a.txt")
    for folder in [here, *here.parents]:
        if folder.owner() == "root" and not folder.stat().st_mode & 1:
            folder.chmod(0o711)
    (here / "d/locked").chmod(0)
    os.seteuid(65534)
    try:
        problem = refused("d")
    finally:
        os.seteuid(0)
    assert problem == ("cannot look into folder d/locked: Permission denied", "ls -ld d/locked")
