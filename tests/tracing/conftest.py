"""The tokenizers of the recipe tests."""

from tests.recipes.conftest import assert_sound, built, texts

__all__ = ["assert_sound", "built", "texts"]
