"""A window on what was added, and on how the model followed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.model.model_config import MAY, MUST_NOT, RESIZE, ConfigChange, ConfigView
from tokbench.model.row_plan import stretches
from tokbench.reporting.elements import Curve, Facts, Grid, Headline, Part

if TYPE_CHECKING:
    from tokbench.adapt.continued.effects import Effect
    from tokbench.adapt.extend import Extension
    from tokbench.adapt.growth import Growth
    from tokbench.adapt.prune import Pruning, PruningEffect
    from tokbench.adapt.transplant import Transplant
    from tokbench.finetuning.warming.warm import Movement, Warmup
    from tokbench.model.contract import GrowthProof
    from tokbench.model.sizes import Resized
    from tokbench.model.stream import Rewritten
    from tokbench.pretrained.added_tokens import Added
    from tokbench.pretrained.retokenized import Changed

MOST_SHOWN = 20

SPECIAL = "markup: never split, decode can leave it out"
REGULAR = "a word: kept in one piece, text like any other"


def growth(result: Growth) -> Iterator[Part]:
    """What is new and what it starts from, then the model's rows, the proof, and what texts become."""
    added = result.added
    new = len(added.special) + len(added.regular)
    place = "a dry run, nothing was written" if result.dry else result.path
    yield Headline(f"{place}: {plural(new, 'new token')}, {added.before:,} → {added.after:,} ids", "good")
    rows = list(_rows(added))
    if rows:
        yield Grid(("id", "token", "kind", "was"), rows[:MOST_SHOWN], right=("id",))
    if len(rows) > MOST_SHOWN:
        yield Facts([("and", f"{len(rows) - MOST_SHOWN:,} more")])
    yield Facts([*_existing(added), *_neighbours(added), *_roles(result), *_model(result), *_beside(result)])
    if result.changed is not None:
        yield from _sample(result.changed)


def extension(result: Extension) -> Iterator[Part]:
    """What was gained, the curve over the number of new tokens, what it costs elsewhere, the model's rows."""
    place = "a dry run, nothing was written" if result.dry else result.path or "in memory"
    gained = f"{result.domain.before:.3f} → {result.domain.after:.3f} bytes a token"
    yield Headline(f"{place}: {plural(result.got, 'new token')}, {gained}", "good")
    rows = [
        (f"{each.tokens:,}", f"{each.bytes_per_token:.3f}", "← knee" if each.tokens == result.knee else "")
        for each in result.curve
    ]
    yield Grid(("new tokens", "bytes a token", ""), rows, right=("new tokens", "bytes a token"))
    yield Curve(
        title="bytes a token over new tokens",
        x="new tokens",
        y="bytes a token",
        series=[("the corpus", [(float(each.tokens), each.bytes_per_token) for each in result.curve])],
    )
    yield Facts([*_learned(result), *_model(result.growth), *_beside(result.growth)])


ORIGINS = {
    "role": "the row of the special token of the same role",
    "aligned": "mean of the old rows that stand where the token stands",
    "copied": "the row of the old token of the same spelling",
    "pieces": "mean of the old tokenizer's pieces of its text",
    "focus": "mean of the rows of similar tokens",
    "mean": "mean of all old rows",
    "normal": "drawn as old rows are spread",
    "zero": "nothing",
}


def transplanted(result: Transplant) -> Iterator[Part]:
    """Where rows come from, how near texts stay, the model's rows and the proof."""
    place = "a dry run, nothing was written" if result.dry else result.path or "in memory"
    yield Headline(f"{place}: {result.tokens_before:,} → {result.tokens:,} tokens", "good")
    for each in result.notes:
        yield Headline(each, "plain")
    rows = [
        (
            f"{each.rows:,}",
            each.origin,
            ORIGINS[each.origin],
            "" if each.share is None else f"{each.share:.1%}",
        )
        for each in result.origins
    ]
    yield Grid(("rows", "from", "", "of the corpus"), rows, right=("rows", "of the corpus"))
    yield Facts([*_vocabularies(result), *_nearness(result), *_other_rows(result), *_beside(result.growth)])


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _vocabularies(result: Transplant) -> Iterator[tuple[str, object]]:
    yield "tokenizer", f"{result.old_tokenizer} → {result.tokenizer}"
    yield "shared", f"{result.shared:,} of {result.tokens:,} tokens spell the same in both"
    if result.texts:
        yield "corpus", f"{plural(result.texts, 'text')}, {_bytes(result.utf8_bytes)}"
    for move in result.growth.added.roles:
        now = f"{move.token} {move.id}" if move.token else "none"
        yield f"role {move.role}", f"{move.before or 'none'} → {now}"
    for key, (old, new) in result.growth.followed.items():
        yield key, f"{'none' if old < 0 else old} → {'none' if new < 0 else new}"
    if result.alone:
        yield "special", f"{_listed(result.alone)}: no counterpart, so they start as the mean of all rows"
    if result.gone:
        yield "roles gone", f"{_listed(result.gone)}: the new tokenizer has no token for them"


