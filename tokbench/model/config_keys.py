"""What may change in a model's config, and what must not: a table of keys with the reason. Plain data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAY, MUST_NOT, RESIZE = "may", "must not", "only with a resize"


@dataclass(frozen=True)
class Verdict:
    """Whether a key may change, and why; `keys` are regular expressions of whole key names."""

    allowed: str
    why: str
    keys: tuple[str, ...]


# The first one that fits decides. A key of no row belongs to the architecture: see ARCHITECTURE.
VERDICTS = (
    Verdict(
        RESIZE,
        "the embedding has that many rows; tokbench resize changes both",
        ("vocab_size", "n_vocab"),
    ),
    Verdict(
        MAY,
        "only training drops anything; what the model answers stays the same",
        (r".*dropout(_prob|_rate)?", r".*_?pdrop", r".*layerdrop"),
    ),
    Verdict(
        MAY,
        "names of the labels; how many there are is the head's business",
        ("id2label", "label2id", "problem_type"),
    ),
    Verdict(
        MUST_NOT,
        "they stand for pictures and sounds, whose weights were trained with them",
        (r"(image|video|audio|boi|eoi).*_token_(id|index)",),
    ),
    Verdict(
        MAY,
        "an id below vocab_size; the tokenizer should say the same: tokbench check",
        (r"(bos|eos|pad|cls|sep|mask|unk|decoder_start|forced_bos|forced_eos|classifier)_token_id",),
    ),
    Verdict(
        MAY,
        "how new weights are drawn; those that exist stay",
        ("initializer_range", "initializer_factor", "initializer_cutoff_factor", "init_std"),
    ),
    Verdict(
        MAY,
        "what a call returns or keeps, not what it computes",
        ("output_attentions", "output_hidden_states", "return_dict", "use_cache", "chunk_size_feed_forward"),
    ),
    Verdict(MAY, "the number type that weights are loaded in", ("dtype", "torch_dtype")),
    Verdict(
        MAY,
        "a note that nothing computes with",
        ("transformers_version", "_name_or_path", "name_or_path"),
    ),
    Verdict(
        MUST_NOT,
        "it says which class reads the weights",
        (
            "model_type", "architectures", "auto_map", "is_encoder_decoder", "is_decoder",
            "add_cross_attention",
        ),
    ),
    Verdict(
        MUST_NOT,
        "the matrices are one or two in the file; another value loses one or starts one anew",
        ("tie_word_embeddings", "tie_encoder_decoder"),
    ),
    Verdict(
        MUST_NOT,
        "each position or segment has a row in the weights, or was trained at that distance",
        (
            r"(max_|n_).*positions?(_embeddings)?", "type_vocab_size", "type_vocabulary_size", r"rope_.*",
            r".*relative_.*", "sinusoidal_pos_embds", "position_biased_input", "position_embedding_type",
            "position_buckets", "pos_att_type", "clamp_len", "local_attention", "sliding_window",
            "use_sliding_window", "max_window_layers", "layer_types",
        ),
    ),
    Verdict(
        MUST_NOT,
        "the weights have this shape",
        (
            r".*hidden_size", r".*intermediate_size", r"(num|n)_.*(layers?|heads?|groups?|group_num)",
            r".*_(layers|attention_heads|ffn_dim)", "inner_group_num", "embedding_size", "dim", "hidden_dim",
            r"n_(embd|inner|head|layer)", r"d_(model|ff|kv|head|inner)", "head_dim",
        ),
    ),
    Verdict(
        MUST_NOT,
        "the weights were trained with this function; another one gives other answers",
        (
            r".*(activation|hidden_act)(_function)?", "dense_act_fn", "feed_forward_proj", "is_gated_act",
            r".*norm_eps(ilon)?", r".*_bias", r"summary_.*", r"scale_.*", "classifier_pooling",
        ),
    ),
)  # fmt: skip
ARCHITECTURE = Verdict(
    MUST_NOT, "it belongs to the architecture, and the weights were trained with its value", ()
)


@dataclass(frozen=True)
class ConfigKey:
    """A key of a config (dotted where it is nested), its value, and whether and why it may change."""

    key: str
    value: Any
    allowed: str
    why: str


def verdict(key: str) -> Verdict:
    """What the table says about a key; the last part decides of a dotted one.

    >>> verdict("hidden_dropout_prob").allowed, verdict("text_config.vocab_size").allowed
    ('may', 'only with a resize')
    >>> verdict("something_new").why
    'it belongs to the architecture, and the weights were trained with its value'
    """
    last = key.rpartition(".")[2]
    fitting = (each for each in VERDICTS if any(re.fullmatch(one, last) for one in each.keys))
    return next(fitting, ARCHITECTURE)


def judged(values: Mapping[str, Any], prefix: str = "") -> Iterator[ConfigKey]:
    """Every key of a config with its verdict; a config inside the config follows with dotted keys."""
    for key, value in values.items():
        if isinstance(value, Mapping) and key.endswith("_config"):
            yield from judged(value, f"{prefix}{key}.")
        else:
            found = verdict(key)
            yield ConfigKey(prefix + key, value, found.allowed, found.why)
