"""Rules about a text on its way into ids and back."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from tokbench.checks import fixes
from tokbench.checks.context import (
    SAMPLES,
    CheckContext,
    error_line,
    known_part,
    normalized,
    there_and_back,
    unknowns,
)
from tokbench.checks.findings import Finding, Rule, around_difference, first_few, quoted
from tokbench.checks.hazards import runaway_text
from tokbench.errors import FileError, plural
from tokbench.io.library_errors import wrap_library_errors
from tokbench.pretrained.neighbours import CONTENT, OFFSETS
from tokbench.recipes.order import block_of, wrong_orders
from tokbench.recipes.validate import BYTES

WORD = re.compile("[A-Za-z]+")


def texts_can_be_encoded(context: CheckContext) -> Iterator[Finding]:
    """Any text can be encoded, alone and as a pair.

    Cause: a template names a token it has no id for; a regular expression runs away; a model without its
    unknown token meets an unknown word.
    Example: the library panics, which `except Exception` in Python does not catch, or raises a bare Exception
    in the middle of a data set.
    Source: tokenizers, PanicException is a BaseException
    """
    failed = {name: _problem(context, text) for name, text in SAMPLES.items()}
    wrong = {name: problem for name, problem in failed.items() if problem}
    if wrong:
        name, problem = next(iter(wrong.items()))
        yield Finding(
            f"{len(wrong)} of {len(SAMPLES)} sample texts cannot be encoded",
            f"{quoted(SAMPLES[name])}: {problem}",
            "train the tokenizer again, or take a whole copy of tokenizer.json",
        )
    elif worst := runaway_text(context.raw):
        yield Finding(
            "a regular expression of the blocks runs away on some texts, which then cannot be encoded",
            worst,
            "train with a pattern that repeats nothing inside a repetition: a+ in the place of (a+)+",
        )


def decoding_undoes_encoding(context: CheckContext) -> Iterator[Finding]:
    """Decoding gives the letters of the text again, apart from what the normalizer changes on purpose.

    Cause: no decoder, or one that does not belong to the pre-tokenizer and the model.
    Example: without ByteLevel's decoder "the cat" comes back as "the Ġcat"; without WordPiece's "un ##able".
    Source: tokenizers #830, #1392, transformers #28384
    """
    for name, text in SAMPLES.items():
        known = known_part(context, text)
        back = there_and_back(context, known)
        harm = _harm(normalized(context, known).replace("▁", " "), back)  # ▁ in `back` is what remained of it
        if harm:
            yield Finding(
                f"{name} comes back {harm[1]}",
                around_difference(known, back),
                "set the decoder that undoes the pre-tokenizer and the model, in tokenizer.json",
                severity=harm[0],
            )
            return


def added_tokens_come_back(context: CheckContext) -> Iterator[Finding]:
    """An added token decodes to its own text.

    Cause: the ByteLevel decoder reads an added token as if it were written in byte letters.
    Example: after adding "Ö", "il Ö" comes back with a replacement character.
    Source: transformers PR #44915, tokenizers #1392
    """
    wrong = [harm for harm in context.harms if harm.kind == CONTENT]
    if wrong:
        yield Finding(
            f"{plural(len(wrong), 'added token decodes', 'added tokens decode')} to something else",
            first_few([f"{quoted(harm.token)} → {quoted(harm.seen)}" for harm in wrong]),
            "spell these tokens in ASCII, or learn them as merges",
        )


def offsets_cover_the_text(context: CheckContext) -> Iterator[Finding]:
    """The offsets of tokens ascend, and every letter of a text lies in those of some token.

    Cause: trim_offsets of the post-processor takes away a prefix space that the text does not have.
    Example: "(foxy)" with "foxy" added has the offsets (1, 5), (6, 6), (5, 6): an answer read off the offsets
    is empty or ends before it begins.
    Source: tokenizers, process_offsets of ByteLevel
    """
    wrong = [harm for harm in context.harms if harm.kind == OFFSETS]
    if wrong:
        yield Finding(
            f"beside {plural(len(wrong), 'added token')} offsets go back or leave letters out",
            first_few([harm.sentence for harm in wrong], 2),
            'write "trim_offsets": false into post_processor in tokenizer.json',
            severity="note" if all(harm.special for harm in wrong) else "warning",
        )


CUT_INSIDE = "라 마 카 를"  # syllables whose byte letters are among the signs and numbers of Latin-1


def blocks_stand_in_order(context: CheckContext) -> Iterator[Finding]:
    """No block looks for what one before it has written over.

    Cause: ByteLevel stands before Digits or Punctuation, which then cut inside characters; Metaspace or a
    Replace that writes ▁ stands before what looks for spaces.
    Example: behind ByteLevel, Digits and Punctuation cut 라, 마, 카 and 를, which can never be one token:
    38 % more tokens on Korean.
    Source: tokenizers #1399
    """
    places = [
        [block_of(each) for each in context.blocks(place)]
        for place in ("normalizer", "pre_tokenizer", "decoder")
    ]
    for wrong in {each.first: each for each in reversed(list(wrong_orders(*places)))}.values():
        cut = context.tokenizer.encode(CUT_INSIDE, add_special_tokens=False).tokens
        right = " and ".join(f"{place} {blocks}" for place, blocks in wrong.right.items())
        yield Finding(
            wrong.sentence,
            f"{quoted(CUT_INSIDE)} → {first_few([quoted(each) for each in cut], 8)}",
            f"nothing, if a model is trained already; else train with {right or 'one of the two'}"
            if wrong.harms
            else f"nothing: {wrong.second} finds nothing to do",
            severity="" if wrong.harms else "note",
        )


def texts_come_back(context: CheckContext) -> Iterator[Finding]:
    """Every text comes back exactly as it was.

    Cause: by design: a normalizer lowers case or strips accents, a pre-tokenizer forgets the width of spaces.
    Example: BERT gives "the fox, twice." for "The fox,  twice."; no answer in the original's letters can be
    read off its tokens.
    Source: bert #135, tokenizers #1975
    """
    changed = [
        (name, text, back)
        for name, text in SAMPLES.items()
        if known_part(context, text) == text and (back := there_and_back(context, text)) != text
    ]
    if changed:
        _, text, back = changed[0]
        yield Finding(
            f"some texts come back changed: {first_few([name for name, _, _ in changed], 12)}",
            around_difference(text, back),
            "nothing, if case, accents and spaces do not matter; else train-bpe keeps everything",
        )


def _problem(context: CheckContext, text: str) -> str:
    try:
        with wrap_library_errors(context.name):
            context.tokenizer.encode(text)
            context.tokenizer.encode(text, text)
    except FileError as error:
        return error_line(error.__cause__ or error)
    return ""


def _harm(wanted: str, back: str) -> tuple[str, str] | None:
    """How bad it is that a text came back so, and in which way; None when only the spacing differs."""
    new, lost = (
        Counter(_letters(back)) - Counter(_letters(wanted)),
        Counter(_letters(wanted)) - Counter(_letters(back)),
    )
    if new:
        return "error", f"with other letters: {first_few([quoted(letter) for letter in new])}"
    if lost:
        return "warning", f"without some letters: {first_few([quoted(letter) for letter in lost])}"
    if _letters(wanted) != _letters(back):
        return "error", "with its letters in another order"
    if WORD.findall(wanted) != WORD.findall(back):
        return "warning", "with its words joined or split"
    return None


def _letters(text: str) -> str:
    return "".join(text.split())


NEVER_IN_UTF8 = {0xC0, 0xC1, *range(0xF5, 0x100)}


def byte_alphabet_is_whole(context: CheckContext) -> Iterator[Finding]:
    """A byte-level tokenizer has a token for each byte that UTF-8 can contain.

    Cause: trained without initial_alphabet=ByteLevel.alphabet(), so it has the bytes of its corpus only.
    Example: 220 of 256 bytes missing: "café 한국" comes back as "caf "; nothing is said, for byte-level BPE
    has no unknown token.
    Source: HF course #775 (its own page does it), tokenizers #517, gigatoken #20
    """
    levels = context.has("pre_tokenizer", "ByteLevel") or context.has("normalizer", "ByteLevel")
    if not levels or context.kind not in ("BPE", "Unigram"):
        return
    letters = byte_letters()
    missing = [
        byte for byte in range(256) if byte not in NEVER_IN_UTF8 and letters[byte] not in context.vocabulary
    ]
    if missing:
        yield Finding(
            f"{len(missing)} of the 243 bytes of UTF-8 have no token; text with them is lost",
            first_few([f"0x{byte:02X} {quoted(letters[byte])}" for byte in missing], 6),
            "train again with the whole alphabet: tokbench train-bpe corpus.txt",
        )


def byte_fallback_has_its_pieces(context: CheckContext) -> Iterator[Finding]:
    """byte_fallback is on exactly where the vocabulary has the pieces <0x00> to <0xFF>.

    Cause: the trainers do not make the pieces; Unigram's sets byte_fallback to false again.
    Example: with byte_fallback and no pieces an unknown character is still <unk>; with pieces and without
    byte_fallback the 256 tokens are never used.
    Source: tokenizers #1515, #1218, PR #1183
    """
    pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    missing = [piece for piece in pieces if piece not in context.vocabulary]
    falls_back = bool(context.raw.get("model", {}).get("byte_fallback"))
    if falls_back and missing:
        yield Finding(
            f"byte_fallback is on, but {len(missing)} of its 256 pieces are missing",
            first_few(missing),
            "train again with the pieces in the vocabulary, or byte-level: tokbench train-bpe corpus.txt",
        )
    elif not falls_back and not missing and context.kind in ("BPE", "Unigram"):
        yield Finding(
            "the 256 byte pieces are in the vocabulary, but byte_fallback is off",
            f"<0x00> = {context.vocabulary['<0x00>']}",
            'write "byte_fallback": true into model in tokenizer.json',
            severity="warning",
        )


def byte_pieces_are_not_learned(context: CheckContext) -> Iterator[Finding]:
    """No merge of BPE makes a byte piece such as <0x0A> of the characters that spell it.

    Cause: the training texts had <0x0A> written in them, often enough for a merge.
    Example: the text "<0x0A>" becomes the piece of the byte 10, and decode gives a line feed.
    Source: tokenizers, bpe/trainer.rs merges to any token, also one it was given
    """
    model = context.raw.get("model", {})
    if context.kind != "BPE" or not model.get("byte_fallback"):
        return
    halves = {(piece[:at], piece[at:]) for piece in BYTES for at in range(1, len(piece))}
    possible = {pair for pair in halves if all(half in context.vocabulary for half in pair)}
    if not possible:  # so that half a million merges are not looked through
        return
    merges = (pair if isinstance(pair, list) else pair.split(" ") for pair in model.get("merges") or ())
    made = {"".join(pair) for pair in merges if tuple(pair) in possible}
    if made:
        yield Finding(
            f"{plural(len(made), 'text is', 'texts are')} read as the byte that they name",
            first_few([f"{quoted(piece)} → {quoted(chr(int(piece[3:5], 16)))}" for piece in sorted(made)]),
            "take them out of the texts and train again",
        )


def byte_letters() -> dict[int, str]:
    """Byte → the printable letter that byte-level tokenizers write for it, as GPT-2 chose them.

    >>> byte_letters()[ord("a")], byte_letters()[ord(" ")]
    ('a', 'Ġ')
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + at) for at, byte in enumerate(others)}