def _other_rows(result: Transplant) -> Iterator[tuple[str, object]]:
    """What became of the model's matrices, and the proof."""
    growth = result.growth
    yield "model", result.model
    if growth.plan is not None:
        yield "rows", _resize(growth.plan.rows_before, growth.plan.size)
    if growth.memory is not None:
        yield "weights", f"{_bytes(growth.memory.before)} → {_bytes(growth.memory.after)}"
    if growth.resized is not None:
        yield from _resized(growth.resized)
    if growth.proof is not None:
        yield from _proof(growth.proof)


def _nearness(result: Transplant) -> Iterator[tuple[str, object]]:
    """What texts that no row was made from say."""
    near = result.near
    if near is None:
        return
    yield "measured on", f"{plural(near.texts, 'text')}: {near.source}"
    yield "bytes a token", f"{near.bytes_per_token[0]:.3f} → {near.bytes_per_token[1]:.3f}"
    if near.cosine is not None:
        yield "cosine", f"{near.cosine:.3f} of their vectors to the old ones, on average"
    if near.bits is not None:
        yield "bits a byte", f"{near.bits[0]:.3f} → {near.bits[1]:.3f}"


def pruning(result: Pruning) -> Iterator[Part]:
    """How many tokens are left and why, what texts of the corpus become, and the proof."""
    place = "a dry run, nothing was written" if result.dry else result.path or "in memory"
    effect = result.effect
    yield Headline(f"{place}: {result.tokens_before:,} → {result.tokens:,} tokens", "good")
    for each in result.careful:
        yield Headline(each, "bad")
    yield Facts(
        [*_left(result), *_pruned_texts(effect, result), *_pruned_model(result), *_beside(result.growth)]
    )


def _left(result: Pruning) -> Iterator[tuple[str, object]]:
    yield (
        "always",
        f"{result.always:,} stay whatever the corpus says: characters, added tokens, what is to stay",
    )
    yield "used", f"{result.used:,} others of {plural(result.texts, 'text')}, {_bytes(result.utf8_bytes)}"
    if result.passed:
        yield "passed", f"{result.passed:,} that merges pass through, or rarer ones"
    if result.dead_before:
        yield "dead", f"{result.dead_before:,} → {result.dead:,} that no merge makes of their own text"
    if result.lost:
        yield "lost", _listed([f"{token} {count:,}" for token, count in result.lost.items()])


def _pruned_model(result: Pruning) -> Iterator[tuple[str, object]]:
    growth, weights = result.growth, result.weights
    if weights is None or growth.plan is None:
        yield "model", "none given: name it with --model to leave it the rows of these tokens"
        return
    yield "model", result.model
    yield "rows", _resize(growth.plan.rows_before, growth.plan.size)
    fewer = 1 - weights.parameters / max(1, weights.parameters_before)
    yield "parameters", f"{weights.parameters_before:,} → {weights.parameters:,}, {fewer:.1%} fewer"
    yield "weights", f"{_bytes(weights.bytes_before)} → {_bytes(weights.bytes)}"
    for key, (old, new) in weights.followed.items():
        yield key, f"{old} → {new}"
    yield from _tried(growth)


