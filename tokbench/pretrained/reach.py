"""Whether added tokens are met in texts: the library is asked, in the places where a token may stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tokenizers import Tokenizer

from tokbench.pretrained.wanted import Wanted

PLACES_OF_WORDS = ("{}", "see {} here", "({})")
PLACES_OF_MARKUP = ("{}", "see {} here", "x{}x")  # markup stands inside words as well


def unreached(tokenizer: Tokenizer, wanted: Wanted, alone: Collection[str] = ()) -> list[str]:
    """The tokens whose id some place does not give; markup in `alone` is not looked for inside words."""
    missed = [
        *_missed(tokenizer, [token for token in wanted.all_special if token not in alone], PLACES_OF_MARKUP),
        *_missed(tokenizer, [token for token in wanted.all_special if token in alone], PLACES_OF_WORDS),
        *_missed(tokenizer, wanted.all_regular, PLACES_OF_WORDS),
    ]
    return list(dict.fromkeys(missed))


def why_unreached(tokenizer: Tokenizer, missed: Sequence[str]) -> str:
    """One sentence on the first of them, with what a text gives in its place."""
    first = missed[0]
    pieces = " ".join(tokenizer.encode(first, add_special_tokens=False).tokens)
    others = f" (and {len(missed) - 1:,} more)" if len(missed) > 1 else ""
    return f"{first} would never be met{others}: a text that holds it encodes as {pieces}"


def _missed(tokenizer: Tokenizer, tokens: Sequence[str], places: Sequence[str]) -> list[str]:
    texts = [place.replace("{}", token) for token in tokens for place in places]
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    added = {number: token.content for number, token in tokenizer.get_added_tokens_decoder().items()}
    found = zip((token for token in tokens for _ in places), encodings, strict=True)
    return [token for token, encoding in found if not _is_met(tokenizer, token, encoding.ids, added)]


def _is_met(tokenizer: Tokenizer, token: str, ids: Sequence[int], added: Mapping[int, str]) -> bool:
    """Whether the token is there, or a longer added one that holds it: `(COVID)` goes before `COVID`."""
    return tokenizer.token_to_id(token) in ids or any(token in added.get(number, "") for number in ids)
