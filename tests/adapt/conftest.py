"""The models and tokenizers of the model tests."""

from tests.model.conftest import build, family, one_thread, save_model, tokenizer_folder

__all__ = ["build", "family", "one_thread", "save_model", "tokenizer_folder"]
