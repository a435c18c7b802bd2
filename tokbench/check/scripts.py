"""Rules about the scripts of the world: known or not, composed or not, whole or not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from tokbench.check.evidence import listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.passage import normalized, unknowns
from tokbench.check.samples import SAMPLES
from tokbench.check.subject import Subject
from tokbench.errors import plural

TWO_FORMS = "한국어 café"
ALONE = "ㅋㅠ"


def scripts_are_known(subject: Subject) -> Iterator[Finding]:
    """The tokenizer knows the characters of common scripts.

    Cause: the corpus had none of them, or one emoji or long word makes a whole word unknown (WordPiece).
    Example: a model fed with Korean it does not know sees [UNK] [UNK] [UNK].
    Source: tokenizers #408, #1863, transformers #17551
    """
    counts = {name: unknowns(subject, text) for name, text in SAMPLES.items()}
    strange = [f"{name} {unknown} of {tokens}" for name, (unknown, tokens) in counts.items() if unknown]
    hopeless = all(unknown == tokens for unknown, tokens in counts.values())
    if strange:
        yield Finding(
            "TB507",
            "warning" if hopeless else "note",
            "every token of every sample text is unknown"
            if hopeless
            else "some sample texts are not all known",
            f"unknown tokens: {listed(strange, 12)}",
            "train on texts like those it will meet; byte-level BPE knows everything",
        )


def both_forms_are_one_text(subject: Subject) -> Iterator[Finding]:
    """A text gives the same ids whether its accents and syllables are composed (NFC) or not (NFD).

    Cause: no normalizer; file names and some editors on macOS write NFD.
    Example: NFD Korean takes 6 to 9 times the tokens, or is unknown; it looks the same on the screen.
    Source: tokenizers #1975, bert #228
    """
    composed, apart = (
        subject.tokenizer.encode(unicodedata.normalize(form, TWO_FORMS), add_special_tokens=False).ids
        for form in ("NFC", "NFD")
    )
    if composed != apart:
        yield Finding(
            "TB508",
            "note",
            "the same text in NFC and in NFD gives different ids",
            f"{quoted(TWO_FORMS)}: {plural(len(composed), 'token')} in NFC, {len(apart)} in NFD",
            "write texts in NFC before they are encoded, or train with the normalizer NFC",
        )


def syllables_stay_whole(subject: Subject) -> Iterator[Finding]:
    """The normalizer leaves Hangul syllables whole.

    Cause: stripping accents decomposes first: BertNormalizer with lowercase=True does it to Korean too.
    Example: 18 characters become 23 letters; the vocabulary learns parts of syllables, and decode gives text
    that is not NFC.
    Source: bert #135, #228
    """
    text = SAMPLES["Korean"]
    after = normalized(subject, text)
    if any("\u1100" <= letter <= "\u11ff" for letter in after):
        yield Finding(
            "TB509",
            "note",
            "the normalizer takes Korean syllables apart",
            f"{len(text)} characters become {len(after)}",
            "for Korean train with strip_accents=False: tokbench presets korean",
        )


def letters_keep_their_kind(subject: Subject) -> Iterator[Finding]:
    """The normalizer leaves single Korean letters, as in ㅋㅋㅋ and ㅠㅠ, what they are.

    Cause: NFKC, which SentencePiece's nmt_nfkc contains, turns a letter that stands alone into one that
    begins a syllable.
    Example: ㅋ, U+314B, becomes U+110F: it looks much the same, is another character, and decode gives that.
    Source: Unicode, compatibility decomposition of U+3131 to U+318E
    """
    after = [normalized(subject, letter) for letter in ALONE]  # together they would make a syllable
    changed = [
        (before, now) for before, now in zip(ALONE, after, strict=True) if len(now) == 1 and now != before
    ]
    if changed:
        yield Finding(
            "TB510",
            "note",
            "the normalizer turns Korean letters that stand alone into parts of syllables",
            listed([f"{before} U+{ord(before):04X} → U+{ord(now):04X}" for before, now in changed]),
            "for Korean train with the normalizer NFC instead of NFKC: tokbench presets korean",
        )
