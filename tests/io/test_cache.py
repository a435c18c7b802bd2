"""What is kept in the user's cache folder is whole or made again, and a user may have no such folder."""

from pathlib import Path

import pytest

from tokbench.io import cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
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
