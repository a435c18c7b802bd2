"""A tokenizer and its model grown as one act, and saved together or not at all."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from tokenizers import Tokenizer

from tokbench.adapt.growth import Growth, saved
from tokbench.adapt.pair import own_tokens, refuse_strangers, rows_first
from tokbench.corpus.reading import open_corpus
from tokbench.errors import FileError, TokbenchError, UsageError
from tokbench.io.atomic import ensure_writable
from tokbench.io.extras import require
from tokbench.io.links import refuse_links_out
from tokbench.model.initializers import initializer
from tokbench.model.probes import LONGEST, old_inputs
from tokbench.model.row_plan import (
    WITHOUT_MODEL,
    Renumbering,
    RowInit,
    RowPlan,
    plan_added,
    plan_moved,
    row_init,
)
from tokbench.model.sizes import memory
from tokbench.model.stored_model import stored_model
from tokbench.model.stream import Rewrite
from tokbench.pretrained.added_tokens import (
    DEFAULT_MATCH,
    Added,
    MatchFlags,
    highest_id,
    unknown_id,
    with_tokens,
    without_truncation,
)
from tokbench.pretrained.folder import (
    TokenizerFolder,
    TokenizerSource,
    load,
    load_to_change,
)
from tokbench.pretrained.retokenized import changed_words
from tokbench.pretrained.special_tokens import special_tokens_of
from tokbench.pretrained.wrap import portable_config, with_loaded_flags

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tokbench.model.contract import GrowthProof
    from tokbench.model.sizes import ModelSize, Resized
    from tokbench.pretrained.special_tokens import Move


def beyond(folder: TokenizerFolder, rows: int) -> tuple[TokenizerFolder, Added]:
    """The tokenizer as it was when it fitted `rows` rows, and what was added to it since.

    Added tokens are taken out again to see which pieces they were; a token of the model's own vocabulary
    cannot be, so it has no pieces.
    """
    new = without_truncation(folder)
    tokens = highest_id(new) + 1
    if not tokens:
        raise FileError(f"{folder.name} has no tokens", fix=f"tokbench check {shlex.quote(folder.name)}")
    special = special_tokens_of(new)
    late = {
        token: number for token, number in new.get_vocab(with_added_tokens=True).items() if number >= rows
    }
    late = dict(sorted(late.items(), key=lambda pair: pair[1]))
    raw = _without(new, rows)
    tokenizer = Tokenizer.from_str(json.dumps(raw))
    roles, extra = folder.roles, folder.extra
    older = TokenizerFolder(folder.name, folder.path, tokenizer, raw, folder.config, roles, extra)
    return older, Added(
        tokenizer=new,
        config=portable_config(folder, new),
        special={token: number for token, number in late.items() if token in special},
        regular={token: number for token, number in late.items() if token not in special},
        existing={},
        declared=(),
        before=min(rows, tokens),
        after=tokens,
        holes_filled=0,
        pieces=_pieces(older.tokenizer, list(late), rows, unknown_id(folder)),
    )


def _without(tokenizer: Tokenizer, rows: int) -> dict[str, Any]:
    """tokenizer.json without the added tokens beyond the rows; without a template that names one of them."""
    raw: dict[str, Any] = json.loads(tokenizer.to_str())
    late = {entry["content"] for entry in raw["added_tokens"] if entry["id"] >= rows}
    raw["added_tokens"] = [entry for entry in raw["added_tokens"] if entry["content"] not in late]
    if any(json.dumps(token) in json.dumps(raw["post_processor"]) for token in late):
        raw["post_processor"] = None
    return raw


def _pieces(
    older: Tokenizer, tokens: list[str], rows: int, unknown: int | None
) -> dict[str, tuple[int, ...]]:
    encodings = older.encode_batch(tokens, add_special_tokens=False)
    return {
        token: tuple(number for number in encoding.ids if number != unknown and number < rows)
        for token, encoding in zip(tokens, encodings, strict=True)
    }


TIMES = "no_timestamps_token_id"  # of Whisper's generation config
NO_TIMES = "<|notimestamps|>"  # the token that it is the id of: times begin behind it
REHEARSED = 4 * 2**30  # bytes of weights that a dry run loads where the act loads them, which takes seconds
TRIED = 500 * 10**6  # bytes of weights up to which the model is loaded and tried unasked


class RowChoices(TypedDict, total=False):
    """How the new rows are made, as keyword arguments of grow, planned and add_tokens.

    `start` is the name of an initializer or copy=TOKEN; `descriptions` are token → words it is the mean
    of; `shrink` lets spare rows go; `force_ids` passes over what check finds of the pair; `vocabulary` names
    the config's keys that the tokenizer's size is, of a model that has several; `trust_remote_code` runs
    code in the model's folder. `prove` loads and tries a model of any size, before and after.
    """

    start: str
    descriptions: Mapping[str, str]
    pad_to_multiple_of: int | None
    shrink: bool
    seed: int
    force_ids: bool
    vocabulary: Sequence[str]
    trust_remote_code: bool
    prove: bool


def grow_model(
    folder: TokenizerFolder,
    model: str | Path | None,
    added: Added,
    renumbering: Renumbering | None = None,
    **choices: Unpack[RowChoices],
) -> Growth:
    """Give the model a row for every added token; nothing is written.

    Where a vocabulary takes another's place, `renumbering` says where each row comes from. A model of up to
    500 MB, or with `prove`, is loaded and grown in memory, and the result carries the proof: old rows
    bit-identical, and old texts with the same hidden states. Of a larger one the result is what saving will
    do with its files.
    """
    if model is None:
        return Growth(added=added, tokenizer=folder)
    require("torch", extra="train", what="growing a model")
    start = renumbering.start if renumbering else _start(folder, added, choices)
    initializer(start.way)
    change = _rewrite(folder, model, added, start, choices, renumbering=renumbering)
    if change is None or choices.get("prove", False) or change.measure.weight_bytes <= TRIED:
        return _in_memory(folder, model, added, start, choices, renumbering=renumbering, change=change)
    followed, edits = _followed(change, added.roles, renumbering)
    outcome = change.stored.facts.outcome
    return Growth(
        added=added,
        tokenizer=folder,
        model=str(model),
        plan=change.plan,
        memory=memory(change.measure, change.plan),
        resized=change.resized,
        described=dict(choices.get("descriptions", {})),
        fresh=outcome.missing,
        dropped=outcome.unexpected,
        followed=followed,
        grown_from=change.stored.folder,
        rewrite=replace(change, edits=edits),
    )


def _rewrite(
    folder: TokenizerFolder,
    model: str | Path,
    added: Added,
    start: RowInit,
    choices: RowChoices,
    *,
    renumbering: Renumbering | None,
) -> Rewrite | None:
    """What becomes of the model's files; None where only loading knows what they mean."""
    stored = None if choices.get("trust_remote_code", False) else stored_model(model)
    if stored is None:
        return None
    keys = stored.keys(choices.get("vocabulary", ()))
    tables = stored.tables(keys)
    if tables is None:
        return None
    measure = stored.measure(keys, tables)
    return Rewrite(
        stored=stored,
        tables=tables,
        measure=measure,
        plan=_plan(folder, model, measure, added, choices, renumbering=renumbering),
        start=start,
        seed=choices.get("seed", 0),
    )


