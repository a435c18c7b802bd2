"""Rules about what a file of texts shows; they look when --data names one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokbench.checks.findings import Finding, Rule, first_few, quoted
from tokbench.errors import plural

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext
    from tokbench.checks.data_stats import DataStats

MUCH = 0.01  # of the tokens unknown: BERT's own vocabulary has 0.1 % and less on English
DEARER = 1.2  # times the tokens
FULL = 20  # tokens of text for each of the vocabulary, before what is never used says anything


def texts_are_known(context: CheckContext, survey: DataStats) -> Iterator[Finding]:
    """Hardly a token of the texts is unknown.

    Cause: a script or a sign the vocabulary lacks, a letter it has only at the start of words, words of more
    than 100 characters, blocks that do not fit.
    Example: every emoji makes its whole word [UNK] in WordPiece: what was written is lost to the model.
    Source: tokenizers #408, #1863, transformers #17551
    """
    if survey.unknown:
        share = survey.unknown / survey.tokens
        shown = [f"{cause.tokens:,} {cause.reason}" for cause in survey.causes]
        yield Finding(
            f"{share:.2%} of the tokens of {survey.name} are unknown",
            first_few(shown, 3),
            "train on texts like these; byte-level BPE knows everything: tokbench train-bpe " + survey.name,
            severity="warning" if share > MUCH else "note",
        )


def scripts_are_known_in_texts(context: CheckContext, survey: DataStats) -> Iterator[Finding]:
    """No script of the texts is mostly unknown.

    Cause: the corpus had little or nothing of this script.
    Example: a share of Korean in a mostly English file: over all texts 0.5 % unknown, of the Korean all.
    Source: tokenizers #408, #1863
    """
    lost = [each for each in survey.scripts if each.tokens >= FULL and each.unknown > each.tokens / 2]
    if lost:
        yield Finding(
            f"most of what is {first_few([each.script for each in lost])} is unknown",
            first_few([f"{each.script} {each.unknown:,} of {plural(each.tokens, 'token')}" for each in lost]),
            "add texts in that script to the corpus and train again",
        )


def texts_are_composed(context: CheckContext, survey: DataStats) -> Iterator[Finding]:
    """Texts that are not in NFC cost no more tokens for it.

    Cause: file names and some editors on macOS write NFD, and the tokenizer has no normalizer for it.
    Example: NFD Korean takes 6 to 9 times the tokens, or is unknown.
    Source: tokenizers #1975, bert #228
    """
    if survey.decomposed and survey.decomposed_tokens > DEARER * survey.composed_tokens:
        yield Finding(
            f"{plural(survey.decomposed, 'text is', 'texts are')} not in NFC, and cost more for it",
            f"{plural(survey.decomposed_tokens, 'token')} as they are, {survey.composed_tokens:,} in NFC",
            "write the texts in NFC: python -c 'import sys, unicodedata as u;"
            ' sys.stdout.write(u.normalize("NFC", sys.stdin.read()))\'',
        )


def korean_stays_whole(context: CheckContext, survey: DataStats) -> Iterator[Finding]:
    """Hangul syllables of the texts reach the model whole.

    Cause: BertNormalizer with lowercase=True strips accents, for which it takes syllables apart first.
    Example: 한 becomes ᄒ ᅡ ᆫ: three letters instead of one, and decode gives text that is not NFC.
    Source: bert #135, #228
    """
    if survey.taken_apart:
        yield Finding(
            "the normalizer takes the Korean of the texts apart into letters",
            f"{survey.taken_apart:,} of {plural(survey.korean, 'text')} with Hangul looked at",
            "train with strip_accents=False: tokbench presets korean",
        )


def vocabulary_is_used(context: CheckContext, survey: DataStats) -> Iterator[Finding]:
    """Most of the vocabulary occurs in the texts.

    Cause: the tokenizer was trained on other texts, or for other languages.
    Example: of 119,547 tokens of a multilingual BERT Korean texts use 5,000; the rest is 87 MB of rows.
    Source: transformers #15032, tokenizers #1216
    """
    if survey.tokens > FULL * survey.size and survey.used < survey.size / 2:
        yield Finding(
            f"{1 - survey.used / survey.size:.0%} of the vocabulary never occurs in {survey.name}",
            f"{survey.used:,} of {survey.size:,} tokens in {survey.tokens:,} of text",
            "nothing, if other texts will come; else train a smaller vocabulary on these",
        )


def words_have_tokens(context: CheckContext, survey: DataStats) -> Iterator[Finding]:
    """Every word of the texts has a token.

    Cause: a normalizer deletes control and format characters, of which some words consist.
    Example: with a label for each word, those of such words are lost: word_ids 0, 2, 4.
    Source: transformers #8962, tokenizers #2149
    """
    if survey.invisible:
        yield Finding(
            f"{plural(len(survey.invisible), 'word')} of {survey.name} without any token at all",
            first_few([quoted(word) for word in survey.invisible]),
            "drop such words, together with their labels, before training",
        )


def texts_fit(context: CheckContext, survey: DataStats) -> Iterator[Finding]:
    """The texts are not longer than model_max_length.

    Cause: the texts are documents, or the tokenizer needs many tokens for their script.
    Example: truncation=True drops everything behind the limit, without a word.
    Source: transformers #1363
    """
    if survey.too_long:
        yield Finding(
            f"{survey.too_long / survey.texts:.1%} of the texts are longer than model_max_length",
            f"longest {survey.longest:,} tokens, model_max_length {context.config.get('model_max_length')}",
            "cut long texts into several, or take a model with more positions",
        )


RULES = (
    Rule("TB701", "texts-are-known", "warning", "data", texts_are_known),
    Rule("TB702", "scripts-are-known-in-texts", "warning", "data", scripts_are_known_in_texts),
    Rule("TB703", "texts-are-composed", "warning", "data", texts_are_composed),
    Rule("TB704", "korean-stays-whole", "warning", "data", korean_stays_whole),
    Rule("TB705", "vocabulary-is-used", "note", "data", vocabulary_is_used),
    Rule("TB706", "words-have-tokens", "note", "data", words_have_tokens),
    Rule("TB707", "texts-fit", "note", "data", texts_fit),
)
