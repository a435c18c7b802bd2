"""What must hold of a recipe before training: special tokens, bytes, sizes; and of what it learned."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer

from tokbench.errors import DataError, RecipeError, did_you_mean
from tokbench.recipes.options import (
    LARGEST,
    Option,
    chat_templates,
    checked_options,
    flag,
    one_of,
    some_of,
    whole_number,
)
from tokbench.recipes.recipe import ROLES, Recipe, flat

if TYPE_CHECKING:
    from tokenizers.normalizers import Normalizer

TOKEN_OPTIONS: Mapping[str, Option] = {
    "single_word": flag(False),
    "lstrip": flag(False),
    "rstrip": flag(False),
    "normalized": flag(False),
}
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
LETTERS = tuple(sorted(set("".join(BYTES))))
# Ten times the largest vocabulary we know; the library reserves memory for all it is asked.
MOST_TOKENS = 10_000_000
SIDES = ("left", "right")
WRAPPER: Mapping[str, Option] = {
    "model_max_length": whole_number(None, low=1, high=LARGEST),
    "padding_side": one_of(*SIDES, default=None),
    "truncation_side": one_of(*SIDES, default=None),
    "model_input_names": some_of("input_ids", "token_type_ids", "attention_mask", "special_tokens_mask"),
    "chat_template": chat_templates(),
}


def added(recipe: Recipe) -> list[AddedToken]:
    """The special tokens as the library takes them, then those that are added and not special."""
    special = set(recipe.tokens)
    return [
        AddedToken(token, special=token in special, **_options(recipe, token))
        for token in recipe.given_tokens
    ]


def unk(recipe: Recipe) -> str:
    """The token for what is unknown; RecipeError without one: the library would fail at the first text."""
    token = recipe.special_tokens.get("unk")
    if token is None:
        raise RecipeError(
            f"{recipe.algorithm} needs a special token with the role unk, for what it does not know",
            fix='add special_tokens.unk = "[UNK]"',
        )
    return token


def check_special_tokens(recipe: Recipe) -> None:
    """RecipeError for an unknown role, an empty token, a token given twice, or options of no token.

    An added token may be white space: Gemma has runs of line feeds.
    """
    for role in recipe.special_tokens:
        if role not in ROLES:
            raise RecipeError(f"there is no role {role}", fix=did_you_mean(role, ROLES))
    special = (*dict.fromkeys(recipe.special_tokens.values()), *recipe.extra_special_tokens)
    given = (*special, *recipe.added_tokens)
    met: set[str] = set()
    for number, token in enumerate(given):
        kind = "special" if number < len(special) else "added"
        if not (token.strip() if kind == "special" else token):
            raise RecipeError(f"{kind} token {number} is empty: {token!r}", fix="take it out")
        if token in met:
            raise RecipeError(f"the {kind} token {token} is given twice", fix="take it out once")
        met.add(token)
    for token in recipe.token_options:
        if token not in met:
            raise RecipeError(
                f"token_options names {token}, which is no special token", fix=did_you_mean(token, given)
            )
        _options(recipe, token)


def _options(recipe: Recipe, token: str) -> dict[str, bool]:
    return checked_options(recipe.token_options.get(token, {}), TOKEN_OPTIONS, f"token_options {token}")


def equal_tokens(normalizer: Normalizer | None, tokens: Iterable[AddedToken]) -> dict[str, list[str]]:
    """Tokens that are looked for in normalized texts, and that the normalizer makes one: its form → them.

    Which of them a text gets is a matter of the library's hash table: another one after each load.

    >>> from tokenizers import normalizers
    >>> equal_tokens(normalizers.Lowercase(), [AddedToken("Hi"), AddedToken("hi"), AddedToken("ho")])
    {'hi': ['Hi', 'hi']}
    """
    forms: dict[str, list[str]] = {}
    for token in tokens:
        if token.normalized:
            form = token.content if normalizer is None else normalizer.normalize_str(token.content)
            forms.setdefault(form, []).append(token.content)
    return {form: several for form, several in forms.items() if len(several) > 1}


def empty_tokens(normalizer: Normalizer | None, tokens: Iterable[AddedToken]) -> list[str]:
    """Tokens that are looked for in normalized texts, and of which the normalizer leaves nothing.

    Nothing is found everywhere: beside tokens with lstrip the library (0.23.3) panics on some texts, and
    takes all memory on others.

    >>> from tokenizers import normalizers
    >>> empty_tokens(normalizers.Strip(), [AddedToken(" "), AddedToken("a")])
    [' ']
    """
    if normalizer is None:
        return []
    return [
        token.content for token in tokens if token.normalized and not normalizer.normalize_str(token.content)
    ]


def refuse_equal_tokens(recipe: Recipe, normalizer: Normalizer | None) -> None:
    """RecipeError for special tokens of which nobody can say which one a text gets, or where."""
    for token in empty_tokens(normalizer, added(recipe)):
        raise RecipeError(
            f"the normalizers leave nothing of the special token {token!r}, and texts are searched for that",
            fix=f"leave it out, or take away token_options.{token}.normalized",
        )
    for form, (first, second, *_) in equal_tokens(normalizer, added(recipe)).items():
        raise RecipeError(
            f"{first} and {second} are one token here: the normalizers make both {form!r}",
            fix=f"leave one of them out, or take away token_options.{second}.normalized",
        )


def make_ordinary(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer with its byte pieces no longer special, and used for what is unknown.

    BPE keeps the merges that a corpus with <0x0A> written out teaches it, as the library's trainer does;
    `check` finds them (byte-pieces-are-not-learned).
    """
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [each for each in data["added_tokens"] if each["content"] not in BYTES]
    data["model"]["byte_fallback"] = True
    if data["model"]["type"] == "Unigram":
        _make_dear(data["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(data))


def make_plain(tokenizer: Tokenizer, tokens: Collection[str]) -> Tokenizer:
    """The same tokenizer in which these added tokens are not special: a trainer makes all it is given so."""
    data = json.loads(tokenizer.to_str())
    for each in data["added_tokens"]:
        each["special"] = each["special"] and each["content"] not in tokens
    return Tokenizer.from_str(json.dumps(data))


def _make_dear(vocab: list[list[Any]]) -> None:
    """Score the byte pieces below any other way to write them.

    Unigram takes the way with the highest sum of scores. All six characters of `<0x41>` are in the vocabulary
    (LETTERS), each at the lowest score or above, so a text that holds them is never read as the byte.
    """
    lowest = min((score for piece, score in vocab if piece not in BYTES), default=0.0)
    for entry in vocab:
        if entry[0] in BYTES:
            entry[1] = 7 * lowest - 1


def check_recipe(recipe: Recipe) -> None:
    """RecipeError for what no algorithm can make good."""
    check_special_tokens(recipe)
    checked_options(recipe.wrapper, WRAPPER, "wrapper")
    _check_bytes(recipe)
    _check_alphabet(recipe)
    floor = _floor(recipe)
    least = floor if _may_be_bytes_alone(recipe) else floor + 1
    if not least <= recipe.vocab_size <= MOST_TOKENS:
        raise RecipeError(
            f"vocab_size {recipe.vocab_size} is not possible: this recipe needs {least}, "
            f"of which {len(recipe.tokens)} for special tokens{_and_added(recipe)}, "
            f"and {MOST_TOKENS} is the most",
            fix=f"--vocab-size {max(least, 8000)}",
        )


def check_result(recipe: Recipe, reached: int) -> None:
    """RecipeError for more tokens than asked, which the library just gives; DataError for none."""
    if reached > recipe.vocab_size:
        raise RecipeError(
            f"vocab_size {recipe.vocab_size} is too small: "
            f"the special tokens and the characters of these texts are {reached} already",
            fix=f"--vocab-size {reached} or more" + _limit_hint(recipe),
        )
    if reached <= _floor(recipe) and not _may_be_bytes_alone(recipe):
        raise DataError(
            "nothing was learned: the blocks left nothing of these texts, or nothing frequent enough",
            fix="lower trainer.min_frequency, or look at the normalizers and pre_tokenizers",
        )


def _and_added(recipe: Recipe) -> str:
    return f" and {len(recipe.added_tokens)} for added ones" if recipe.added_tokens else ""


def _floor(recipe: Recipe) -> int:
    """The tokens that are there whatever the texts are."""
    whole_bytes = recipe.is_byte_level or recipe.model.get("byte_fallback")
    if not whole_bytes or recipe.algorithm not in ("bpe", "unigram"):
        return len(recipe.given_tokens)
    twice = recipe.is_byte_level and recipe.trainer.get("end_of_word_suffix")  # each byte may end a word
    return len(recipe.given_tokens) + (512 if twice else 256)


def _may_be_bytes_alone(recipe: Recipe) -> bool:
    """Whether a vocabulary without a learned piece still writes every text."""
    return recipe.is_byte_level and recipe.algorithm == "bpe"


def _limit_hint(recipe: Recipe) -> str:
    limited = recipe.algorithm in ("bpe", "wordpiece") and not recipe.is_byte_level
    return ", or keep only the most frequent characters: --set trainer.limit_alphabet=1000" if limited else ""


def _check_bytes(recipe: Recipe) -> None:
    """Bytes are written once, no normalizer changes them afterwards, no token takes their place."""
    taken = [token for token in recipe.given_tokens if recipe.model.get("byte_fallback") and token in BYTES]
    if taken:
        raise RecipeError(
            f"{taken[0]} cannot be a special token: byte_fallback has it for a byte",
            fix="give it another name",
        )
    normalizers = [each.type for each in flat(recipe.normalizers)]
    cutters = [each.type for each in flat(recipe.pre_tokenizers)]
    if [*normalizers, *cutters].count("ByteLevel") > 1:
        raise RecipeError(
            "ByteLevel stands in this recipe twice, so decoding would not come back to the text",
            fix="keep one: as a normalizer, or as a pre_tokenizer",
        )
    if "ByteLevel" in normalizers[:-1]:
        raise RecipeError(
            "a normalizer after ByteLevel would change the characters that stand for bytes",
            fix="put the normalizer ByteLevel last",
        )


def _check_alphabet(recipe: Recipe) -> None:
    """limit_alphabet wins over initial_alphabet in the library, without a word."""
    limit, given = recipe.trainer.get("limit_alphabet"), recipe.trainer.get("initial_alphabet", ())
    if limit is not None and len(set(given)) > limit:
        raise RecipeError(
            f"initial_alphabet has {len(set(given))} characters and limit_alphabet keeps only {limit}",
            fix=f"--set trainer.limit_alphabet={len(set(given))} or more",
        )