def _followed(
    change: Rewrite, roles: Sequence[Move], renumbering: Renumbering | None
) -> tuple[dict[str, tuple[Any, Any]], dict[str, dict[str, Any]]]:
    """The ids that go with moved roles or tokens, by their places, and what the configs state then."""
    if not roles and (renumbering is None or renumbering.ids is None):
        return {}, {}
    from tokbench.model.loading import hollow_with_generation
    from tokbench.model.sync_ids import stated

    model = hollow_with_generation(change.stored.folder)
    followed = _ids_follow(model, roles, renumbering, change.plan.rows_before)
    return followed, stated(model, followed)


def _ids_follow(
    model: PreTrainedModel, roles: Sequence[Move], renumbering: Renumbering | None, rows: int
) -> dict[str, tuple[Any, Any]]:
    """Give the model's configs the ids of roles that moved, or of all tokens; place → old and new."""
    from tokbench.model.sync_ids import follow_roles, move_ids

    if renumbering is not None and renumbering.ids is not None:
        return move_ids(model, renumbering.ids, rows)
    return dict(follow_roles(model, roles))


def _in_memory(
    folder: TokenizerFolder,
    model: str | Path,
    added: Added,
    start: RowInit,
    choices: RowChoices,
    *,
    renumbering: Renumbering | None,
    change: Rewrite | None,
) -> Growth:
    """The model loaded, grown and tried; it is saved by its files where they can be told apart."""
    from tokbench.model.loading import load_model, model_size, told
    from tokbench.model.readers import positions
    from tokbench.model.resize import grown_keys
    from tokbench.model.sync_ids import stated

    seed = choices.get("seed", 0)
    loaded = load_model(model, seed=seed, trust_remote_code=choices.get("trust_remote_code", False))
    with told(model, "grown"):
        keys = grown_keys(loaded.model, choices.get("vocabulary", ()))
        measure = model_size(loaded.model, keys)
        plan = _plan(folder, model, measure, added, choices, renumbering=renumbering)
        longest = min(LONGEST, max(1, (positions(loaded.model) or LONGEST + 2) - 2))  # RoBERTa keeps two
        if renumbering is None:
            inputs = old_inputs(
                without_truncation(folder), added.tokenizer, rows=measure.rows, longest=longest
            )
        else:
            inputs = [list(ids[:longest]) for ids in renumbering.inputs]
        followed, resized, proof = _carried_out(
            loaded.model, plan, added, start, inputs, keys=keys, seed=seed, renumbering=renumbering
        )
    return Growth(
        added=added,
        tokenizer=folder,
        model=str(model),
        plan=plan,
        memory=memory(measure, plan),
        resized=replace(resized, initializer=start.label),
        proof=proof,
        described=dict(choices.get("descriptions", {})),
        fresh=loaded.fresh,
        dropped=loaded.dropped,
        followed=followed,
        grown=loaded.model,
        grown_from=loaded.path,
        rewrite=change and replace(change, plan=plan, edits=stated(loaded.model, followed)),
    )


