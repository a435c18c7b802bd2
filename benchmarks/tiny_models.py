"""Small random models of every class in transformers' tables that reads tokens, made by their config's keys.

No family is written down here by its shape: a default config's own keys are set small (`hidden_size` to 16),
nested ones too, and the class is built on the meta device first, so that what is not small is refused.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers.models.auto import configuration_auto, modeling_auto

from tokbench.io.quiet import quiet
from tokbench.model.readers import OTHERS, positions
from tokbench.pretrained.folder import save_folder
from tokbench.pretrained.wrap import wrapper_config

V = 128  # rows of every vocabulary of text, and tokens of the tokenizer
LAYERS = 2
MOST = 20_000_000  # numbers of a model that is still small
ROLES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROLE_IDS = {"pad": 0, "unk": 1, "bos": 2, "cls": 2, "decoder_start": 2, "eos": 3, "sep": 3, "mask": 4}
FIRST_OTHER = 90  # ids of images, sounds and what else a config names

# The tables of classes that read tokens, in the order of choice: the first whose class can be built stands
# for a family.
TABLES = (
    "SEQ_TO_SEQ_CAUSAL_LM", "IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM", "CAUSAL_LM", "MASKED_LM",
    "SPEECH_SEQ_2_SEQ", "PRETRAINING", "TEXT_TO_WAVEFORM", "TEXT_TO_SPECTROGRAM",
    "ZERO_SHOT_IMAGE_CLASSIFICATION", "ZERO_SHOT_OBJECT_DETECTION", "VISUAL_QUESTION_ANSWERING", "RETRIEVAL",
    "CTC", "RNNT", "QUESTION_ANSWERING", "SEQUENCE_CLASSIFICATION", "TEXT_ENCODING",
)  # fmt: skip
# the tables of heads, in the order of a table's columns; "" is that of the models without a head
HEADS = (
    "", "PRETRAINING", "CAUSAL_LM", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM", "SEQUENCE_CLASSIFICATION",
    "TOKEN_CLASSIFICATION", "QUESTION_ANSWERING", "MULTIPLE_CHOICE", "NEXT_SENTENCE_PREDICTION",
    "IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM", "TEXT_ENCODING",
)  # fmt: skip
# a key's whole name → the value that makes it small; the first that fits decides
SMALL: tuple[tuple[str, int], ...] = (
    (r"(max_|n_).*position.*|n_ctx|max_seq_len.*|.*max_length|seq_length|max_(source|target)_positions", 64),
    (r".*image_size.*|.*input_size", 16),
    (r".*patch_size.*", 8),
    (r"num_key_value_heads|num_.*kv_heads|n_kv_heads|multi_query_.*num", 2),
    (r".*(num|n)_.*attention_heads.*|n_heads?|num_heads|.*attention_heads|.*_num_heads|n_head", 2),
    (r".*(num|n)_.*layers?|n_layers?|.*_layers|.*_layer|num_blocks|depth|.*num_.*blocks|.*_depth", LAYERS),
    (r"rotary_dim", 4),
    (r"qk_head_dim", 16),
    (r".*head_dim.*|d_kv|head_size|d_head|.*_head_dim", 8),
    (r".*(intermediate|ffn|feed_?forward|mlp|inner).*(size|dim).*|d_ff|n_inner|d_inner|hidden_dim", 32),
    (r".*hidden_size.*|.*d_model|n_embd|dim|.*embed_dim.*|.*embedding_(size|dim)|.*emb(ed)?_size|width"
     r"|.*_dim|.*_width", 16),
    (r"num_(local_)?experts|moe_num_experts|n_routed_experts|.*num_experts", 4),
    (r".*experts_per_tok(en)?|moe_k|moe_topk|.*top_?k.*|n_shared_experts|n_group|num_expert_group", 1),
    (r".*num_channels|in_channels|in_chans", 3),
)  # fmt: skip
PADDED_LEFT = ("cpmant",)  # its positions begin behind the padding
# rotated along three axes, whose shares the class knows and the config need not name
THREE_AXES = ("glm4v_moe_text", "glm4v_text", "glm_ocr_text", "paddleocr_vl_text", "qwen2_5_vl_text",
              "qwen2_vl_text")  # fmt: skip
NO_CACHE = ("linear_attention", "conv")  # a layer of these alone leaves generation without lengths
KEPT = r"num_feat_extract_layers|conv_.*|.*_layer_idx|.*out_dim"  # they count a list, or name one of many
# what no rule by name can know: model type → its keys
ODD: dict[str, dict[str, Any]] = {
    "bamba": {"mamba_n_heads": 4, "mamba_d_head": 8, "attn_layer_indices": [1]},
    "codegen": {"n_head": 4, "rotary_dim": 4},
    "deepseek_v2": {"num_experts_per_tok": 1},
    "esm": {"vocab_size": V, "pad_token_id": 0, "mask_token_id": 4},
    "falcon_h1": {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8,
                  "mamba_chunk_size": 16},
    "gemma3n_text": {"num_kv_shared_layers": 0, "laurel_rank": 4, "altup_num_inputs": 2},
    "gemma4_text": {"num_kv_shared_layers": 0},
    "gpt_neo": {"attention_types": [[["global"], LAYERS]]},
    "granitemoehybrid": {"mamba_n_heads": 4, "mamba_d_head": 8,
                         "layer_types": ["linear_attention", "full_attention"]},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "idefics": {"additional_vocab_size": 2},
    "layoutlmv3": {"coordinate_size": 2, "shape_size": 4, "input_size": 16},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "led": {"attention_window": [8, 8], "max_encoder_position_embeddings": 64},
    "lilt": {"hidden_size": 48},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 4, "head_dim": 8, "n_groups": 1},
    "ministral": {"head_dim": 8},
    "mobilebert": {"embedding_size": 8, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    "reformer": {"is_decoder": True, "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [8, 8],
                 "attn_layers": ["local", "lsh"], "num_hashes": 1},
    "nemotron": {"num_key_value_heads": 2},
    "nemotron_h": {"n_groups": 1, "mamba_num_heads": 4, "mamba_head_dim": 8},
    "recurrent_gemma": {"block_types": ["recurrent", "attention"]},
    "t5": {"decoder_start_token_id": 0},
    "wav2vec2-bert": {"vocab_size": V},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"layers_block_type": ["linear_attention", "hybrid"]},
    "zamba2": {"hybrid_layer_ids": [1], "layers_block_type": ["linear_attention", "hybrid"]},
}  # fmt: skip


def families() -> dict[str, tuple[str, ...]]:
    """Model type → its classes that read tokens, the one that stands for it first."""
    tables = [vars(modeling_auto)[f"MODEL_FOR_{table}_MAPPING_NAMES"] for table in TABLES]
    found: dict[str, tuple[str, ...]] = {}
    for kind in sorted(configuration_auto.CONFIG_MAPPING_NAMES):
        names = [name for table in tables for name in _names(table.get(kind))]
        if names:
            found[kind] = tuple(dict.fromkeys(names))
    return found


def heads() -> dict[str, dict[str, tuple[str, ...]]]:
    """Table of heads → model type → its classes, for every model type that reads tokens."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for table in HEADS:
        listed = vars(modeling_auto)[f"MODEL_FOR_{table}_MAPPING_NAMES" if table else "MODEL_MAPPING_NAMES"]
        found[table] = {kind: names for kind in families() if (names := _names(listed.get(kind)))}
    return found


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple | list) else (str(value),) if value else ()


