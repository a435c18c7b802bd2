"""Measures that are one number over another: how many tokens a word, a byte, a language costs.

Each is 0.0 where there is nothing to divide by, so that an empty corpus has a row like any other.
"""

from __future__ import annotations


def share(part: float, whole: float) -> float:
    """Part ÷ whole.

    >>> share(1, 4), share(0, 0)
    (0.25, 0.0)
    """
    return part / whole if whole else 0.0


def fertility(*, tokens: int, words: int) -> float:
    """Tokens ÷ words, tokens of punctuation included; 1 is a token a word, less is shorter.

    Rust et al. 2021, "How Good is Your Tokenizer?", section 4: the mean number of subwords a word.

    >>> fertility(tokens=6, words=4)
    1.5
    """
    return share(tokens, words)


def bytes_per_token(*, utf8_bytes: int, tokens: int) -> float:
    """UTF-8 bytes ÷ tokens; more is shorter. Compares tokenizers on one corpus, not scripts with each other.

    >>> bytes_per_token(utf8_bytes=len("日本".encode()), tokens=2)
    3.0
    """
    return share(utf8_bytes, tokens)


def characters_per_token(*, characters: int, tokens: int) -> float:
    """Code points ÷ tokens; more is shorter.

    >>> characters_per_token(characters=len("日本"), tokens=2)
    1.0
    """
    return share(characters, tokens)


def unknown_rate(*, unknown: int, tokens: int) -> float:
    """Unknown tokens ÷ tokens: what the model will never see.

    >>> unknown_rate(unknown=1, tokens=50)
    0.02
    """
    return share(unknown, tokens)


def continued_rate(*, continued: int, words: int) -> float:
    """Words of two tokens or more ÷ words.

    Rust et al. 2021, "How Good is Your Tokenizer?", section 4: the proportion of continued words.

    >>> continued_rate(continued=1, words=4)
    0.25
    """
    return share(continued, words)


def parity(*, tokens: int, tokens_of_base: int) -> float:
    """Tokens of a language ÷ tokens of the base language, for the same content; 1 is fair.

    Petrov et al. 2023, "Language Model Tokenizers Introduce Unfairness Between Languages", section 2: the
    tokenization premium, here of all lines together.

    >>> parity(tokens=300, tokens_of_base=200)
    1.5
    """
    return share(tokens, tokens_of_base)


def bits_per_byte(*, bits: float, utf8_bytes: int) -> float:
    """Bits that a language model needs for a text ÷ the text's UTF-8 bytes; less is better.

    Bits are -log2 of the likelihood, summed over the tokens, so models with different tokenizers compare:
    Gao et al. 2020, "The Pile: An 800GB Dataset of Diverse Text for Language Modeling", section 3.1,
    (L_T / L_B) · loss / ln 2 with the loss a token in nats. A token that stands for text it lost, such as
    [UNK], is cheap for its bytes: then the number flatters.

    >>> bits_per_byte(bits=24.0, utf8_bytes=len("日本".encode()))
    4.0
    """
    return share(bits, utf8_bytes)