def _carried_out(
    model: PreTrainedModel,
    plan: RowPlan,
    added: Added,
    start: RowInit,
    inputs: Sequence[Sequence[int]],
    *,
    keys: Sequence[str],
    seed: int,
    renumbering: Renumbering | None,
) -> tuple[dict[str, tuple[Any, Any]], Resized, GrowthProof]:
    """The ids that followed, what was resized, and the proof: answers before and after."""
    from tokbench.model.contract import answers, prove_growth
    from tokbench.model.readers import reader_of
    from tokbench.model.resize import apply
    from tokbench.model.vocabulary_tables import vocabulary_tables

    reader = reader_of(model, inputs[0], vocabulary_tables(model).inputs, hidden=True)
    before = answers(model, reader, inputs, plan.rows_before)
    resized = apply(
        model,
        plan,
        keys=keys,
        start=start.way,
        pieces=start.pieces,
        weights=start.weights,
        described=start.described,
        seed=seed,
    )
    followed = _ids_follow(model, added.roles, renumbering, plan.rows_before)
    new = _every_kind(added) if plan.moved is None else _tried(plan)
    others = bool(followed) and (renumbering is None or renumbering.ids is None)
    proof = prove_growth(model, before, plan, keys=keys, new=new, moved=others)
    return followed, resized, proof


def _every_kind(added: Added) -> tuple[int, ...]:
    """The first and the last new id of each kind."""
    kinds = (list(added.special.values()), list(added.regular.values()))
    return tuple(dict.fromkeys(ids[at] for ids in kinds if ids for at in (0, -1)))


def _tried(plan: RowPlan) -> tuple[int, ...]:
    """The first and the last token whose row was started."""
    ids = [row for row in plan.started if row < plan.tokens]
    return tuple(dict.fromkeys(ids[at] for at in (0, -1) if ids))


def planned(
    folder: TokenizerFolder,
    model: str | Path | None,
    added: Added,
    renumbering: Renumbering | None = None,
    **choices: Unpack[RowChoices],
) -> Growth:
    """What grow would do, from the model's config and the header of its weights.

    Where grow loads the model, up to REHEARSED bytes of weights are loaded and grown as well, and forgotten:
    so what grow would refuse is refused here. Larger ones are not, and then there is no proof.
    """
    if model is None:
        return Growth(added=added, tokenizer=folder, dry=True)
    require("torch", extra="train", what="growing a model")
    start = renumbering.start if renumbering else _start(folder, added, choices)
    initializer(start.way)
    here = Path(model).expanduser().is_dir()
    change = _rewrite(folder, model, added, start, choices, renumbering=renumbering) if here else None
    if change is not None:
        measure, plan = change.measure, change.plan
        most = REHEARSED if choices.get("prove", False) else TRIED
    else:
        measure, most = _measured(model, choices), REHEARSED
        plan = _plan(folder, model, measure, added, choices, renumbering=renumbering)
    tried = here and measure.weight_bytes <= most
    return Growth(
        added=added,
        tokenizer=folder,
        model=str(model),
        plan=plan,
        memory=memory(measure, plan),
        proof=grow_model(folder, model, added, renumbering, **choices).proof if tried else None,
        dry=True,
    )