TWO_FORMS = "한국어 café"
ALONE = "ㅋㅠ"


def scripts_are_known(context: CheckContext) -> Iterator[Finding]:
    """The tokenizer knows the characters of common scripts.

    Cause: the corpus had none of them, or one emoji or long word makes a whole word unknown (WordPiece).
    Example: a model fed with Korean it does not know sees [UNK] [UNK] [UNK].
    Source: tokenizers #408, #1863, transformers #17551
    """
    counts = {name: unknowns(context, text) for name, text in SAMPLES.items()}
    strange = [f"{name} {unknown} of {tokens}" for name, (unknown, tokens) in counts.items() if unknown]
    hopeless = all(unknown == tokens for unknown, tokens in counts.values())
    if strange:
        yield Finding(
            "every token of every sample text is unknown"
            if hopeless
            else "some sample texts are not all known",
            f"unknown tokens: {first_few(strange, 12)}",
            "train on texts like those it will meet; byte-level BPE knows everything",
            severity="warning" if hopeless else "note",
        )


def both_forms_are_one_text(context: CheckContext) -> Iterator[Finding]:
    """A text gives the same ids whether its accents and syllables are composed (NFC) or not (NFD).

    Cause: no normalizer; file names and some editors on macOS write NFD.
    Example: NFD Korean takes 6 to 9 times the tokens, or is unknown; it looks the same on the screen.
    Source: tokenizers #1975, bert #228
    """
    composed, apart = (
        context.tokenizer.encode(unicodedata.normalize(form, TWO_FORMS), add_special_tokens=False).ids
        for form in ("NFC", "NFD")
    )
    if composed != apart:
        yield Finding(
            "the same text in NFC and in NFD gives different ids",
            f"{quoted(TWO_FORMS)}: {plural(len(composed), 'token')} in NFC, {len(apart)} in NFD",
            "write texts in NFC before they are encoded, or train with the normalizer NFC",
        )


