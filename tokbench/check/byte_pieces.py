"""Rules about the pieces that stand for single bytes, without which some text cannot be written."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.evidence import listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.subject import Subject

NEVER_IN_UTF8 = {0xC0, 0xC1, *range(0xF5, 0x100)}


def byte_alphabet_is_whole(subject: Subject) -> Iterator[Finding]:
    """A byte-level tokenizer has a token for each byte that UTF-8 can contain.

    Cause: trained without initial_alphabet=ByteLevel.alphabet(), so it has the bytes of its corpus only.
    Example: 220 of 256 bytes missing: "café 한국" comes back as "caf "; nothing is said, for byte-level BPE
    has no unknown token.
    Source: HF course #775 (its own page does it), tokenizers #517, gigatoken #20
    """
    levels = subject.has("pre_tokenizer", "ByteLevel") or subject.has("normalizer", "ByteLevel")
    if not levels or subject.kind not in ("BPE", "Unigram"):
        return
    letters = byte_letters()
    missing = [
        byte for byte in range(256) if byte not in NEVER_IN_UTF8 and letters[byte] not in subject.vocabulary
    ]
    if missing:
        yield Finding(
            "TB502",
            "error",
            f"{len(missing)} of the 243 bytes of UTF-8 have no token; text with them is lost",
            listed([f"0x{byte:02X} {quoted(letters[byte])}" for byte in missing], 6),
            "train again with the whole alphabet: tokbench train-bpe corpus.txt",
        )


def byte_fallback_has_its_pieces(subject: Subject) -> Iterator[Finding]:
    """byte_fallback is on exactly where the vocabulary has the pieces <0x00> to <0xFF>.

    Cause: the trainers do not make the pieces; Unigram's sets byte_fallback to false again.
    Example: with byte_fallback and no pieces an unknown character is still <unk>; with pieces and without
    byte_fallback the 256 tokens are never used.
    Source: tokenizers #1515, #1218, PR #1183
    """
    pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    missing = [piece for piece in pieces if piece not in subject.vocabulary]
    falls_back = bool(subject.raw.get("model", {}).get("byte_fallback"))
    if falls_back and missing:
        yield Finding(
            "TB503",
            "error",
            f"byte_fallback is on, but {len(missing)} of its 256 pieces are missing",
            listed(missing),
            "train again with the pieces in the vocabulary, or byte-level: tokbench train-bpe corpus.txt",
        )
    elif not falls_back and not missing and subject.kind in ("BPE", "Unigram"):
        yield Finding(
            "TB503",
            "warning",
            "the 256 byte pieces are in the vocabulary, but byte_fallback is off",
            f"<0x00> = {subject.vocabulary['<0x00>']}",
            'write "byte_fallback": true into model in tokenizer.json',
        )


def byte_letters() -> dict[int, str]:
    """Byte → the printable letter that byte-level tokenizers write for it, as GPT-2 chose them.

    >>> byte_letters()[ord("a")], byte_letters()[ord(" ")]
    ('a', 'Ġ')
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + at) for at, byte in enumerate(others)}
