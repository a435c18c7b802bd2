"""Small inputs in the formats that people have, made here."""

import pytest
from tokenizers import ByteLevelBPETokenizer

from tests.formats.texts import TEXTS, WORDS


@pytest.fixture
def vocab_txt(tmp_path):
    """An uncased vocab.txt of BERT's kind in a folder of its own."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", "##ing", "##\u1100", "hell"]
    (tmp_path / "bert").mkdir()
    path = tmp_path / "bert" / "vocab.txt"
    path.write_text("\n".join(pieces) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained_bytes():
    """Byte-level BPE of 400 tokens, trained by the library."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(TEXTS, vocab_size=400, min_frequency=1, special_tokens=["<|endoftext|>"])
    return tokenizer
