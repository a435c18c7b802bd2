"""What a tokenizer and a model must agree on: padding, inputs, ids, segments and lengths."""

from __future__ import annotations

import inspect

from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tokbench.errors import FileProblem
from tokbench.finetune.batches import Feed
from tokbench.finetune.encoding import Limits
from tokbench.finetune.models import Loaded

SHORTEST = 4  # a pair has three special tokens
PADDED = ("input_ids", "token_type_ids", "attention_mask")


def align(loaded: Loaded, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give the model the tokenizer's padding id, unless its positions are counted from its own."""
    pad = padding_id(tokenizer)
    config = loaded.model.config.get_text_config()
    if config.pad_token_id == pad or (tokenizer.pad_token_id is None and not decoder_only(loaded.model)):
        return
    if any(each.padding_idx is not None for each in _embeddings(loaded.model, "position_embeddings")):
        return
    if config.pad_token_id is not None:
        loaded.notes.append(
            f"the model's padding id was {config.pad_token_id}; it is now the tokenizer's, {pad}"
        )
    config.pad_token_id = pad
    words = loaded.model.get_input_embeddings()
    if isinstance(words, nn.Embedding) and words.padding_idx is not None:
        words.padding_idx = pad  # a row with this id gets no gradient: it must be the padding's


def feed_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Feed:
    """What the tokenizer declares and the model takes; the mask always, since rows are padded.

    Rows may have `max_length` tokens, or fewer where the tokenizer's or the model's own limit is lower.
    """
    takes = inspect.signature(model.forward).parameters
    declared = {*tokenizer.model_input_names, "input_ids", "attention_mask"}
    names = tuple(name for name in PADDED if name in declared and name in takes)
    limit = min(max_length, int(tokenizer.model_max_length), limits_of(model).positions or max_length)
    if limit < SHORTEST:
        raise FileProblem(
            f"rows would be cut to {limit} tokens, too few for anything",
            fix="mend model_max_length in tokenizer_config.json, or take a model with more positions",
        )
    left = tokenizer.padding_side == "left"
    return Feed(inputs=names, pad_id=padding_id(tokenizer), max_length=limit, left=left)


def limits_of(model: PreTrainedModel) -> Limits:
    """How many ids, segments and positions the model's embeddings take."""
    types = [each.num_embeddings for each in _embeddings(model, "token_type_embeddings")]
    # where padding has a position (roberta), those up to it are not for tokens
    places = [
        each.num_embeddings - (0 if each.padding_idx is None else each.padding_idx + 1)
        for each in _embeddings(model, "position_embeddings", "wpe")
    ]
    known = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    rows: int = model.get_input_embeddings().weight.shape[0]  # type: ignore[index, assignment]
    return Limits(rows, min(types, default=None), min(places, default=known))


def padding_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The padding id; without one the end's, or 0: behind the mask no model reads it."""
    known = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(int(each) for each in known if each is not None)


def decoder_only(model: PreTrainedModel) -> bool:
    """Whether the head reads the last token, which it finds by the padding id."""
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    return "score" in names  # what such classifiers call their head throughout transformers


def _embeddings(model: PreTrainedModel, *names: str) -> list[nn.Embedding]:
    found = (each for name, each in model.named_modules() if name.rpartition(".")[2] in names)
    return [each for each in found if isinstance(each, nn.Embedding)]
