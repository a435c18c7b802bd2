"""What a kind of model does where its config.json is silent; tested on the library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Family:
    """The facts of one `model_type` that rules need.

    `pad`, `bos`, `eos` are the ids of its config class. `positions`: "learned" has a row for each position
    and breaks beyond; "after pad" too, but numbers them from the padding id + 1; "" is bounded elsewhere or
    not at all. `padding_row`: the row of the padding id stays zero and untrained. `decoder`: classifies by
    the last token before the padding, which it finds by the padding id.
    """

    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    positions: str = ""
    padding_row: bool = True
    decoder: bool = False

    def default(self, role: str) -> int | None:
        """The id of a role that holds when config.json does not say one."""
        return {"pad": self.pad, "bos": self.bos, "eos": self.eos}.get(role)


_BERT = Family(pad=0, positions="learned")
_ROBERTA = Family(pad=1, bos=0, eos=2, positions="after pad")
_GPT2 = Family(bos=50256, eos=50256, positions="learned", padding_row=False, decoder=True)
_LLAMA = Family(bos=1, eos=2, decoder=True)

FAMILIES: dict[str, Family] = {
    "albert": Family(pad=0, bos=2, eos=3, positions="learned"),
    "bart": Family(pad=1, bos=0, eos=2, positions="learned"),
    "bert": _BERT,
    "bloom": Family(bos=1, eos=2, padding_row=False, decoder=True),
    "camembert": _ROBERTA,
    "data2vec-text": _ROBERTA,
    "deberta": Family(pad=0),
    "deberta-v2": Family(pad=0),
    "distilbert": _BERT,
    "electra": _BERT,
    "falcon": Family(bos=11, eos=11, padding_row=False, decoder=True),
    "gemma": Family(pad=0, bos=2, eos=1, decoder=True),
    "gpt2": _GPT2,
    "gpt_neo": _GPT2,
    "gpt_neox": Family(bos=0, eos=2, padding_row=False, decoder=True),
    "llama": _LLAMA,
    "longformer": _ROBERTA,
    "mistral": _LLAMA,
    "modernbert": Family(pad=50283, bos=50281, eos=50282),
    "mpnet": _ROBERTA,
    "mt5": Family(pad=0, eos=1, padding_row=False),
    "opt": Family(pad=1, bos=2, eos=2, positions="learned", decoder=True),
    "phi": _LLAMA,
    "phi3": Family(pad=32000, bos=1, eos=32000, decoder=True),
    "qwen2": Family(decoder=True),
    "qwen3": Family(decoder=True),
    "roberta": _ROBERTA,
    "t5": Family(pad=0, eos=1, padding_row=False),
    "xlm-roberta": _ROBERTA,
    "xlnet": Family(pad=5, bos=1, eos=2, padding_row=False),
}