def _measured(model: str | Path, choices: RowChoices) -> ModelSize:
    """The measures of a model that is not loaded."""
    trusted, vocabulary = choices.get("trust_remote_code", False), choices.get("vocabulary", ())
    stored = stored_model(model) if Path(model).expanduser().is_dir() and not trusted else None
    if stored is not None:
        keys = stored.keys(vocabulary)
        if tables := stored.tables(keys):
            return stored.measure(keys, tables)
    from tokbench.model.loading import meta_model

    return meta_model(model, vocabulary, trust_remote_code=trusted)


def add_tokens(
    tokenizer: TokenizerSource,
    tokens: Sequence[str] = (),
    special: Sequence[str] = (),
    *,
    matching: Mapping[str, MatchFlags] | None = None,
    otherwise: MatchFlags = DEFAULT_MATCH,
    roles: Mapping[str, str] | None = None,
    use_unused: bool = False,
    model: str | Path | None = None,
    sample: str | Path | None = None,
    output: str | Path | None = None,
    dry_run: bool = False,
    force: bool = False,
    **choices: Unpack[RowChoices],
) -> Growth:
    """Add tokens, grow the model if one is named, and save both to `output`, whole or not at all.

    Without `output` nothing is written, and the result holds what was made. A dry run gives the plan, and
    refuses what the act would; of models beyond 500 MB it loads no weights. `sample` is a file of texts whose
    words that now split differently are listed.
    With `use_unused` new tokens take the ids of [unused1] and its like, as far as there are any.

    >>> import tokbench as tb
    >>> tok = tb.train(["a cat", "a hat"] * 9, "wordpiece", vocab_size=30)
    >>> grown = tb.add_tokens(tok, tokens=["COVID"], special=["[E1]"])
    >>> grown.added.special, grown.added.regular
    ({'[E1]': 14}, {'COVID': 15})
    """
    _refuse_unknown(choices)
    out = _place(output, dry_run=dry_run, force=force)
    if model is not None:
        require("torch", extra="train", what="growing a model")
    folder = with_loaded_flags(load_to_change(tokenizer))
    _refuse_links(folder, model)
    if model is not None:
        refuse_strangers(folder, model, roles=roles or (), anyway=choices.get("force_ids", False))
    added = with_tokens(
        folder,
        special=special,
        regular=tokens,
        matching=matching,
        otherwise=otherwise,
        roles=roles,
        use_unused=use_unused,
    )
    choices = held_in_memory(out, choices, dry=dry_run)
    growth = (planned if dry_run else grow_model)(folder, model, added, **choices)
    if sample is not None:
        texts = open_corpus([sample])
        growth = replace(growth, changed=changed_words(without_truncation(folder), added.tokenizer, texts))
    return growth if out is None else saved(growth, out, act="add-tokens", force=force)


def resize(
    model: str | Path,
    tokenizer: TokenizerSource,
    *,
    output: str | Path | None = None,
    dry_run: bool = False,
    force: bool = False,
    **choices: Unpack[RowChoices],
) -> Growth:
    """Give a model the rows for a tokenizer that is already right, and save both; see add_tokens.

    >>> import tempfile, tokbench as tb
    >>> from transformers import BertConfig, BertModel
    >>> tok = tb.train(["a cat", "a hat"] * 9, "wordpiece", vocab_size=30)
    >>> small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    >>> with tempfile.TemporaryDirectory() as place:
    ...     BertModel(BertConfig(vocab_size=tok.reached, **small)).save_pretrained(place)
    ...     fitted = tb.resize(place, tb.add_tokens(tok, special=["[E1]"]).added.tokenizer)
    >>> fitted.plan.size == tok.reached + 1
    True
    """
    _refuse_unknown(choices)
    out = _place(output, dry_run=dry_run, force=force)
    require("torch", extra="train", what="growing a model")
    folder = with_loaded_flags(load(tokenizer))
    _refuse_links(folder, model)
    refuse_strangers(folder, model, anyway=choices.get("force_ids", False), resized=True)
    with _never_alone():
        rows = _measured(model, choices).rows
        older, added = beyond(folder, min(rows, own_tokens(model) or rows))
        choices = held_in_memory(out, choices, dry=dry_run)
        growth = (planned if dry_run else grow_model)(older, model, added, **choices)
        growth = replace(growth, tokenizer=folder)
        return growth if out is None else saved(growth, out, act="resize", force=force)


