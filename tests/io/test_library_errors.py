"""The library's errors and panics become ours; everything else passes as it is."""

import os

import pytest
from tokenizers import Tokenizer

from tokbench.errors import DataError, FileError, RecipeError
from tokbench.io.library_errors import library_errors_as, parse_tokenizer, wrap_library_errors
from tokbench.recipes.registry import recipe_errors


class PanicException(BaseException):
    """What the Rust library raises when it breaks; it cannot be imported."""


def test_a_broken_description_is_one_sentence_about_its_file():
    with pytest.raises(FileError, match=r"^x\.json is not a tokenizer the library can use: "):
        parse_tokenizer("{}", name="x.json")


def test_a_panic_is_silent_on_stderr_and_other_output_is_handed_on(capfd):
    def panic():
        os.write(2, b"thread panicked")
        raise PanicException("index out of bounds")

    with pytest.raises(FileError, match="index out of bounds"), wrap_library_errors("x"):
        panic()
    with wrap_library_errors("x"):
        os.write(2, b"progress")
    assert capfd.readouterr().err == "progress"


def test_what_is_handed_on_does_not_drive_a_terminal(capfd):
    with wrap_library_errors("x"):
        os.write(2, "Token '\x1b]0;pwn\x07\x9b31m' \u202e\n\tan é\n".encode() + b"\xff")
    assert capfd.readouterr().err == "Token '\\x1b]0;pwn\\x07\\x9b31m' \\u202e\n\tan é\n\\xff"


@pytest.mark.parametrize("error", [ValueError("ours"), KeyboardInterrupt(), DataError("ours")])
def test_what_is_not_the_librarys_passes(error):
    with pytest.raises(type(error)), wrap_library_errors("x"):
        raise error


def test_a_recipe_error_says_whether_the_library_refused_or_broke():
    with pytest.raises(RecipeError, match=r"^normalizer X: not so$"), recipe_errors("normalizer X"):
        raise ValueError("not so")
    with pytest.raises(RecipeError, match="breaks the library"), recipe_errors("normalizer X"):
        raise PanicException("index")
    with pytest.raises(DataError), library_errors_as(RecipeError, also=(Exception,)):
        raise DataError("ours")


def test_the_library_raises_bare_exceptions():
    with pytest.raises(Exception) as caught:  # noqa: PT011
        Tokenizer.from_str("{}")
    assert type(caught.value) is Exception
