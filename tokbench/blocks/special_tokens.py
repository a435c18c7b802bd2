"""The special tokens of a recipe: sound, with their options, in id order."""

from __future__ import annotations

from collections.abc import Mapping

from tokenizers import AddedToken

from tokbench.blocks.options import Option, choose, flag
from tokbench.blocks.recipe import ROLES, Recipe
from tokbench.errors import RecipeProblem, did_you_mean

TOKEN_OPTIONS: Mapping[str, Option] = {
    "single_word": flag(False),
    "lstrip": flag(False),
    "rstrip": flag(False),
    "normalized": flag(False),
}


def added(recipe: Recipe) -> list[AddedToken]:
    """The special tokens as the library takes them."""
    return [AddedToken(token, special=True, **_options(recipe, token)) for token in recipe.tokens]


def unk(recipe: Recipe) -> str:
    """The token for what is unknown; RecipeProblem without one: the library would fail at the first text."""
    token = recipe.special_tokens.get("unk")
    if token is None:
        raise RecipeProblem(
            f"{recipe.algorithm} needs a special token with the role unk, for what it does not know",
            fix='add special_tokens.unk = "[UNK]"',
        )
    return token


def check_special_tokens(recipe: Recipe) -> None:
    """RecipeProblem for an unknown role, an empty token, a token given twice, or options of no token."""
    for role in recipe.special_tokens:
        if role not in ROLES:
            raise RecipeProblem(f"there is no role {role}", fix=did_you_mean(role, ROLES))
    given = (*dict.fromkeys(recipe.special_tokens.values()), *recipe.extra_special_tokens)
    for number, token in enumerate(given):
        if not token.strip():
            raise RecipeProblem(f"special token {number} is empty: {token!r}", fix="take it out")
        if token in given[:number]:
            raise RecipeProblem(f"the special token {token} is given twice", fix="take it out once")
    for token in recipe.token_options:
        if token not in given:
            raise RecipeProblem(
                f"token_options names {token}, which is no special token", fix=did_you_mean(token, given)
            )
        _options(recipe, token)


def _options(recipe: Recipe, token: str) -> dict[str, bool]:
    return choose(recipe.token_options.get(token, {}), TOKEN_OPTIONS, f"token_options {token}")
