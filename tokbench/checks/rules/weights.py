"""Rules about the model's matrices, by the headers of its weights: enough rows, and everywhere the same."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.checks import fixes
from tokbench.checks.findings import Finding, Rule, first_few, quoted
from tokbench.checks.model_files import CONFIG, ModelFiles
from tokbench.errors import plural
from tokbench.model.safetensors_files import parts_of, tensors_of

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext
    from tokbench.model.class_facts import ClassFacts


def ids_have_rows(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """Every id has a row in the model's embedding.

    Cause: tokens were added and the model was not grown, or only to len(tokenizer) where ids have gaps.
    Example: the first text with the new token is an IndexError: index out of range in self; on a GPU a
    device-side assert, reported at some later call.
    Source: transformers #27053, tokenizers #1609
    """
    rows = model.rows
    if rows is None or context.size <= rows or context.adapter is not None:  # TB454 looks at adapters
        return
    beyond = sorted((number, token) for token, number in context.vocabulary.items() if number >= rows)
    yield Finding(
        f"{plural(len(beyond), 'id is', 'ids are')} beyond "
        f"the {plural(rows, 'row')} of the model's embedding",
        first_few([f"{quoted(token)} = {number}" for number, token in beyond]),
        f"tokbench resize {shlex.quote(model.name)} --tokenizer {context.word} -o resized",
    )


def vocab_size_is_the_rows(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """config.json's vocab_size is the number of embedding rows in the weights.

    Cause: vocab_size was edited by hand, or one of the two files is from another save.
    Example: from_pretrained raises over sizes that do not match; with ignore_mismatched_sizes=True it starts
    the whole embedding at random instead.
    Source: transformers #2480, LlamaFactory #8823
    """
    for key, stated, found in _sizes(model):
        name, rows = next(iter(found.items()))
        if stated != rows:
            what = "" if key == "vocab_size" else f" by {key}"
            yield Finding(
                f"config.json says {plural(stated, 'row')}{what}, the weights have {rows:,}",
                f"{name}: {rows:,} rows; tokenizer: highest id {context.size - 1:,}",
                f"tokbench check {context.word} {shlex.quote(model.name)} --fix --in-place",
            )


def spare_rows_are_few(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """The model has hardly more embedding rows than the tokenizer has ids.

    Cause: matrices are padded to a round size; or this is not the tokenizer the model was trained with.
    Example: resize_token_embeddings(len(tokenizer)) shrinks a padded matrix (152 → 149) and cuts off what was
    in its last rows. A tokenizer half as large as its model is hardly the model's own.
    Source: unsloth-zoo #923, unsloth #2607, mergekit #425
    """
    rows = model.rows
    if rows is None or rows <= context.size:
        return
    foreign = rows > 2 * context.size
    yield Finding(
        "most rows have no token: is this the model's tokenizer?"
        if foreign
        else f"{plural(rows - context.size, 'spare row')}: new tokens can take them without a resize",
        f"{rows:,} rows, highest id {context.size - 1:,}",
        f"name the tokenizer that {model.name} was trained with"
        if foreign
        else "nothing; never resize below",
        severity="warning" if foreign else "note",
    )


def matrices_have_the_same_rows(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """Input embedding, output head and its bias have the same number of rows.

    Cause: only one of them was resized, by hand or by a tool that does not know the family.
    Example: loading raises over sizes that do not match, or starts the head at random and says so in a table
    that scrolls by.
    Source: transformers #1730, #2480, #35141, skeletoken #108
    """
    for sizes in _alike(model):
        if len(set(sizes.values())) > 1:
            yield Finding(
                "the model's matrices over the vocabulary differ in their rows",
                first_few([f"{name} {rows:,}" for name, rows in sizes.items()], 6),
                "resize them together: model.resize_token_embeddings(n), then save the model again",
            )


def _sizes(model: ModelFiles) -> Iterator[tuple[str, int, dict[str, int]]]:
    """Every key that the class reads tokens by, its value, and the rows of its tensors, the embedding first.

    Where the class is not asked: vocab_size and the embedding, by their names.
    """
    facts = model.facts
    if facts is not None and facts.embedding:
        for key in facts.tables.text:
            rows = facts.rows(key)
            first = {name: rows[name] for name in facts.tables.inputs if name in rows}
            if rows:
                yield key, facts.tables.values[key], first | rows
        return
    stated = model.number("vocab_size")
    if model.embeddings and stated is not None:
        yield "vocab_size", stated, model.embeddings


def _alike(model: ModelFiles) -> Iterator[dict[str, int]]:
    """Tensors that must have the same rows: those of one key, or all that are known by their names."""
    facts = model.facts
    if facts is None or not facts.embedding:
        yield model.embeddings | model.outputs if model.embeddings else {}
        return
    yield from (rows for _, _, rows in _sizes(model))


def weights_can_be_read(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """The weights are whole: header and files agree, and every shard lies in the model's folder.

    Cause: a download or a copy was cut, a Git LFS pointer was checked out, an index was tampered with.
    Example: from_pretrained raises "Error while deserializing header" without naming the file; it follows an
    index that points to ../elsewhere.safetensors out of the folder.
    Source: transformers #46097, #47176
    """
    if model.weights.problem:
        yield Finding(
            "the weights cannot be read",
            model.weights.problem,
            "take a whole copy of the model",
        )


def weights_are_safetensors(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """The weights are stored as safetensors.

    Cause: the model was saved years ago, or with safe_serialization=False.
    Example: a .bin file is a pickle, which can run code when it is opened: neither check nor a command that
    grows or trains the model opens it.
    Source: CVE-2025-32434
    """
    if model.weights.pickled:
        yield Finding(
            f"the only weights are {model.weights.pickled}, which can run code when it is opened",
            "no command opens it, so its rows were not counted",
            "where you trust it, load the model with transformers and save it again with save_pretrained",
        )


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


def layers_are_all_there(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
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
            "the weights are not those of config.json's layers; what is missing starts at random",
            f"config.json: {plural(count, 'layer')}; {first_few(wrong)}",
            "take config.json and weights from the same save of the model",
        )


def embedding_is_found(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """Among the weights is the embedding of the tokens.

    Cause: all tensors were renamed (a prefix of a training script), these are the weights of an adapter, or
    DeepSpeed's ZeRO-3 saved the parameters that its processes had given away: each of shape [0].
    Example: from_pretrained warns that 41 weights were newly initialized; the model knows nothing.
    Source: measured with transformers 5.23
    """
    tensors = model.weights.tensors
    empty = [name for name, tensor in tensors.items() if 0 in tensor.shape]
    if empty and len(empty) > len(tensors) // 2:
        yield Finding(
            f"{len(empty):,} of {plural(len(tensors), 'tensor')} hold no number, as ZeRO-3 saves them",
            first_few([f"{name} {list(tensors[name].shape)}" for name in empty]),
            'save again with "stage3_gather_16bit_weights_on_model_save": true in DeepSpeed\'s config, or '
            "make the weights of the checkpoint with its zero_to_fp32.py",
        )
    elif model.family is not None and not model.embeddings:
        yield Finding(
            "the weights hold no embedding of tokens under any name that is known",
            f"{plural(len(tensors), 'tensor')}: {first_few(list(tensors))}",
            "save the model with save_pretrained, or rename its tensors as transformers calls them",
        )


def head_is_there(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """A model that writes text has an output head among its weights, or shares its embedding.

    Cause: tie_word_embeddings is false (for Llama by default) and the weights were saved while it was true.
    Example: lm_head starts at random: the model loads with one warning, and writes noise.
    Source: transformers #35141, LlamaFactory #8823
    """
    stated = model.text.get("tie_word_embeddings", model.config.get("tie_word_embeddings"))
    if _head_is_lost(model, stated) and model.embeddings and model.architecture.endswith(WRITING):
        yield Finding(
            "there is no output head, and the embedding is not to be used for it",
            f"tie_word_embeddings {stated}, {model.architecture}, "
            f"{plural(len(model.weights.tensors), 'tensor')}",
            f'write "tie_word_embeddings": true into config.json of {model.name}, if it was trained so',
        )


def _head_is_lost(model: ModelFiles, stated: object) -> bool:
    """Whether the class has a head of its own that the file lacks; by names where it is not asked."""
    if model.facts is not None:
        return any(name in model.facts.outcome.missing for name in model.facts.tables.heads)
    tied = model.model_type not in UNTIED if stated is None else bool(stated)
    return not tied and not any(name.endswith("weight") for name in model.outputs)


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
            yield f"{stack}.{at} has no {first_few(missing, 2)}"


def weights_are_the_classes(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """Every weight of the class that config.json names is in the file, by its name and in its size.

    Cause: a prefix of a training script in front of all names, a head that was not saved, a config of another
    class.
    Example: all names have one word in front: from_pretrained takes none of the weights, and every number of
    the model is random; it says so in a table that scrolls by.
    Source: measured with transformers 5.23, whose loading is run on tensors without content
    """
    fit = model.outcome
    if not fit.lost:
        return
    names = f"{len(fit.missing):,} missing: {first_few(fit.missing, 2)}" if fit.missing else ""
    sizes = f"{len(fit.other):,} of another size: {first_few(fit.other, 2)}" if fit.other else ""
    extra = f"{len(fit.unexpected):,} not taken: {first_few(fit.unexpected, 2)}" if fit.unexpected else ""
    whole = len(fit.lost) == fit.expected
    yield Finding(
        "none of the weights is taken: the whole model would be random numbers"
        if whole
        else f"{len(fit.lost):,} of {fit.expected:,} weights would be random numbers",
        "; ".join(part for part in (names, sizes, extra) if part),
        f"rename the tensors as {model.architecture or 'transformers'} calls them"
        if whole and fit.unexpected
        else f"take {CONFIG} and weights of {model.name} from the same save of the model",
    )


NEAR = 0.01  # of the usual distance from the mean row: rows made by mean_resizing have 0.001
FEW_NEAR = 8  # rows near the mean, before it is more than chance


@dataclass
class _Rows:
    """What is odd about the rows of an embedding, by id; `twins` are ids of rows equal to an earlier one."""

    blank: list[int] = field(default_factory=list)
    twins: list[int] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)


def weights_are_numbers(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """The weights are numbers: none is infinite or not a number, and no matrix is all zero.

    Cause: training diverged, float16 overflowed, or a copy lost its content and kept its length.
    Example: one NaN makes every logit NaN; from_pretrained loads it without a word.
    Source: measured with transformers 5.23: NaN, Inf and zeroed data are loaded in silence
    """
    import numpy as np

    broken, blank = [], []
    facts = model.facts
    zero = set(_buffers(facts)) if facts else set()
    for name, path, tensor in tensors_of(_folder(model)):
        some = False
        for part in parts_of(path, tensor):
            some = some or bool(part.any())
            if not np.isfinite(part).all():
                broken.append(name)
                break
        if not some and len(tensor.shape) > 1 and name not in zero:
            blank.append(name)
    if broken:
        yield Finding(
            f"{plural(len(broken), 'tensor holds', 'tensors hold')} NaN or infinity",
            first_few(broken, 3),
            "take an earlier checkpoint, or a whole copy of the model",
        )
    elif blank:
        yield Finding(
            f"{plural(len(blank), 'matrix is', 'matrices are')} all zero",
            first_few(blank, 3),
            "take a whole copy of the model: this one may have lost its content",
            severity="warning",
        )


def _buffers(facts: ClassFacts) -> Iterator[str]:
    """The tensors over the vocabulary that nothing trains: a bias of zeros is one by design."""
    for tensors in facts.tables.tensors.values():
        for each in tensors:
            if each.buffer:
                yield from each.names


def rows_are_trained(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """Every token has a row of its own that was trained, or at least started apart from the others.

    Cause: tokens were added, and the model was resized but not trained: mean_resizing starts all new rows at
    the mean, so near each other that the model cannot tell them apart.
    Example: ten new tokens with a cosine of 0.999997 between each two, norm 0.003 where others have 0.112; a
    row of zeros, as of a padding token, stays at zero.
    Source: transformers PR #33325, unsloth fix_untrained_tokens
    """
    if next(iter(model.embeddings), None) not in {name for name, _, _ in tensors_of(_folder(model))}:
        return  # no embedding that is known, or its numbers are of a kind that is not read
    rows = _rows(model)
    padding = {context.id_of("pad"), model.number("pad_token_id")}
    named = {number for number in context.vocabulary.values() if number not in padding}
    blank = [number for number in rows.blank if number in named]
    twins = [number for number in rows.twins if number in named]
    usual = sorted(rows.distances)[len(rows.distances) // 2] if rows.distances else 0.0
    near = [at for at, distance in enumerate(rows.distances) if distance < NEAR * usual and at in named]
    lost = blank or twins or (near if len(near) >= FEW_NEAR else [])
    if lost and len(rows.blank) < len(rows.distances):  # all blank is a finding of its own
        kind = (
            "of zeros"
            if blank
            else "equal to another"
            if twins
            else "at the mean of all, as a resize made it"
        )
        yield Finding(
            f"{plural(len(lost), 'token has', 'tokens have')} a row {kind}",
            first_few([f"{quoted(context.tokenizer.id_to_token(number))} = {number}" for number in lost]),
            "train the model on texts with these tokens; tokbench add-tokens starts them at their pieces",
            severity="warning" if blank or twins else "note",
        )


def tied_matrices_are_one(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """Matrices that the class ties have the same numbers where the file holds both.

    Cause: tie_word_embeddings is true, and the head was trained on its own, or merged from another model.
    Example: transformers 4 throws the head of the file away and uses the embedding; 5 keeps both apart, and
    whatever ties them later, a resize or a new save, loses one.
    Source: transformers #45127
    """
    import numpy as np

    files = {name: (path, tensor) for name, path, tensor in tensors_of(_folder(model))}
    for names in _tied(model.facts) if model.facts is not None else ():
        here = [name for name in names if name in files]
        for one, other in pairwise(here):
            parts = zip(parts_of(*files[one]), parts_of(*files[other]), strict=False)
            if not all(np.array_equal(first, second, equal_nan=True) for first, second in parts):
                yield Finding(
                    f"config.json ties {other} to {one}, and the file holds other numbers for each",
                    f"{model.architecture}, tie_word_embeddings {model.text.get('tie_word_embeddings')}",
                    f'write "tie_word_embeddings": false into config.json of {model.name}, '
                    "if it was trained with two",
                )


def _tied(facts: ClassFacts) -> Iterator[tuple[str, ...]]:
    """The names of every matrix over the vocabulary that has several."""
    for tensors in facts.tables.tensors.values():
        yield from (each.names for each in tensors if each.aliases)


def _rows(model: ModelFiles) -> _Rows:
    """One reading of the input embedding for its mean, and one for what is odd about its rows."""
    import numpy as np

    found, seen = _Rows(), set[int]()
    wanted = next(iter(model.embeddings), None)
    _, path, tensor = next(each for each in tensors_of(_folder(model)) if each[0] == wanted)
    with np.errstate(all="ignore"):  # what is no number has a rule of its own
        mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts_of(path, tensor)) / tensor.shape[0]
        for part in parts_of(path, tensor):
            at = len(found.distances)
            found.distances += np.linalg.norm(part - mean, axis=1).tolist()
            zero = np.asarray(~part.any(axis=1))
            found.blank += (np.flatnonzero(zero) + at).tolist()
            for number, row in enumerate(part):
                key = hash(row.tobytes())
                if key in seen and not zero[number]:
                    found.twins.append(at + number)
                seen.add(key)
    return found


def _folder(model: ModelFiles) -> Path:
    assert model.folder is not None
    return model.folder


RULES = (
    Rule("TB401", "ids-have-rows", "error", "model", ids_have_rows),
    Rule("TB402", "vocab-size-is-the-rows", "error", "weights", vocab_size_is_the_rows,
         fixes.vocab_size_is_counted),
    Rule("TB403", "spare-rows-are-few", "warning", "model", spare_rows_are_few),
    Rule("TB404", "matrices-have-the-same-rows", "error", "weights", matrices_have_the_same_rows),
    Rule("TB405", "weights-can-be-read", "error", "model", weights_can_be_read),
    Rule("TB406", "weights-are-safetensors", "error", "model", weights_are_safetensors),
    Rule("TB407", "layers-are-all-there", "error", "weights", layers_are_all_there),
    Rule("TB408", "head-is-there", "error", "weights", head_is_there),
    Rule("TB409", "embedding-is-found", "error", "weights", embedding_is_found),
    Rule("TB410", "weights-are-the-classes", "error", "skeleton", weights_are_the_classes),
    Rule("TB441", "weights-are-numbers", "error", "values", weights_are_numbers),
    Rule("TB442", "rows-are-trained", "warning", "values", rows_are_trained),
    Rule("TB443", "tied-matrices-are-one", "error", "values", tied_matrices_are_one),
)  # fmt: skip
