"""What the tests of this room share: files written in any format, read, or refused."""

import pytest

from .formats import WRITERS, pack, texts_of


@pytest.fixture
def read():
    return texts_of


@pytest.fixture
def refusal():
    """The message and the fix of the error that reading these paths ends in."""

    def told(error, *paths, **options):
        with pytest.raises(error) as caught:
            texts_of(*paths, **options)
        assert "\n" not in caught.value.message
        assert caught.value.fix
        return caught.value.message, caught.value.fix

    return told


@pytest.fixture
def put(tmp_path):
    """Writes bytes, or texts in the format of the name's suffixes."""

    def written(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes):
            kind, _, compression = name.partition(".")[2].partition(".")
            content = pack(WRITERS[kind](content), compression)
        path.write_bytes(content)
        return path

    return written
