"""Twelve families and their heads, grown by 20 tokens, padded to 64, saved and loaded: what changed.

Run: OMP_NUM_THREADS=1 python benchmarks/grow_families.py
Small random models; prints a Markdown table and exits 1 when something changed for old texts. Hidden states
and classifiers' answers are equal to the bit. Logits of old tokens may differ in the last bit although their
weights do not: the product has 128 columns instead of 57, and a BLAS sums those in another order.
"""

from __future__ import annotations

import os
import string
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedModel

from tokbench.adapt.grow import add_tokens
from tokbench.io.quiet import quiet
from tokbench.model.loading import load_model
from tokbench.model.resize import embedding_rows, head_kind, vocabulary_weights
from tokbench.pretrained.folder import save_folder
from tokbench.pretrained.wrap import wrapper_config

ROLES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
WORDS = [*ROLES.values(), *string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
V = len(WORDS)
LAST_BIT = 1e-7
TEXTS = ["the quick brown fox", "a", "jumps over the lazy dog", "x y z", "tokens", "grow " * 5]
IDS: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
BERT: dict[str, Any] = {
    "vocab_size": V, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 64, **IDS,
}  # fmt: skip
GQA = {**BERT, "num_key_value_heads": 2}
# family → its config's class, what makes it small, its heads
FAMILIES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "bert": ("BertConfig", BERT, ("BertForMaskedLM", "BertForSequenceClassification")),
    "roberta": ("RobertaConfig", BERT, ("RobertaForMaskedLM", "RobertaForSequenceClassification")),
    "distilbert": (
        "DistilBertConfig",
        {"vocab_size": V, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, **IDS},
        ("DistilBertForMaskedLM", "DistilBertForSequenceClassification"),
    ),
    "electra": (
        "ElectraConfig",
        {**BERT, "embedding_size": 8},
        ("ElectraForMaskedLM", "ElectraForSequenceClassification"),
    ),
    "albert": (
        "AlbertConfig",
        {**BERT, "embedding_size": 8},
        ("AlbertForMaskedLM", "AlbertForSequenceClassification"),
    ),
    "deberta-v2": (
        "DebertaV2Config",
        {**BERT, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
        ("DebertaV2ForMaskedLM", "DebertaV2ForSequenceClassification"),
    ),
    "gpt2": (
        "GPT2Config",
        {"vocab_size": V, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, **IDS},
        ("GPT2LMHeadModel", "GPT2ForSequenceClassification"),
    ),
    "modernbert": (
        "ModernBertConfig",
        {**BERT, "cls_token_id": 2, "sep_token_id": 3},
        ("ModernBertForMaskedLM", "ModernBertForSequenceClassification"),
    ),
    "t5": (
        "T5Config",
        {"vocab_size": V, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2,
         "decoder_start_token_id": 0, **IDS},
        ("T5ForConditionalGeneration", "T5ForSequenceClassification"),
    ),
    "xlnet": (
        "XLNetConfig",
        {"vocab_size": V, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, **IDS},
        ("XLNetLMHeadModel", "XLNetForSequenceClassification"),
    ),
    "llama": ("LlamaConfig", GQA, ("LlamaForCausalLM", "LlamaForSequenceClassification")),
    "qwen2": ("Qwen2Config", GQA, ("Qwen2ForCausalLM", "Qwen2ForSequenceClassification")),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One model: largest differences of old hidden states and of old outputs, ties, rows and config."""

    family: str
    head: str
    states: float
    outputs: float
    rows_equal: bool
    tie: str
    rows: tuple[int, int]
    config: bool
    weights_fresh: int

    @property
    def holds(self) -> bool:
        """Whether nothing changed for old texts and everything fits."""
        before, _, after = self.tie.partition(" → ")
        allowed = 0.0 if before == "none" else LAST_BIT
        fits = before == after and self.rows_equal and self.config and not self.weights_fresh
        return self.states == 0 and self.outputs <= allowed and fits


def main() -> int:
    """Print the table."""
    print("| family | class | hidden states | outputs | old rows equal | head | rows | config | made anew |")
    print("|---|---|---|---|---|---|---|---|---|")
    holds = True
    with tempfile.TemporaryDirectory() as folder:
        for row in measured(Path(folder)):
            equal, fits = (("yes" if each else "NO") for each in (row.rows_equal, row.config))
            before, after = row.rows
            print(
                f"| {row.family} | {row.head} | {row.states:g} | {row.outputs:.1g} | {equal} | {row.tie} "
                f"| {before} → {after} | {fits} | {row.weights_fresh} |"
            )
            holds = holds and row.holds
    return 0 if holds else 1


def measured(folder: Path) -> Iterator[Row]:
    """Every family with every head, one after the other."""
    torch.set_num_threads(1)
    save_tokenizer(folder / "tokenizer")
    for family, (config, small, heads) in FAMILIES.items():
        for head in heads:
            yield measure(folder, family, head, config, small)


def measure(folder: Path, family: str, head: str, config: str, small: dict[str, Any]) -> Row:
    """Grow one random model through files, and compare what was loaded before and after."""
    old, new = folder / f"{head}-old", folder / f"{head}-new"
    torch.manual_seed(7)
    with quiet():
        made = getattr(transformers, head)(getattr(transformers, config)(**small))
        for weight in made.parameters():  # biases too, so that none is equal by being 0
            torch.nn.init.normal_(weight, std=0.05)
        made.save_pretrained(old)
    added = add_tokens(
        folder / "tokenizer",
        output=new,
        special=[f"[E{number}]" for number in range(10)],
        tokens=[f"word{number}" for number in range(10)],
        model=old,
        pad_to_multiple_of=64,
    )
    before, after = load_model(old).model, load_model(new)
    aligned(before)
    aligned(after.model)
    inputs = [encoding.ids for encoding in added.tokenizer.tokenizer.encode_batch(TEXTS)]
    states = zip(hidden_states(before, inputs), hidden_states(after.model, inputs), strict=True)
    outputs = ((output(before, ids), output(after.model, ids)) for ids in inputs)
    return Row(
        family=family,
        head=head,
        states=max(difference(one, two) for one, two in states),
        outputs=max(difference(one, two) for one, two in outputs),
        rows_equal=all(
            torch.equal(one, two[: len(one)])
            for one, two in zip(*map(vocabulary, (before, after.model)), strict=True)
        ),
        tie=f"{head_kind(before)} → {head_kind(after.model)}",
        rows=(embedding_rows(before), embedding_rows(after.model)),
        config=after.model.config.get_text_config().vocab_size == embedding_rows(after.model) == 128,
        weights_fresh=len(after.fresh) + len(after.dropped),
    )


def hidden_states(model: PreTrainedModel, inputs: list[list[int]]) -> list[torch.Tensor]:
    """The last hidden states (T, H) of each input, of the encoder where there are two stacks."""
    body = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    with torch.inference_mode():
        return [body(input_ids=torch.tensor([ids]))[0][0] for ids in inputs]


def aligned(model: PreTrainedModel) -> None:
    """Weights read from a file lie where the file has them, and a BLAS sums by where they lie: move them."""
    for weight in model.parameters():
        weight.data = weight.data.clone()


def vocabulary(model: PreTrainedModel) -> list[torch.Tensor]:
    """Every tensor with a row a token."""
    return [weight.detach() for weight in vocabulary_weights(model).values()]


def output(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    """The logits of a classifier, or those of the old tokens."""
    decoder = (
        {"decoder_input_ids": torch.tensor([[0]])}
        if type(model).__name__ == "T5ForConditionalGeneration"
        else {}
    )
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=torch.tensor([ids]), **decoder).logits
    return logits[..., :V]


def difference(one: torch.Tensor, two: torch.Tensor) -> float:
    """The largest difference of two tensors; 0 only when every bit is the same."""
    return 0.0 if torch.equal(one, two) else max(float((one - two).abs().max()), sys.float_info.min)


def save_tokenizer(folder: Path) -> None:
    """A tokenizer that spells words in letters."""
    tokenizer = Tokenizer(models.WordPiece({token: at for at, token in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in ROLES.values()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    folder.mkdir(parents=True)
    save_folder(tokenizer, wrapper_config(tokenizer, ROLES), folder)


if __name__ == "__main__":
    sys.exit(main())
