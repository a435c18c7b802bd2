"""Rules about where things come from: is it the model's own tokenizer, and does a folder bring code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import tokbench.model
from tokbench.checks import fixes
from tokbench.checks.context import ADAPTER, TENSORS, Adapter, CheckContext
from tokbench.checks.findings import Finding, Rule, first_few, quoted
from tokbench.checks.model_files import CONFIG, ModelFiles
from tokbench.errors import FileError, plural
from tokbench.pretrained.folder import load

if TYPE_CHECKING:
    from tokbench.checks.same import Sameness

TOKENIZER = "tokenizer.json"
# The key of CVE-2026-4372: code of the hub was run whatever trust_remote_code said.
AUTO_MAP = "auto_map"
POOLING = Path(tokbench.model.__file__).with_name("modeling_pooled.py")  # read, and not imported
RUNNING = (AUTO_MAP, "_attn_implementation_internal")
PICKLES = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt")


def model_needs_no_code(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """config.json asks for no code of its own, and the folder carries none.

    Cause: the model was saved from a class that is not part of transformers, or somebody put it there;
    `tokbench finetune --pooling mean --set portable=code` writes modeling_pooled.py, and says so.
    Example: auto_map runs a Python file of the folder with trust_remote_code=True; in transformers before 5.3
    _attn_implementation_internal ran code of the hub even without it.
    Source: CVE-2026-4372, transformers, trust_remote_code
    """
    asked = {key: model.config[key] for key in RUNNING if model.config.get(key)}
    carried = sorted(model.folder.glob("*.py")) if model.folder else []
    evidence = [f"{key}: {quoted(value, 80)}" for key, value in asked.items()] + [
        _lines(path) for path in carried
    ]
    if carried == [path for path in carried if _is_pooling(path)] and asked.keys() <= {AUTO_MAP} and carried:
        yield Finding(
            "the folder carries code: that which tokbench writes for pooled models, unchanged",
            first_few(evidence),
            "transformers runs it with trust_remote_code=True; tokbench does not, it has its own",
            severity="note",
        )
    elif asked:
        what = f", and carries it: {', '.join(path.name for path in carried)}" if carried else ""
        yield Finding(
            f"the model asks for code of its own to be run{what}",
            first_few(evidence),
            f"read that code before you trust it; if the model needs none, take the key out of {CONFIG}",
        )
    elif carried:
        yield Finding(
            f"the folder carries code that nothing names: {', '.join(path.name for path in carried)}",
            first_few(evidence),
            "read it before you run it; if the model needs none, delete it",
            severity="note",
        )


def _lines(path: Path) -> str:
    return f"{path.name}: {plural(len(path.read_bytes().splitlines()), 'line')}"


def _is_pooling(path: Path) -> bool:
    """Whether a file is the code of pooled models as tokbench has it, to the byte."""
    return path.name == POOLING.name and path.read_bytes() == POOLING.read_bytes()


def tokenizer_is_the_models(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """The tokenizer is the one that the model was saved with.

    Cause: another tokenizer of the same size, a newer save, or two folders of much the same name.
    Example: every id has a row, so nothing fails: the model reads other words than were written. With the ids
    of "good" and "bad" exchanged it says the opposite.
    Source: NVIDIA AI Red Team on swapped token ids, tokenizers #1528
    """
    own = None if model.folder is None else model.folder / TOKENIZER
    if own is None or not own.exists() or model.folder == context.folder:
        return
    try:
        theirs = load(own).tokenizer
    except FileError:  # the model's own cannot be read, which is another matter
        return
    theirs.no_truncation()
    theirs.no_padding()
    from tokbench.checks.same import compared  # few folders bring a second tokenizer

    found = compared((context.tokenizer, theirs), (context.name, model.name))
    if not found.passed and found.reason:
        grown = found.only[0] and not found.only[1] and not found.moved and context.size > found.sizes[1]
        yield Finding(
            f"this is not the tokenizer that the model was saved with: {found.reason}",
            _shown(found),
            f"check the model with its own: tokbench check {shlex.quote(model.name)}",
            severity="warning" if grown or not (found.moved or found.only[1]) else "error",
        )


def nothing_private_lies_beside(context: CheckContext) -> Iterator[Finding]:
    """The folder holds no pickles of a training run.

    Cause: it is a checkpoint of Trainer.
    Example: training_args.bin is a pickle that runs code when it is opened, and holds hub_token in the clear
    if one was passed as an argument.
    Source: CVE-2026-1839, measured with transformers 5.23
    """
    folder = context.folder or Path()
    found = [name for name in PICKLES if (folder / name).is_file()]
    if found:
        yield Finding(
            "pickles of a training run lie in the folder",
            first_few(found, 5),
            "before the folder is shared, delete them; to go on with the training, keep them",
        )


def _shown(found: Sameness) -> str:
    """Both sizes, and the shortest text that shows the difference."""
    sizes = f"highest ids {found.sizes[0] - 1:,} and {found.sizes[1] - 1:,}"
    if found.example is None:
        return sizes
    ids = [list(each[:6]) for each in found.example.ids]
    return f"{sizes}; {quoted(found.example.text)}: {ids[0]} here, {ids[1]} there"


def adapter_is_whole(context: CheckContext) -> Iterator[Finding]:
    """An adapter brings its weights, and every module that it says it saves whole.

    Cause: the head or the embedding was named in modules_to_save and lost on the way, or saved as a pickle.
    Example: the classifier is not in the file: PEFT leaves the base's own, which is random numbers.
    Source: peft #334, #2898
    """
    adapter = _adapter(context)
    lost = [
        module for module in adapter.whole if not any(f".{module}." in f".{name}" for name in adapter.tensors)
    ]
    evidence = adapter.problem or (
        f"{ADAPTER} names {first_few(lost)}; {plural(len(adapter.tensors), 'tensor')}, none of it"
    )
    if adapter.problem or lost:
        yield Finding(
            "the adapter has no weights to read"
            if adapter.problem
            else "the adapter lacks weights it is made of",
            evidence,
            f"save it again with save_pretrained, or take a whole copy of {adapter.name}",
        )


def adapter_has_the_new_rows(context: CheckContext) -> Iterator[Finding]:
    """Tokens beyond the rows of the base model have their rows in the adapter.

    Cause: tokens were added and the base was resized before training, but only the adapter was saved: without
    embed_tokens in modules_to_save the new rows stay behind.
    Example: loaded on the base, the first new token is an IndexError; resized again, its row is random.
    Source: peft #334, #2898
    """
    adapter, model = _adapter(context), context.model
    rows = None if model is None else model.rows
    short = {name: count for name, count in adapter.rows.items() if count < context.size}
    where = f"highest id {context.size - 1:,}; base {adapter.base or 'unnamed'}: {rows} rows"
    if short:
        short_of = plural(context.size - min(short.values()), "token has", "tokens have")
        message = f"{short_of} no row in the adapter's own matrices"
        evidence = f"{first_few([f'{name} {count}' for name, count in short.items()])}; {where}"
        fix = f"name the tokenizer that {adapter.name} was trained with"
        yield Finding(message, evidence, fix)
    elif rows is not None and rows < adapter.needed(context.size):
        fix = f"tokbench resize {shlex.quote(adapter.base)} --tokenizer {context.word} -o resized"
        message = "the adapter was trained on a resized base, which must be resized before it is loaded"
        yield Finding(message, f"{where}, the adapter for {context.size} ids", fix, severity="note")
    elif rows is not None and rows < context.size:
        beyond = sorted((number, token) for token, number in context.vocabulary.items() if number >= rows)
        shown = first_few([f"{quoted(token)} = {number}" for number, token in beyond])
        lost = plural(len(beyond), "token has", "tokens have")
        message = f"{lost} a row neither in the base model nor in the adapter"
        fix = 'train again with modules_to_save=["embed_tokens", "lm_head"] or trainable_token_indices'
        yield Finding(message, f"{shown}; {where}; {TENSORS} has no embedding", fix)


def adapter_fits_its_base(context: CheckContext) -> Iterator[Finding]:
    """What an adapter holds over the vocabulary was made on a matrix of as many rows as the base has.

    Cause: it was trained on a base before its rows were padded or tokens were added, or on another base.
    Example: the adapter has lm_head with 128,256 rows and the base 128,320: PEFT raises "size mismatch".
    Source: axolotl #2277, peft #1300, measured with peft 0.18
    """
    adapter, rows = _adapter(context), context.model.rows if context.model else None
    fewer = {name: count for name, count in adapter.sized.items() if rows is not None and count < rows}
    if fewer:
        yield Finding(
            f"the adapter was trained on a base of {min(fewer.values()):,} rows, and its base has {rows:,}",
            first_few([f"{name} {count}" for name, count in fewer.items()]) + f"; base {adapter.base}",
            "name the base it was trained on in base_model_name_or_path, or train it again on this one",
        )


def new_tokens_are_trained(context: CheckContext) -> Iterator[Finding]:
    """Tokens that the base's tokenizer does not have are trained by the adapter.

    Cause: tokens were added into spare rows of the base, so nothing was resized, and the adapter leaves the
    embedding alone.
    Example: <|im_end|> takes a reserved row that was never trained: the adapter learns around random numbers,
    and the model does not write the token.
    Source: peft #2898
    """
    adapter, model = _adapter(context), context.model
    home = model.folder if model is not None else None
    if model is None or home is None or adapter.sized or not (home / TOKENIZER).exists():
        return
    try:
        before = {number: token for token, number in load(home).tokenizer.get_vocab().items()}
    except FileError:  # the base's own tokenizer cannot be read, which is another matter
        return
    rows = model.rows or 0
    new = {token: number for token, number in context.vocabulary.items() if before.get(number) != token}
    left = sorted((number, token) for token, number in new.items() if number < rows)
    left = [(number, token) for number, token in left if number not in adapter.single]
    if left:
        count = plural(len(left), "new token stands", "new tokens stand")
        ids = first_few([number for number, _ in left])
        yield Finding(
            f"{count} in rows of the base that the adapter does not train",
            first_few([f"{quoted(token)} = {number}" for number, token in left]),
            f"train again with trainable_token_indices, which names them: {ids}",
        )


def base_is_named(context: CheckContext) -> Iterator[Finding]:
    """An adapter names the model it belongs to, by a name that others have too.

    Cause: it was trained on a folder, whose path went into adapter_config.json.
    Example: AutoPeftModel looks for /home/someone/run-7 on another machine and says that it is no repository.
    Source: peft, base_model_name_or_path
    """
    adapter = _adapter(context)
    if not adapter.base:
        shown = "none"
    elif adapter.base.startswith(("/", ".", "~")) and context.model is None:
        shown = quoted(adapter.base, 80)
    else:
        return
    yield Finding(
        "the adapter's base model cannot be found",
        f"base_model_name_or_path: {shown}",
        f"write its name on the hub, or its folder here, into {ADAPTER} of {adapter.name}",
    )


def _adapter(context: CheckContext) -> Adapter:
    assert context.adapter is not None
    return context.adapter


RULES = (
    Rule("TB451", "model-needs-no-code", "warning", "model", model_needs_no_code),
    Rule("TB452", "tokenizer-is-the-models", "error", "model", tokenizer_is_the_models),
    Rule("TB453", "adapter-is-whole", "error", "adapter", adapter_is_whole),
    Rule("TB454", "adapter-has-the-new-rows", "error", "adapter", adapter_has_the_new_rows),
    Rule("TB455", "base-is-named", "warning", "adapter", base_is_named),
    Rule("TB456", "adapter-fits-its-base", "error", "adapter", adapter_fits_its_base),
    Rule("TB457", "new-tokens-are-trained", "warning", "adapter", new_tokens_are_trained),
    Rule("TB611", "nothing-private-lies-beside", "note", "folder", nothing_private_lies_beside,
         fixes.dropping("training_args.bin")),
)  # fmt: skip