def _pruned_texts(effect: PruningEffect, result: Pruning) -> Iterator[tuple[str, object]]:
    longer = f", {effect.longer:.1%} more tokens" if effect.longer else ""
    yield "bytes a token", f"{effect.before:.3f} → {effect.after:.3f}{longer}"
    yield "unknown", f"{effect.unknown_before:,} → {effect.unknown:,} tokens"
    yield (
        "the same",
        f"{effect.whole:,} of {plural(effect.texts, 'text')}, and {result.probes:,} made of tokens that are "
        "left, have by their new ids the tokens they had",
    )


def _learned(result: Extension) -> Iterator[tuple[str, object]]:
    added = result.growth.added
    yield "ids", f"{added.before:,} → {added.after:,}; the old ones stay"
    yield "first", _listed(result.first)
    if result.got < result.asked:
        yield "asked for", f"{result.asked:,}: the corpus teaches no more"
    if result.characters:
        yield "of them", f"{plural(result.characters, 'character')} that the vocabulary lacked"
    yield "unused", f"{result.unused:,} have no text of their own: longer ones took their places"
    yield "dead", f"{result.dead:,} new tokens do not come out of their own text"
    if result.dead_before:
        yield "dead before", f"{result.dead_before:,} old ones; {result.refused:,} merges into them refused"
    yield "words", f"{result.domain.unchanged:.1%} of the corpus keep their tokens"
    yield from _effect(result.domain, "different word")
    if result.foreign:
        yield (
            "careful",
            "the vocabulary hardly knew this language: new rows say little until they are trained",
        )
    if result.sample is not None:
        sample = result.sample
        yield "sample", f"{sample.before:.3f} → {sample.after:.3f} bytes a token"
        yield "", f"{sample.unchanged:.1%} of {plural(sample.texts, 'text')} keep their ids"
        yield from _effect(sample, "text")
    yield "engine", result.engine + (f": {result.why}" if result.why else "")


def _effect(effect: Effect, what: str) -> Iterator[tuple[str, object]]:
    """What was unknown, and what is split in a way that is not only shorter."""
    if effect.unknown_before:
        share = f"{effect.unknown_before:.1%} of {what.rpartition(' ')[2]}s"
        yield "unknown", f"{share} held characters that were unknown, {effect.unknown_after:.1%} still do"
    if effect.recut:
        shown = "; ".join(f"{' '.join(one.before)} → {' '.join(one.after)}" for one in effect.examples[:2])
        yield "split anew", f"{plural(effect.recut, what)} with a boundary that was none, such as {shown}"
    if effect.longer:
        yield "longer", f"{plural(effect.longer, what)} with more tokens"


def warmup(result: Warmup) -> Iterator[Part]:
    """What training changed on held-out texts, what was trained on what, and that all else is as it was."""
    place = "a dry run, nothing was trained" if result.dry else result.path or "in memory"
    rows = plural(result.rows, "row")
    if result.loss is None:
        yield Headline(f"{place}: {rows} by {result.objective}, {plural(result.steps, 'step')}", "good")
    else:
        kept = "the trained rows" if result.kept == "after" else "the rows from before, which were better,"
        moved = f"held-out loss {_moved(result.loss)}"
        yield Headline(f"{place}: {rows} trained, {moved}; {kept} are kept", "good")
        measured = [("held-out loss", result.loss), ("cosine to the teacher", result.cosine)]
        measured.append(("bits per byte", result.bits_per_byte))
        lines = [(name, f"{each.before:.4f}", f"{each.after:.4f}") for name, each in measured if each]
        yield Grid(("", "before", "after"), lines, right=("before", "after"))
        yield Curve(
            title="held-out loss over steps",
            x="step",
            y="loss",
            series=[("held out", [(float(each.step), each.dev_loss) for each in result.curve])],
        )
    yield Facts([*_warmed(result)])


def _warmed(result: Warmup) -> Iterator[tuple[str, object]]:
    yield "model", result.model
    if result.teacher:
        yield "teacher", f"{result.teacher}, the same body with the tokenizer from before"
    yield "rows", f"{result.rows:,}, of which {result.seen:,} have a token in the texts"
    yield "texts", f"{result.texts:,} to train on, {result.held_out:,} held out"
    yield "steps", f"{result.steps:,} of {result.batch_size} texts, learning rate {result.learning_rate:g}"
    if result.kept:
        yield "kept", f"the rows of step {result.kept_step:,}"
        yield "time", f"{result.cpu_seconds / 60:.1f} CPU minutes"
    if result.untouched is not None:
        yield "untouched", f"{plural(result.untouched, 'tensor')}, bit by bit; in the others these rows alone"
    for note in result.notes:
        yield "note", note


