"""How likely a causal language model finds texts: the bits of their tokens, long texts in windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tokbench.errors import FileError, plural
from tokbench.io.quiet import quiet
from tokbench.model.files import find_model, how_to_check
from tokbench.model.loading import class_of, load_model
from tokbench.model.resize import embedding_rows

WINDOW = 1024  # tokens of context at most: more costs memory by its square and gains little
NUMBERS = 1 << 26  # logits held at once: 256 MiB of float32


@dataclass(frozen=True)
class Window:
    """Tokens that the model sees at once, of which those from `fresh` on are scored."""

    ids: Sequence[int]
    fresh: int


class Likelihood:
    """A causal language model as a scorer of ids; on the GPU when there is one.

    A text begins after the model's bos token, or its eos token when it has no bos; the first token of a
    model with neither costs log2 V, as if all of its V rows were equally likely.
    """

    def __init__(self, name: str, model: Any, *, window: int = WINDOW) -> None:  # noqa: ANN401
        self.name = name
        self.rows = embedding_rows(model)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = model.eval().to(self._device)
        config = model.config.get_text_config()
        self._window = max(2, min(window, getattr(config, "max_position_embeddings", None) or window))
        ends = (getattr(config, "bos_token_id", None), getattr(config, "eos_token_id", None))
        self._start = next((each for each in ends if isinstance(each, int) and each < self.rows), None)

    def bits(self, texts: Sequence[Sequence[int]]) -> float:
        """The sum of -log2 p(token | tokens before it) over all tokens of these texts, each by itself.

        A text longer than the window is read in windows that overlap by half: every token is scored once,
        with at least half a window before it (transformers' guide "Perplexity of fixed-length models").
        """
        unscored = 0 if self._start is not None else sum(bool(ids) for ids in texts)
        every = sorted(
            (window for ids in texts if ids for window in self._windows(ids)),
            key=lambda window: len(window.ids),
        )
        nats = 0.0
        with torch.inference_mode(), quiet():
            for batch in self._batches(every):
                nats += self._nats(batch)
        return nats / math.log(2) + unscored * math.log2(self.rows)

    def _windows(self, ids: Sequence[int]) -> Iterator[Window]:
        whole = [*([] if self._start is None else [self._start]), *ids]
        fresh = 1
        while fresh < len(whole):
            begin = 0 if fresh == 1 else fresh - self._window // 2
            end = min(begin + self._window, len(whole))
            yield Window(whole[begin:end], fresh - begin)
            fresh = end

    def _batches(self, windows: Sequence[Window]) -> Iterator[Sequence[Window]]:
        """Windows in order of length, as many at once as their logits have room."""
        batch: list[Window] = []
        for window in windows:
            if batch and (len(batch) + 1) * len(window.ids) * self.rows > NUMBERS:
                yield batch
                batch = []
            batch.append(window)
        if batch:
            yield batch

    def _nats(self, batch: Sequence[Window]) -> float:
        """-ln p of the fresh tokens; a text is filled up at its end, which no token before it can see."""
        length = max(len(window.ids) for window in batch)
        ids = torch.zeros((len(batch), length), dtype=torch.long)
        told = torch.zeros((len(batch), length), dtype=torch.bool)
        scored = torch.zeros((len(batch), length), dtype=torch.bool)
        for row, window in enumerate(batch):
            ids[row, : len(window.ids)] = torch.tensor(window.ids)
            told[row, : len(window.ids)] = True
            scored[row, window.fresh : len(window.ids)] = True
        ids, told, scored = (each.to(self._device) for each in (ids, told, scored))
        logits = self._model(input_ids=ids, attention_mask=told.long(), use_cache=False).logits[:, :-1]
        wanted = scored[:, 1:]
        losses = cross_entropy(logits[wanted].float(), ids[:, 1:][wanted], reduction="none")
        return float(losses.double().sum())


def load_language_model(name: str) -> Likelihood:
    """The model of a folder or of a name on the hub; FileError when it does not predict the next token."""
    kind = class_of(find_model(name)).__name__
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        raise FileError(
            f"{name} is a {kind}, and only a causal language model says how likely a text is",
            fix="name one that predicts the next token, such as a GPT-2",
        )
    loaded = load_model(name)
    if loaded.fresh:
        raise FileError(
            f"{name} lacks {plural(len(loaded.fresh), 'weight')}, {loaded.fresh[0]} first: "
            "they would be random",
            fix=how_to_check(name),
        )
    return Likelihood(name, loaded.model)
