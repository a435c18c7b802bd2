"""Rules about what the weights must hold beside the vocabulary's rows: every layer, and a head."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from tokbench.check.evidence import listed
from tokbench.check.finding import Finding
from tokbench.check.model_files import ModelFiles
from tokbench.check.subject import Subject
from tokbench.errors import plural

LAYER = re.compile(r"^(.*?\b(?:layer|layers|h|block|blocks))\.(\d+)\.(.+)$")
# Kinds whose layers all hold the same tensors; of others only the number is counted.
ALIKE = frozenset({
    "bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra", "gpt2", "gpt_neox", "llama",
    "mistral", "opt", "phi", "qwen2", "qwen3", "bloom",
})  # fmt: skip
UNTIED = frozenset(
    {"llama", "mistral", "phi", "phi3", "gpt_neox", "qwen2", "qwen3"}
)  # their classes' default
WRITING = ("ForCausalLM", "ForMaskedLM", "LMHeadModel", "ForConditionalGeneration")


def layers_are_all_there(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """The weights hold as many layers as config.json says, each of them whole.

    Cause: config.json was edited or is another model's; tensors were renamed or lost in a conversion.
    Example: 2 layers where the weights have 1: the second starts at random, with 3 the third is left out; all
    tensors renamed: a wholly random model. transformers says so in a warning only.
    Source: measured with transformers 5.23, missing and unexpected keys
    """
    count, stacks = model.layers, _stacks(model)
    composed = model.text is not model.config  # an image tower has layers of its own
    if count is None or composed or model.family is None or not model.embeddings:
        return
    encoders = [name for name in stacks if "decoder" not in name] or list(stacks)
    wrong = [f"{name}: {len(stacks[name])} layers" for name in encoders if len(stacks[name]) != count]
    if not stacks and count:
        wrong = [f"no tensor of a layer among {len(model.weights.tensors):,}"]
    if model.model_type in ALIKE:
        wrong += [line for name, layers in stacks.items() for line in _gaps(name, layers)]
    if wrong and model.model_type != "albert":  # its layers share one set of weights
        yield Finding(
            "TB407",
            "error",
            "the weights are not those of config.json's layers; what is missing starts at random",
            f"config.json: {plural(count, 'layer')}; {listed(wrong)}",
            "take config.json and weights from the same save of the model",
        )


def embedding_is_found(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """Among the weights is the embedding of the tokens.

    Cause: all tensors were renamed (a prefix of a training script), or these are the weights of an adapter.
    Example: from_pretrained warns that 41 weights were newly initialized; the model knows nothing.
    Source: measured with transformers 5.23
    """
    tensors = model.weights.tensors
    if model.family is not None and not model.embeddings:
        yield Finding(
            "TB409",
            "error",
            "the weights hold no embedding of tokens under any name that is known",
            f"{plural(len(tensors), 'tensor')}: {listed(list(tensors))}",
            "save the model with save_pretrained, or rename its tensors as transformers calls them",
        )


def head_is_there(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """A model that writes text has an output head among its weights, or shares its embedding.

    Cause: tie_word_embeddings is false (for Llama by default) and the weights were saved while it was true.
    Example: lm_head starts at random: the model loads with one warning, and writes noise.
    Source: transformers #35141, LlamaFactory #8823
    """
    stated = model.text.get("tie_word_embeddings", model.config.get("tie_word_embeddings"))
    tied = model.model_type not in UNTIED if stated is None else bool(stated)
    heads = [name for name in model.outputs if name.endswith("weight")]
    if not tied and not heads and model.embeddings and model.architecture.endswith(WRITING):
        yield Finding(
            "TB408",
            "error",
            "there is no output head, and the embedding is not to be used for it",
            f"tie_word_embeddings {stated}, {model.architecture}, "
            f"{plural(len(model.weights.tensors), 'tensor')}",
            f'write "tie_word_embeddings": true into config.json of {model.name}, if it was trained so',
        )


def _stacks(model: ModelFiles) -> Mapping[str, Mapping[int, frozenset[str]]]:
    """The name of a stack of layers → number → the tensors of that layer."""
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name in model.weights.tensors:
        if match := LAYER.match(name):
            found[match[1]][int(match[2])].add(match[3])
    # a layer may hold a list of its own (experts, T5's parts): that is no stack of layers
    top = {stack: layers for stack, layers in found.items() if not re.search(r"\.\d+\.", stack)}
    return {stack: {at: frozenset(each) for at, each in layers.items()} for stack, layers in top.items()}


def _gaps(stack: str, layers: Mapping[int, frozenset[str]]) -> Iterator[str]:
    """The layers that lack a tensor which another one has."""
    whole = frozenset[str]().union(*layers.values())
    for at in sorted(layers):
        missing = sorted(whole - layers[at])
        if missing:
            yield f"{stack}.{at} has no {listed(missing, 2)}"