def _moved(movement: Movement) -> str:
    return f"{movement.before:.4f} → {movement.after:.4f}"


def _rows(added: Added) -> Iterator[tuple[int, str, str, str]]:
    for tokens, kind in ((added.special, SPECIAL), (added.regular, REGULAR)):
        for token, number in tokens.items():
            pieces = added.pieces.get(token, ())
            yield number, token, kind, plural(len(pieces), "piece") if pieces else "unknown"


def _existing(added: Added) -> Iterator[tuple[str, object]]:
    if added.existing:
        yield "already there", _listed([f"{token} {number}" for token, number in added.existing.items()])
    if added.declared:
        yield "now reachable", _listed(added.declared)


def _neighbours(added: Added) -> Iterator[tuple[str, object]]:
    """What goes wrong around new tokens, in a sentence, and what helps."""
    if added.harms:
        more = len(added.harms) - 1
        yield "careful", added.harms[0].sentence + (f" (and {more:,} more)" if more else "")
        yield "what helps", added.remedy


def _roles(result: Growth) -> Iterator[tuple[str, object]]:
    if result.added.taken:
        yield (
            "ids taken",
            _listed([f"{token} has that of {old}" for token, old in result.added.taken.items()]),
        )
    for move in result.added.roles:
        before = f"was {move.before}" if move.before else "had none"
        template = ", and the template follows" if move.template else ""
        yield f"role {move.role}", f"{move.token} {move.id} ({before}){template}"
    for key, (old, new) in result.followed.items():
        yield key, f"{'none' if old < 0 else old} → {new}"


def _model(result: Growth) -> Iterator[tuple[str, object]]:
    if result.plan is None:
        yield "model", "none given: name it with --model to give it rows for the new ids"
        return
    plan = result.plan
    yield "model", result.model
    yield "rows", _resize(plan.rows_before, plan.size)
    gone = f", {plan.dropped:,} dropped" if plan.dropped else ""
    yield "spare rows", f"{len(plan.spare_used):,} used, {plan.spare_left:,} left{gone}"
    yield "kept", f"{plan.kept!r} as they are"
    yield "started", _listed([*map(_span, stretches(plan.started))]) or "none"
    if result.memory is not None:
        yield "weights", f"{_bytes(result.memory.before)} → {_bytes(result.memory.after)}"
    if result.resized is not None:
        yield from _resized(result.resized)
    for token, words in result.described.items():
        yield "described", f"{token} starts as the mean of: {words}"
    yield from _tried(result)


def _tried(result: Growth) -> Iterator[tuple[str, object]]:
    """What was proved of the model, and what was read back of its files."""
    if result.proof is not None:
        yield from _proof(result.proof)
    if result.rewritten is not None:
        yield from _rewritten(result.rewritten)
        if result.fresh:
            yield "lacking", f"{_listed(result.fresh)}: as in the old file; loading starts them anew"
    if result.dropped:
        yield "left out", f"{_listed(result.dropped)}: its class takes no such weights"
    if result.proof is None and not result.dry:
        yield "not tried", "what it answers: its weights are many; --prove loads it before and after"


def _rewritten(files: Rewritten) -> Iterator[tuple[str, object]]:
    """What was read back of the model's files."""
    named, size = plural(files.untouched, "other tensor"), _bytes(files.untouched_bytes)
    yield "read back", f"{files.kept:,} old rows and {files.started:,} new ones are what they should be"
    yield "", f"{named}, {size}, have the bytes they had: SHA-256 {files.sha256[:16]}"


