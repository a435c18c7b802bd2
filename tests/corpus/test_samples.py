import pytest

from tokbench.corpus.samples import shipped
from tokbench.errors import FileError


def test_the_shipped_corpora_are_found_with_their_licence():
    assert shipped().is_dir()
    assert shipped("LICENSE.md").is_file()


def test_an_unknown_corpus_names_the_nearest():
    with pytest.raises(FileError) as caught:
        shipped("LICENCE.md")
    assert caught.value.message == "tokbench ships no corpus 'LICENCE.md'"
    assert caught.value.fix == "did you mean LICENSE.md?"


@pytest.mark.parametrize("name", ["../README.md", "/etc/passwd", "no-such"])
def test_nothing_outside_is_shipped(name):
    with pytest.raises(FileError, match="ships no corpus"):
        shipped(name)