def config_of(kind: str) -> Any:  # noqa: ANN401
    """A small config of a model type."""
    made = configuration_auto.CONFIG_MAPPING[kind]()
    return type(made)(**shrunk(made.to_dict(), kind, {}))


def shrunk(values: Mapping[str, Any], kind: str, ids: dict[int, int]) -> dict[str, Any]:
    """The keys that a small model needs, with their small values; nested configs whole."""
    kind = values.get("model_type") or kind
    counts = [value for key, value in values.items() if re.fullmatch(r"\w*layers?", key)]
    numbers = {value for value in counts if isinstance(value, int) and value > LAYERS}
    found = {
        key: small
        for key, value in values.items()
        if (small := _small(key, value, numbers, ids, kind)) is not None
    }
    return {**found, **ODD.get(kind, {})}


def _small(key: str, value: Any, layers: set[int], ids: dict[int, int], kind: str) -> Any:  # noqa: ANN401
    if isinstance(value, dict) and ("config" in key or key in ("encoder", "decoder")):
        return {} if key == "per_layer_config" else {**value, **shrunk(value, "", ids)}
    if role := re.fullmatch(r"(\w+)_token_(id|index|ids)", key):
        return _token(role[1], value, ids)
    if isinstance(value, dict) and (kind in THREE_AXES or "mrope_section" in value) and "rope_type" in value:
        return {**value, "mrope_section": _sections(value)}
    if isinstance(value, list) and len(value) in layers and len(value) > LAYERS:
        other = next((each for each in value if each != value[0]), value[0])
        return [value[0], other if value[0] in NO_CACHE else value[-1]]
    if not isinstance(value, int) or isinstance(value, bool) or re.fullmatch(KEPT, key):
        return None
    if "vocab_size" in key or key == "n_vocab":
        return _vocabulary(key, value)
    small = next((size for pattern, size in SMALL if re.fullmatch(pattern, key)), None)
    return small if small is not None and value > small else None