def syllables_stay_whole(context: CheckContext) -> Iterator[Finding]:
    """The normalizer leaves Hangul syllables whole.

    Cause: stripping accents decomposes first: BertNormalizer with lowercase=True does it to Korean too.
    Example: 18 characters become 23 letters; the vocabulary learns parts of syllables, and decode gives text
    that is not NFC.
    Source: bert #135, #228
    """
    text = SAMPLES["Korean"]
    after = normalized(context, text)
    if any("\u1100" <= letter <= "\u11ff" for letter in after):
        yield Finding(
            "the normalizer takes Korean syllables apart",
            f"{len(text)} characters become {len(after)}",
            "for Korean train with strip_accents=False: tokbench presets korean",
        )


def letters_keep_their_kind(context: CheckContext) -> Iterator[Finding]:
    """The normalizer leaves single Korean letters, as in ㅋㅋㅋ and ㅠㅠ, what they are.

    Cause: NFKC, which SentencePiece's nmt_nfkc contains, turns a letter that stands alone into one that
    begins a syllable.
    Example: ㅋ, U+314B, becomes U+110F: it looks much the same, is another character, and decode gives that.
    Source: Unicode, compatibility decomposition of U+3131 to U+318E
    """
    after = [normalized(context, letter) for letter in ALONE]  # together they would make a syllable
    changed = [
        (before, now) for before, now in zip(ALONE, after, strict=True) if len(now) == 1 and now != before
    ]
    if changed:
        yield Finding(
            "the normalizer turns Korean letters that stand alone into parts of syllables",
            first_few([f"{before} U+{ord(before):04X} → U+{ord(now):04X}" for before, now in changed]),
            "for Korean train with the normalizer NFC instead of NFKC: tokbench presets korean",
        )


