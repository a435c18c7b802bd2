"""What is kept in the user's cache folder is whole or made again, and a user may have no such folder."""

import os
from pathlib import Path

import pytest

from tokbench.io import cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "TROUBLES", {})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tokbench"


def test_what_was_kept_is_not_made_again(folder):
    assert cache.get_or_make("name", lambda: b"made") == b"made"
    assert cache.get_or_make("name", lambda: b"made anew") == b"made"


@pytest.mark.parametrize("damage", [lambda old: old[:-1], lambda old: old + b"x", lambda old: b""])
def test_what_is_damaged_is_made_again(folder, damage):
    cache.put_in_cache("name", b"made")
    path = folder / "name"
    path.write_bytes(damage(path.read_bytes()))
    assert cache.read_cached("name") is None
    assert cache.get_or_make("name", lambda: b"made anew") == b"made anew"
    assert cache.is_cached("name")


def test_a_user_without_a_home_keeps_nothing_and_loses_nothing(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def unknown(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    assert cache.get_or_make("name", lambda: b"made") == b"made"
    assert cache.read_cached("name") is None


def open_folder(path):
    path.parent.chmod(0o777)


def open_file(path):
    path.chmod(0o666)


def group_file(path):
    path.chmod(0o664)


def open_folder_above(path):
    path.parent.parent.chmod(0o777)


def strangers_file(path):
    os.chown(path, 65534, -1)


def strangers_folder(path):
    os.chown(path.parent, 65534, -1)


def strangers_folder_above(path):
    os.chown(path.parent.parent, 65534, -1)


OPENINGS = [open_folder, open_file, group_file, open_folder_above]
GIFTS = [strangers_file, strangers_folder, strangers_folder_above]


@pytest.mark.parametrize(
    "opening",
    [
        *OPENINGS,
        *(
            pytest.param(
                gift, marks=pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")
            )
            for gift in GIFTS
        ),
    ],
)
def test_what_others_could_have_written_is_not_read_and_that_is_said(folder, opening):
    cache.put_in_cache("name", b"made")
    assert cache.read_cached("name") == b"made"
    opening(folder / "name")
    assert cache.read_cached("name") is None
    assert cache.get_or_make("name", lambda: b"made anew") == b"made anew"
    [said] = cache.TROUBLES.values()
    assert said.startswith(f"what is in the cache {folder} is not used: ")
    assert "others may write to" in said or "belongs to another user" in said


def test_a_cache_above_which_others_may_write_but_not_move_is_used(folder):
    cache.put_in_cache("name", b"made")
    folder.parent.chmod(0o1777)  # as /tmp
    assert cache.read_cached("name") == b"made"


def test_a_cache_that_cannot_be_written_is_said(folder):
    folder.write_text("a file in the way")
    assert cache.get_or_make("name", lambda: b"made") == b"made"
    assert cache.get_or_make("other", lambda: b"made") == b"made"
    [said] = cache.TROUBLES.values()
    assert said.startswith("every run makes anew what the cache could keep: ")