def held_in_memory(out: Path | None, choices: RowChoices, *, dry: bool = False) -> RowChoices:
    """The choices for a growth that is not written: its result holds the model, whatever its size."""
    return choices if dry or out is not None else {**choices, "prove": True}


@contextmanager
def _never_alone() -> Iterator[None]:
    """Inside, no error says to leave the model out, which is what is resized."""
    try:
        yield
    except TokbenchError as error:
        if error.fix == WITHOUT_MODEL:
            error.fix = "leave the model as it is, with the tokenizer that it was saved with"
        raise


def _refuse_unknown(choices: Mapping[str, object]) -> None:
    if unknown := sorted(choices.keys() - RowChoices.__annotations__.keys()):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")


def _place(output: str | Path | None, *, dry_run: bool, force: bool) -> Path | None:
    """The folder to write, which may be written; none for a dry run."""
    if output is None or dry_run:
        return None
    ensure_writable(Path(output), force=force)
    return Path(output)


def _refuse_links(folder: TokenizerFolder, model: str | Path | None) -> None:
    """FileError where a file of either folder is a link to somewhere outside, which would be copied."""
    refuse_links_out(folder.path)
    if model is not None:
        refuse_links_out(Path(model).expanduser())


def _start(folder: TokenizerFolder, added: Added, choices: RowChoices) -> RowInit:
    return row_init(
        choices.get("start", "pieces"),
        added,
        without_truncation(folder),
        unknown=unknown_id(folder),
        descriptions=choices.get("descriptions", {}),
    )


def _plan(
    folder: TokenizerFolder,
    model: str | Path,
    measure: ModelSize,
    added: Added,
    choices: RowChoices,
    *,
    renumbering: Renumbering | None,
) -> RowPlan:
    _refuse_missing_rows(folder, model, measure.rows, added, anyway=choices.get("force_ids", False))
    if renumbering is not None:
        multiple = choices.get("pad_to_multiple_of")
        return plan_moved(measure.rows, renumbering.kept, added.before, added.after, multiple)
    plan = plan_added(
        measure.rows,
        added.before,
        {**added.special, **added.regular}.values(),
        choices.get("pad_to_multiple_of"),
        shrink=choices.get("shrink", False),
    )
    limit, said = _first_time(folder, measure)
    if limit is not None and plan.started and plan.started[-1] > limit:
        raise UsageError(
            f"{said} of {model} is {limit:,}, and every id above it is a time to generation: "
            f"a token with id {plan.started[-1]:,} would be one",
            fix=WITHOUT_MODEL,
        )
    moved = {f"{move.role}_token_id" for move in added.roles}
    for key, row in measure.ids.items():
        if plan.size <= row < plan.rows_before and key not in moved:
            raise UsageError(
                f"{key} of {model} is {row:,}, and with {plan.size:,} rows it would have none",
                fix=f"{_with_own_id(folder, model, key, plan.size)}leave --shrink out",
            )
    return plan


def _first_time(folder: TokenizerFolder, measure: ModelSize) -> tuple[int | None, str]:
    """The id behind which ids are times, and who says so: the config, else the tokenizer, of Whisper."""
    stated = measure.ids.get(TIMES)
    if stated is not None or not measure.writes_times:
        return stated, TIMES
    return folder.tokenizer.token_to_id(NO_TIMES), NO_TIMES


def _with_own_id(folder: TokenizerFolder, model: str | Path, key: str, rows: int) -> str:
    """The command that gives a key of the config the id of the tokenizer's own token; "" without one."""
    token = folder.roles.get(key.rpartition(".")[2].removesuffix("_token_id"))
    number = None if token is None else folder.tokenizer.token_to_id(token)
    if number is None or number >= rows:
        return ""
    return f"tokbench config set {shlex.quote(str(model))} {key}={number} --in-place, or "


def _refuse_missing_rows(
    folder: TokenizerFolder, model: str | Path, rows: int, added: Added, *, anyway: bool
) -> None:
    if added.before > rows:
        raise UsageError(
            f"{model} has {rows:,} rows, but the ids of {folder.name} go up to {added.before - 1:,}: "
            "they do not belong together",
            fix=rows_first(folder, model, anyway=anyway),
        )