RULES = (
    Rule("TB501", "texts-can-be-encoded", "error", "", texts_can_be_encoded),
    Rule("TB502", "byte-alphabet-is-whole", "error", "", byte_alphabet_is_whole),
    Rule("TB503", "byte-fallback-has-its-pieces", "error", "", byte_fallback_has_its_pieces),
    Rule("TB504", "decoding-undoes-encoding", "error", "", decoding_undoes_encoding,
         fixes.decoder_undoes_the_blocks),
    Rule("TB505", "added-tokens-come-back", "warning", "", added_tokens_come_back),
    Rule("TB506", "texts-come-back", "note", "", texts_come_back),
    Rule("TB507", "scripts-are-known", "warning", "", scripts_are_known),
    Rule("TB508", "both-forms-are-one-text", "note", "", both_forms_are_one_text),
    Rule("TB509", "syllables-stay-whole", "note", "", syllables_stay_whole),
    Rule("TB510", "letters-keep-their-kind", "note", "", letters_keep_their_kind),
    Rule("TB512", "offsets-cover-the-text", "warning", "", offsets_cover_the_text),
    Rule("TB513", "blocks-stand-in-order", "warning", "", blocks_stand_in_order),
    Rule("TB514", "byte-pieces-are-not-learned", "warning", "", byte_pieces_are_not_learned),
)  # fmt: skip
