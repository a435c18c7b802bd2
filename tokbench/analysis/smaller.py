"""A trained tokenizer cut to a smaller vocabulary: what training that size gives, to the last id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import BPE, Model, WordPiece

from tokbench.blocks.recipe import Recipe
from tokbench.blocks.soundness import check_result
from tokbench.training.merges import Merges
from tokbench.training.sizes import cut

# Merges are learned one after the other, whatever size was asked for. Unigram drops pieces until the size is
# reached, and estimates the others' scores anew on the way; words and characters train in no time.
MODELS: Mapping[str, type[Model]] = {"bpe": BPE, "wordpiece": WordPiece}
LEARNED = ("type", "vocab", "merges")  # of a model in tokenizer.json; the rest are its options


class Cuttable:
    """A trained tokenizer of which smaller ones are the beginning; read once, cut often."""

    def __init__(self, tokenizer: Tokenizer, recipe: Recipe) -> None:
        """RecipeProblem when a token was made by two merges: a tokenizer does not tell in which order."""
        self._whole, self._recipe = tokenizer, recipe
        data = json.loads(tokenizer.to_str())
        model = data["model"]
        options = ((name, value) for name, value in model.items() if name not in LEARNED)
        self._options = {name: value for name, value in options if value is not None}
        self._tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
        self._merges = [(left, right) for left, right in model.get("merges", ())]
        self._begun = self._of_merges() if recipe.algorithm == "bpe" else self._of_pieces()
        model["vocab"] = {token: number for number, token in enumerate(recipe.tokens)}
        model["merges"] = []
        self._blank = json.dumps(data)  # all but what was learned

    def at(self, size: int) -> Tokenizer:
        """The tokenizer that the recipe makes of the same texts at this size; RecipeProblem if too small."""
        if size >= len(self._tokens):
            return self._whole
        tokens = self._tokens[: max(self._begun, size)]
        check_result(replace(self._recipe, vocab_size=size), len(tokens))
        learned: dict[str, Any] = {"vocab": dict(zip(tokens, range(len(tokens)), strict=True))}
        if self._recipe.algorithm == "bpe":
            learned["merges"] = self._merges[: len(tokens) - self._begun]
        tokenizer = Tokenizer.from_str(self._blank)
        tokenizer.model = MODELS[self._recipe.algorithm](**learned, **self._options)
        return tokenizer

    def _of_merges(self) -> int:
        """How many tokens there were before the first merge."""
        whole = Merges(dict(zip(self._tokens, range(len(self._tokens)), strict=True)), self._merges)
        prefix = self._options.get("continuing_subword_prefix", "")
        return len(self._tokens) - len(cut(whole, len(self._tokens), continuing_subword_prefix=prefix).merges)

    def _of_pieces(self) -> int:
        """The same by the pieces alone: special tokens and single characters come before all merges."""
        prefix, special = self._options["continuing_subword_prefix"], len(self._recipe.tokens)
        letters = takewhile(lambda piece: len(piece.removeprefix(prefix)) <= 1, self._tokens[special:])
        return special + sum(1 for _ in letters)