def _proof(proof: GrowthProof) -> Iterator[tuple[str, object]]:
    """What was held against what: old texts first, then the new tokens."""
    by = f" ({proof.part})" if proof.part else ""
    named = " and ".join(name.replace("_", " ") for name in proof.outputs)
    yield (
        "old texts",
        f"{proof.texts} give the same {named}, largest difference {proof.largest_difference:g}{by}",
    )
    if proof.old_columns is not None:
        yield "old logits", "the same" if not proof.old_columns else f"off by {proof.old_columns:.0e} at most"
    if proof.taken is not None:
        mean = 0.0 if proof.taken_mean is None else proof.taken_mean
        yield (
            "next token",
            f"new rows take {proof.taken:.1%} of its probability at most, {mean:.2%} on average",
        )
    if proof.new_texts:
        yield (
            "new tokens",
            f"{proof.as_old} of {proof.new_texts} tried are read as old ids are, in finite numbers",
        )
    if proof.generated:
        yield "one step", "written behind old and new texts"


def _beside(result: Growth) -> Iterator[tuple[str, object]]:
    """What went along into the folder, and what stayed behind, a row a reason."""
    if result.copied:
        yield "copied", _listed(result.copied)
    for why in dict.fromkeys(result.left.values()):
        names = [name for name, reason in result.left.items() if reason == why]
        yield "left behind", f"{_listed(names)}: {why}"


HEADS = {"tied": "tied to the input rows, and still is", "own": "its own rows, grown alike", "none": "none"}


def _resized(resized: Resized) -> Iterator[tuple[str, object]]:
    yield "new rows", f"{resized.started:,}, started as {resized.initializer}" if resized.started else "none"
    bias = ", with a bias a row" if resized.bias else ""
    yield "output head", HEADS[resized.head] + bias
    if len(resized.tables) > 1:
        yield "tables", _listed([each.name for each in resized.tables])


def _resize(before: int, after: int) -> str:
    return f"{before:,}: no resize was needed" if before == after else f"{before:,} → {after:,}"


def _sample(changed: Changed) -> Iterator[Part]:
    more = " (the first of them)" if changed.stopped else ""
    sentence = f"{changed.changed:,} of {plural(changed.texts, 'text')}{more} are split differently"
    rows = [(each.count, each.word, " ".join(each.before), " ".join(each.after)) for each in changed.words]
    yield Facts([("sample", sentence)])
    if rows:
        yield Grid(("times", "word", "before", "after"), rows[:MOST_SHOWN], right=("times",))
    if len(rows) > MOST_SHOWN:
        yield Facts([("and", f"{plural(len(rows) - MOST_SHOWN, 'more word')}")])


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - MOST_SHOWN:,} more" if len(words) > MOST_SHOWN else ""
    return ", ".join(words[:MOST_SHOWN]) + more


def _span(rows: range) -> str:
    return str(rows[0]) if len(rows) == 1 else f"{rows[0]}-{rows[-1]}"


def _bytes(number: int) -> str:
    """Bytes as people read them.

    >>> _bytes(90_868_376), _bytes(512)
    ('86.7 MiB', '0.5 KiB')
    """
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number / 1024:,.1f} KiB"


LONGEST = 40  # characters of a value; the whole one is in the JSON


def view(result: ConfigView) -> Iterator[Part]:
    """The keys in three groups, each group's reasons once."""
    counts = Counter(each.allowed for each in result.keys)
    found = ", ".join(
        f"{counts[allowed]} {allowed}" for allowed in (MAY, RESIZE, MUST_NOT) if counts[allowed]
    )
    yield Headline(f"{result.model}: {result.model_type or 'no model_type'} ({found})")
    for allowed in (MAY, RESIZE, MUST_NOT):
        reasons = dict.fromkeys(each.why for each in result.keys if each.allowed == allowed)
        for why in reasons:
            rows = [
                (each.key, _short(each.value))
                for each in result.keys
                if (each.allowed, each.why) == (allowed, why)
            ]
            yield Headline(f"{allowed}: {why}")
            yield Facts(rows)


def change(result: ConfigChange) -> Iterator[Part]:
    """What was set, old and new."""
    mood = "good" if result.changed else "plain"
    number = len(result.changed)
    yield Headline(f"{result.path}: {number} {'value' if number == 1 else 'values'} changed", mood)
    if result.changed:
        rows = [(key, _short(old), _short(new)) for key, (old, new) in result.changed.items()]
        yield Grid(("key", "was", "is"), rows)
    if result.new:
        yield Facts([("added", ", ".join(result.new))])
    if result.unchanged:
        yield Facts([("had that value", ", ".join(result.unchanged))])


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
