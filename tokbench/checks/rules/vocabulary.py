"""Rules about the vocabulary: ids and tokens belong to each other one to one, without gaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tokbench.checks import fixes
from tokbench.checks.findings import Finding, Rule, first_few, quoted, tokens_with_ids
from tokbench.errors import plural
from tokbench.pretrained.unused_tokens import KEPT_FREE

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext


def ids_have_no_gaps(context: CheckContext) -> Iterator[Finding]:
    """The ids run from 0 to the number of tokens, with none left out.

    Cause: tokens were deleted from a vocabulary, or an added token was given an id far behind the last.
    Example: with 149 tokens and the highest id 700, resize_token_embeddings(len(tokenizer)) makes 149 rows,
    and id 700 is an IndexError; the next added token lands in the gap.
    Source: transformers PR #48446
    """
    missing = context.size - len(context.ids)
    if missing > 0:
        tokens = len(context.vocabulary)
        yield Finding(
            f"{plural(missing, 'id has', 'ids have')} no token",
            f"{plural(tokens, 'token')}, highest id {context.size - 1:,}, first gap at {_gap(context)}",
            f"give an embedding {context.size:,} rows (highest id + 1), never len(tokenizer)",
        )


def one_id_is_one_token(context: CheckContext) -> Iterator[Finding]:
    """No two tokens share an id.

    Cause: a vocabulary was merged or edited by hand.
    Example: with "a" and "b" both on id 0 the model cannot tell them apart, and decode gives one of them.
    Source: tokenizers #1366, #1281
    """
    if len(context.ids) == len(context.vocabulary):
        return
    tokens = defaultdict(list)
    for token, number in context.vocabulary.items():
        tokens[number].append(token)
    shared = {number: names for number, names in tokens.items() if len(names) > 1}
    if shared:
        shown = [f"{number}: {' '.join(map(quoted, sorted(shared[number])))}" for number in sorted(shared)]
        yield Finding(
            f"{plural(len(shared), 'id stands', 'ids stand')} for more than one token",
            first_few(shown),
            "give each token of tokenizer.json an id of its own",
        )


def added_tokens_keep_their_ids(context: CheckContext) -> Iterator[Finding]:
    """An added token has the id that tokenizer.json gives it.

    Cause: the library numbers added tokens anew when their ids leave a gap or are taken already.
    Example: an added token written with id 500 after a vocabulary of 149 is loaded as id 149, without a word;
    a model trained with 500 sees another token.
    Source: tokenizers #1528, #1366, #1281
    """
    moved = [
        (entry, context.vocabulary.get(entry["content"]))
        for entry in context.raw.get("added_tokens") or ()
        if isinstance(entry, Mapping) and context.vocabulary.get(entry.get("content", "")) != entry.get("id")
    ]
    if moved:
        shown = [f"{quoted(entry['content'])} {entry['id']} → {number}" for entry, number in moved]
        yield Finding(
            f"{plural(len(moved), 'added token gets', 'added tokens get')} another id than the file says",
            first_few(shown),
            "put them into the model's vocabulary in tokenizer.json, under the same ids",
        )


def vocabulary_is_learned(context: CheckContext) -> Iterator[Finding]:
    """The vocabulary holds more than special tokens.

    Cause: training on an empty source, or on a column that is not there, succeeds in the library.
    Example: an empty corpus gives a tokenizer with one token and exit status 0; every text is unknown to it.
    Source: Nemotron refuses it: it "would otherwise save a tokenizer that looks like a correct tokenizer"
    """
    added = {token.content for token in context.added.values()}
    learned = len(context.vocabulary) - sum(token in context.vocabulary for token in added)
    if learned < 2:
        yield Finding(
            "the vocabulary holds nothing but added tokens"
            if not learned
            else "the vocabulary has one token",
            tokens_with_ids(list(context.vocabulary.items())) or "no token at all",
            "train again: tokbench train-bpe corpus.txt",
        )


def _gap(context: CheckContext) -> int:
    return next(number for number in range(len(context.ids) + 1) if number not in context.ids)


AT_ONCE = 256  # tokens in one text; a whole vocabulary would be one word where nothing cuts at line ends
LETTERS = ("{}", "a{}", "{}a", "a{}a", "a {}", "1{}", "!{}")
MANY = 0.1  # of the learned tokens: then it is no leftover, but a vocabulary of other blocks


def every_token_can_occur(context: CheckContext) -> Iterator[Finding]:
    """Every learned token comes out of some text.

    Cause: no merge leads to it; the normalizer never leaves such letters; the pre-tokenizer always cuts
    inside it; a vocabulary was put under other blocks than it was trained with.
    Example: 588 tokens of Llama 3 cannot occur: their rows stay at random values, and a prompt that names
    their ids makes the model ramble.
    Source: rten #453, magikarp #13, wordchipper #386
    """
    dead = sorted(_dead(context))
    spare = [number for number, token in dead if KEPT_FREE.fullmatch(token)]
    dead = [(number, token) for number, token in dead if number not in set(spare)]
    learned = len(context.vocabulary) - len(context.added) - len(spare)
    if spare:
        kept = tokens_with_ids([(context.tokenizer.id_to_token(number) or "", number) for number in spare])
        message = f"{plural(len(spare), 'token is', 'tokens are')} kept free for words of your own"
        yield Finding(
            message, kept, "nothing: add-tokens --use-unused gives their ids to new tokens", severity="note"
        )
    if dead:
        yield Finding(
            f"{len(dead):,} of {learned:,} learned tokens can never occur",
            tokens_with_ids([(token, number) for number, token in dead]),
            "nothing, if a model is trained already; else train with the blocks it is used with",
            severity="warning" if len(dead) > MANY * learned else "note",
        )


def _dead(context: CheckContext) -> Iterator[tuple[int, str]]:
    """Id and token of what neither a text gives nor the model block can."""
    if context.raw.get("model", {}).get("dropout"):
        return  # then a text gives something else each time
    added = {token.content for token in context.added.values()} | {context.unknown}
    left = {number: token for token, number in context.vocabulary.items() if token not in added}
    seen = _seen_together(context, list(left))
    left = {number: token for number, token in left.items() if number not in seen}
    for place in LETTERS[:2]:
        left = _unreached(context, left, place)
    for number, token in left.items():
        surface = _surface(context, token)
        if len(surface) > 1 and not _is_partial(context, number) and not _may_occur(context, token, surface):
            yield number, token


def _seen_together(context: CheckContext, numbers: list[int]) -> set[int]:
    """The ids that come out of texts of many of these tokens, one a line: half the time of a text each."""
    tokenizer, seen = context.tokenizer, set[int]()
    line = tokenizer.encode("\n", add_special_tokens=False).ids
    for start in range(0, len(numbers), AT_ONCE):
        row = [each for number in numbers[start : start + AT_ONCE] for each in (number, *line)]
        text = tokenizer.decode(row, skip_special_tokens=False)
        seen.update(tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids)
    return seen


def _unreached(context: CheckContext, tokens: dict[int, str], place: str) -> dict[int, str]:
    """The tokens that do not come out of a text of themselves, put into `place`."""
    numbers = list(tokens)
    texts = context.tokenizer.decode_batch([[number] for number in numbers], skip_special_tokens=False)
    prefix = context.raw.get("model", {}).get("continuing_subword_prefix") or "\0"
    texts = [text.removeprefix(prefix) if tokens[number].startswith(prefix) else text
             for number, text in zip(numbers, texts, strict=True)]  # fmt: skip
    found = context.tokenizer.encode_batch_fast(
        [place.replace("{}", text) for text in texts], add_special_tokens=False
    )
    pairs = zip(numbers, found, strict=True)
    return {number: tokens[number] for number, encoding in pairs if number not in encoding.ids}


def _may_occur(context: CheckContext, token: str, surface: str) -> bool:
    """Whether the model block gives the token, and some text has its letters inside one word."""
    if context.kind in ("BPE", "Unigram") and surface == token:
        # What a token's own letters make is what they make in every text: merges inside it do not see
        # its neighbours, and the best way through a whole is the best way through its parts.
        own = [each.value for each in context.tokenizer.model.tokenize(token)]
        if own != [token]:
            return False
    text = context.tokenizer.decode([context.vocabulary[token]], skip_special_tokens=False)
    words = (word for place in LETTERS for word in _words(context, place.replace("{}", text.strip("#"))))
    return any(surface in word for word in words)


def _words(context: CheckContext, text: str) -> list[str]:
    """What normalizer and pre-tokenizer make of a text."""
    normalizer, cutter = context.tokenizer.normalizer, context.tokenizer.pre_tokenizer
    after = normalizer.normalize_str(text) if normalizer else text
    return [word for word, _ in cutter.pre_tokenize_str(after)] if cutter else [after]


def _surface(context: CheckContext, token: str) -> str:
    """The token without the marks for the middle and the end of a word."""
    model = context.raw.get("model", {})
    prefix, suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""
    return token.removeprefix(prefix).removesuffix(suffix)


def _is_partial(context: CheckContext, number: int) -> bool:
    """Whether a token is no whole text: a part of a character's bytes, or a piece for one byte."""
    text = context.tokenizer.decode([number], skip_special_tokens=False)
    token = context.tokenizer.id_to_token(number) or ""
    return "\ufffd" in text or not text.strip() or (token.startswith("<0x") and len(token) == 6)


RULES = (
    Rule("TB101", "ids-have-no-gaps", "warning", "", ids_have_no_gaps),
    Rule("TB102", "one-id-is-one-token", "error", "", one_id_is_one_token),
    Rule("TB103", "added-tokens-keep-their-ids", "error", "", added_tokens_keep_their_ids,
         fixes.added_tokens_are_pinned),
    Rule("TB104", "vocabulary-is-learned", "error", "", vocabulary_is_learned),
    Rule("TB105", "every-token-can-occur", "warning", "tokens", every_token_can_occur),
)  # fmt: skip
