import os
from pathlib import Path

import pytest

from tokbench.errors import FileError
from tokbench.io.atomic import ensure_writable


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def refusal(out: Path, *, force: bool) -> str:
    with pytest.raises(FileError) as caught:
        ensure_writable(out, force=force)
    assert caught.value.fix
    return f"{caught.value.message} | {caught.value.fix}"


def test_a_free_place_is_given_as_an_absolute_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert ensure_writable(Path("new")) == tmp_path / "new"
    assert ensure_writable(tmp_path / "a" / "b" / "c") == tmp_path / "a" / "b" / "c"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_needs_force(tmp_path):
    out = fill(tmp_path / "out", "tokenizer.json")
    assert "--force" in refusal(out, force=False)
    assert ensure_writable(out, force=True) == out


@pytest.mark.parametrize(
    "sign", ["tokenizer.json", "config.json", "tokbench.toml", "model.safetensors", "metrics.json"]
)
def test_force_takes_a_folder_that_is_one_of_ours(tmp_path, sign):
    out = fill(
        tmp_path / "out", sign, "README.md", "1_Pooling/config.json", "runs/events.out.tfevents.1", "LICENSE"
    )
    assert ensure_writable(out, force=True) == out


def test_force_takes_an_empty_folder(tmp_path):
    (tmp_path / "out").mkdir()
    ensure_writable(tmp_path / "out", force=True)


FOREIGN = ["thesis.docx", "train.py", ".git/HEAD", "photos/cat.jpg", ".venv/pyvenv.cfg", "Makefile"]


@pytest.mark.parametrize("name", FOREIGN)
def test_force_never_takes_what_is_somebodys_own(tmp_path, name):
    out = fill(tmp_path / "out", "tokenizer.json", name)
    assert Path(name).parts[0] in refusal(out, force=True)


def test_force_does_not_take_a_folder_that_says_nothing(tmp_path):
    assert "nothing in it says" in refusal(fill(tmp_path / "out", "notes.txt"), force=True)


def test_the_folder_you_are_in_and_those_above_are_not_taken(monkeypatch, tmp_path):
    here = fill(tmp_path / "a", "tokenizer.json")
    monkeypatch.chdir(here)
    for out in (Path(), here, Path("../a"), Path(".."), Path("/")):
        assert "you are in" in refusal(out, force=True)


def test_the_home_folder_is_not_taken(monkeypatch, tmp_path):
    home = fill(tmp_path / "users" / "me", "config.json")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir("/")
    assert "home" in refusal(home, force=True)
    assert "home" in refusal(home.parent, force=True)


def test_a_file_in_the_way_is_named(tmp_path):
    fill(tmp_path, "out")
    assert "is a file" in refusal(tmp_path / "out", force=True)
    assert "is a file" in refusal(tmp_path / "out" / "deeper" / "still", force=True)


def test_a_link_is_not_written_through(tmp_path):
    fill(tmp_path / "victim", "tokenizer.json")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert str(tmp_path / "victim") in refusal(tmp_path / "link", force=True)
    assert "is a link" in refusal(tmp_path / "dangling", force=True)


def test_a_link_on_the_way_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert ensure_writable(tmp_path / "link" / "out") == tmp_path / "real" / "out"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_place_is_told_before_any_work(tmp_path):
    tmp_path.chmod(0o500)
    assert "read-only" in refusal(tmp_path / "out", force=False)
    tmp_path.chmod(0o700)


def test_a_name_too_long_is_one_sentence(tmp_path):
    assert "nothing can be written" in refusal(tmp_path / ("n" * 300), force=False)