def _sections(rope: Mapping[str, Any]) -> list[int]:
    """Three sections that make up half of what is rotated of a head of 8 numbers."""
    half = int(4 * rope.get("partial_rotary_factor", 1.0))
    return [half - 2 * (half // 3), half // 3, half // 3]


def _vocabulary(key: str, value: int) -> int:
    """Rows of text vocabularies; those of segments, sounds and pictures have other numbers."""
    text = re.fullmatch(r"vocab_size.*|n_vocab|(src|tgt|decoder|encoder)_vocab_size", key)
    return V if text else min(value, 48)


def _token(role: str, value: Any, ids: dict[int, int]) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_token(role, each, ids) for each in value]
    if not isinstance(value, int) or value < 0:
        return None
    return ROLE_IDS[role] if role in ROLE_IDS else ids.setdefault(value, FIRST_OTHER + len(ids))


def built(kind: str, name: str) -> Any:  # noqa: ANN401
    """A small random model; raises whatever the library raises, ValueError where it is not small."""
    made, config = getattr(transformers, name), config_of(kind)
    text = config.get_text_config()
    if name.endswith("SequenceClassification") and getattr(text, "pad_token_id", 0) is None:
        text.pad_token_id = ROLE_IDS["pad"]  # by which it finds the last word; without one it takes one text
    with torch.device("meta"):
        size = sum(each.numel() for each in made(config).parameters())
    if size > MOST:
        raise ValueError(f"{size:,} numbers, which is not small")
    torch.manual_seed(7)
    model = made(config).eval()
    _refuse_idle(model)
    return model


def _refuse_idle(model: Any) -> None:  # noqa: ANN401
    """ValueError where a class that takes ids alone does not run: then the sizes do not fit each other."""
    named = inspect.signature(model.forward).parameters
    if "input_ids" not in named or any(name in named for name in OTHERS):
        return
    ids = torch.tensor([[2, *range(5, 25), 3]])
    more = {"decoder_input_ids": ids} if "decoder_input_ids" in named else {}
    try:
        with torch.inference_mode():
            model(input_ids=ids, **more)
    except Exception as error:
        raise ValueError(f"its small form does not run: {error}") from error


def randomized(model: Any) -> Any:  # noqa: ANN401
    """The model with random numbers in its vocabulary's biases, so that none is equal by being 0."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1 and weight.shape[0] == V and name.endswith("bias"):
                torch.nn.init.normal_(weight, std=0.05)
    return model


def save_tokenizer(folder: Path, *, side: str = "right", longest: int = 48) -> None:
    """A tokenizer of V tokens that spells words in letters."""
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,"]
    words = [*ROLES.values(), *letters, *(f"##{letter}" for letter in letters)]
    words += [f"w{at}" for at in range(V - len(words))]
    tokenizer = Tokenizer(models.WordPiece({token: at for at, token in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in ROLES.values()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    folder.mkdir(parents=True, exist_ok=True)
    save_folder(
        tokenizer, wrapper_config(tokenizer, ROLES, model_max_length=longest, padding_side=side), folder
    )


def saved(kind: str, folder: Path, *, name: str = "", tokenizer: Path | None = None) -> str:
    """Write a small model of a family and its tokenizer, into a folder each or into one; the class's name."""
    refused: Exception | None = None
    for each in [name] if name else families()[kind]:
        try:
            model = _written(kind, each, folder)
        except Exception as error:  # a config that this class is not for raises whatever it meets first
            refused = refused or error
            continue
        side = "left" if kind in PADDED_LEFT else "right"
        save_tokenizer(tokenizer or folder, side=side, longest=min(48, (positions(model) or 64) - 2))
        return each
    assert refused is not None
    raise refused


def _written(kind: str, name: str, folder: Path) -> Any:  # noqa: ANN401
    """A small model, written to a folder; ValueError where its own class does not load it whole again."""
    with quiet():
        model = randomized(built(kind, name))
        model.save_pretrained(folder)
        _, info = type(model).from_pretrained(folder, output_loading_info=True)
    if info["missing_keys"]:
        raise ValueError(f"{name} does not load what it saved: {min(info['missing_keys'])}")
    return model
