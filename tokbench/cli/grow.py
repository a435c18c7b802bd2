"""Grow: add tokens to a tokenizer, and the rows for them to its model."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tokbench.cli import options
from tokbench.cli.options import DryRun, ForceIds, Out, Pad, Prove, Seed, Trust, Vocabulary, refuse_no_output
from tokbench.cli.output import hint, hint_written, put
from tokbench.errors import UsageError, did_you_mean

Shrink = Annotated[bool, Option("--shrink", help="Let spare rows go; they stay otherwise.")]
Start = Annotated[
    str,
    Option(help="How a new row starts: pieces (mean of its old pieces), mean, normal, zero, copy=TOKEN."),
]


def add_tokens(
    tokenizer: options.Tokenizer,
    output: Out = None,
    special: Annotated[
        list[str] | None,
        Option(help="A special token: never split, left out by decode; repeat for more.", metavar="TOKEN"),
    ] = None,
    token: Annotated[
        list[str] | None,
        Option(help="A regular token: a whole word kept in one piece; repeat for more.", metavar="TOKEN"),
    ] = None,
    special_file: Annotated[
        Path | None, Option(help="Special tokens: one a line, or a JSON list.", show_default=False)
    ] = None,
    token_file: Annotated[
        Path | None, Option(help="Regular tokens: one a line, or a JSON list.", show_default=False)
    ] = None,
    role: Annotated[
        list[str] | None, Option(help="Give a role to a token: cls=[CLS2].", metavar="ROLE=TOKEN")
    ] = None,
    single_word: Annotated[
        bool | None,
        Option(
            "--single-word/--inside-words",
            help="Never (or also) inside a longer word.",
            show_default="by its look",
        ),
    ] = None,
    lstrip: Annotated[bool, Option("--lstrip", help="The spaces before a token belong to it.")] = False,
    rstrip: Annotated[bool, Option("--rstrip", help="The spaces behind a token belong to it.")] = False,
    normalized: Annotated[
        bool | None,
        Option(
            "--normalized/--raw",
            help="Look in the normalized text (any case, for a tokenizer without case), or as written.",
            show_default="words: normalized",
        ),
    ] = None,
    use_unused: Annotated[
        bool, Option("--use-unused", help="Take the ids of [unused1] and its like before new ones.")
    ] = False,
    model: Annotated[
        str | None, Option(help="Grow this model too: a folder or hub name.", show_default=False)
    ] = None,
    start: Start = "pieces",
    description: Annotated[
        list[str] | None,
        Option(help="Start a row as the mean of these words.", metavar="TOKEN=WORDS"),
    ] = None,
    seed: Seed = 0,
    pad_to_multiple_of: Pad = None,
    shrink: Shrink = False,
    sample: Annotated[
        Path | None, Option(help="Texts: list their words that now split differently.", show_default=False)
    ] = None,
    vocabulary: Vocabulary = None,
    force_ids: ForceIds = False,
    trust_remote_code: Trust = False,
    prove: Prove = False,
    dry_run: DryRun = False,
    force: options.Force = False,
    json: options.AsJson = False,
) -> None:
    """Add tokens, and grow the model in the same act.

    A special token is markup, such as `[E1]`: it never splits, normalizers leave it alone, and decode can
    skip it. A regular token is a word of the language, such as hospitalization: it is text like any
    other, only kept in one piece, and never matches inside a longer word.

    An entry of a JSON list is a string or `{"content": "COVID", "special": false, "single_word": true,
    "lstrip": false, "rstrip": false, "normalized": true}`; what it does not say, the options say.

    Example: `tokbench add-tokens my-tok --special "[E1]" --token COVID --model my-model -o grown`
    """
    import tokbench as tb
    from tokbench.pretrained.added_tokens import MatchFlags, token_list
    from tokbench.reporting.views import grow as grow_view

    wanted = token_list(special or (), token or (), special_file, token_file)
    refuse_no_output(output, dry_run=dry_run)
    growth = tb.add_tokens(
        tokenizer,
        wanted.regular,
        wanted.special,
        output=output,
        dry_run=dry_run,
        matching=wanted.matching,
        otherwise=MatchFlags(single_word=single_word, lstrip=lstrip, rstrip=rstrip, normalized=normalized),
        roles=options.pairs(role, "cls=[CLS2]"),
        use_unused=use_unused,
        model=model,
        sample=sample,
        force=force,
        start=start,
        descriptions=options.pairs(description, '"COVID=a viral disease"'),
        seed=seed,
        pad_to_multiple_of=pad_to_multiple_of,
        shrink=shrink,
        vocabulary=vocabulary or (),
        force_ids=force_ids,
        trust_remote_code=trust_remote_code,
        prove=prove,
    )
    put(growth, grow_view.growth, "growth", json=json)
    hint_written(
        f"check: tokbench check {shlex.quote(str(output))}",
        dry_run=dry_run,
    )


def extend(
    tokenizer: options.Tokenizer,
    corpus: options.CorpusOrCounts = None,
    output: Out = None,
    tokens: Annotated[
        int, Option("--tokens", "-n", help="How many to learn; a corpus may hold fewer.")
    ] = 2000,
    model: Annotated[
        str | None,
        Option(help="Grow this model too: a folder or hub name.", show_default="weights beside TOKENIZER"),
    ] = None,
    min_frequency: Annotated[int, Option(help="Only learn what occurs this often.")] = 2,
    max_token_length: Annotated[
        int | None, Option(help="No token of more characters of the vocabulary.", show_default=False)
    ] = None,
    sample: Annotated[
        Path | None,
        Option(help="Texts that must not suffer: how many keep their ids.", show_default=False),
    ] = None,
    start: Start = "pieces",
    seed: Seed = 0,
    pad_to_multiple_of: Pad = None,
    vocabulary: Vocabulary = None,
    force_ids: ForceIds = False,
    trust_remote_code: Trust = False,
    prove: Prove = False,
    counts: options.Counts = None,
    column: options.Column = None,
    clean: options.Clean = None,
    weights: options.Weights = "",
    engine: options.Engine = "auto",
    dry_run: DryRun = False,
    force: options.Force = False,
    html: options.Html = None,
    plot: options.Plot = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Learn more tokens of a corpus; the model follows.

    BPE goes on where its merges end: old ids stay, texts only lose boundaries, every new token comes out of
    its own text. Unigram's new pieces take the place of its best paths, and WordPiece's win as its longest
    do, so a few words get a boundary, which are counted. Tokenizers that cut no words (Llama 2, Gemma) are
    cut where no token of theirs reaches over a space. The table says what each number of tokens buys. Shorter
    texts are shown; that a model answers better is not: train it on, and prove it.

    Example: `tokbench extend my-model korean.txt --tokens 2000 -o wider`
    """
    # Read when numpy is imported: words have no matrices, and starting threads for them takes 50 CPU ms.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import grow as grow_view

    refuse_no_output(output, dry_run=dry_run)
    with draw_progress(quiet=quiet) as progress:
        wider = tb.extend(
            tokenizer,
            CorpusPaths(corpus or ()),
            counts=counts,
            tokens=tokens,
            model=model,
            min_frequency=min_frequency,
            max_token_length=max_token_length,
            column=column,
            clean=options.cleaning(clean, weights, ""),
            sample=sample,
            output=output,
            engine=engine,
            dry_run=dry_run,
            force=force,
            progress=progress,
            start=start,
            seed=seed,
            pad_to_multiple_of=pad_to_multiple_of,
            vocabulary=vocabulary or (),
            force_ids=force_ids,
            trust_remote_code=trust_remote_code,
            prove=prove,
        )
    put(wider, grow_view.extension, "extension", json=json, html=html, plot=plot)
    hint_written(
        f"compare: tokbench compare {shlex.quote(tokenizer)} {shlex.quote(str(output))}"
        f" --corpus {shlex.quote((corpus or ['corpus.txt'])[0])}",
        dry_run=dry_run,
        quiet=quiet,
    )


def prune(
    tokenizer: options.Tokenizer,
    corpus: options.Corpus,
    output: Out = None,
    to: Annotated[
        int | None,
        Option(help="Leave so many tokens; the rarest go.", show_default="all that the corpus needs"),
    ] = None,
    min_count: Annotated[int, Option(help="Keep what the corpus has this often.")] = 1,
    keep: Annotated[
        list[str] | None,
        Option(help="A token to keep, or a text whose tokens to keep; repeat for more.", metavar="TOKEN"),
    ] = None,
    keep_file: Annotated[
        Path | None, Option(help="The same: one a line, or a JSON list.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        Option(help="Prune this model too: a folder or hub name.", show_default="weights beside TOKENIZER"),
    ] = None,
    pad_to_multiple_of: Pad = None,
    vocabulary: Vocabulary = None,
    force_ids: ForceIds = False,
    trust_remote_code: Trust = False,
    prove: Prove = False,
    force_longer: Annotated[
        bool, Option("--force-longer", help="Go on where the corpus gets a tenth more tokens.")
    ] = False,
    column: options.Column = None,
    engine: options.Engine = "auto",
    dry_run: DryRun = False,
    force: options.Force = False,
    html: options.Html = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Leave out the tokens that a corpus does not need; the model follows.

    What stays: the tokens of the corpus, what BPE's merges pass through to make them, single characters,
    bytes, added tokens. Ids close up in their old order; ids.json says which became which. A text whose
    tokens are all left has the same ones, and the model gives it the same hidden states.

    Example: `tokbench prune my-model english.txt -o lean` ·
    `tokbench prune my-tok english.txt --to 12000 --keep hospital -o lean`
    """
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.pretrained.added_tokens import token_list
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import grow as grow_view

    refuse_no_output(output, dry_run=dry_run)
    wanted = token_list((), keep or (), None, keep_file)
    with draw_progress(quiet=quiet) as progress:
        lean = tb.prune(
            tokenizer,
            CorpusPaths(corpus),
            to=to,
            min_count=min_count,
            keep=wanted.regular,
            model=model,
            column=column,
            output=output,
            engine=engine,
            force_longer=force_longer,
            dry_run=dry_run,
            force=force,
            progress=progress,
            pad_to_multiple_of=pad_to_multiple_of,
            vocabulary=vocabulary or (),
            force_ids=force_ids,
            trust_remote_code=trust_remote_code,
            prove=prove,
        )
    put(lean, grow_view.pruning, "pruning", json=json, html=html)
    hint_written(
        f"compare: tokbench compare {shlex.quote(tokenizer)} {shlex.quote(str(output))}"
        f" --corpus {shlex.quote((corpus or ['corpus.txt'])[0])}",
        dry_run=dry_run,
        quiet=quiet,
    )


def resize(
    model: Annotated[str, Argument(help="The model: a folder or hub name.", show_default=False)],
    tokenizer: Annotated[
        str, Option(help="The tokenizer that is already right: a folder or hub name.", show_default=False)
    ],
    output: Out = None,
    start: Start = "pieces",
    seed: Seed = 0,
    pad_to_multiple_of: Pad = None,
    shrink: Shrink = False,
    vocabulary: Vocabulary = None,
    force_ids: ForceIds = False,
    trust_remote_code: Trust = False,
    prove: Prove = False,
    dry_run: DryRun = False,
    force: options.Force = False,
    json: options.AsJson = False,
) -> None:
    """Give a model the rows for a tokenizer that is already right.

    Spare rows are used first, and stay unless `--shrink` is said; old rows keep every bit. A model that has
    room is left as it is, and both are saved together.

    Example: `tokbench resize my-model --tokenizer my-tok -o fitted`
    """
    import tokbench as tb
    from tokbench.reporting.views import grow as grow_view

    refuse_no_output(output, dry_run=dry_run)
    growth = tb.resize(
        model,
        tokenizer,
        output=output,
        dry_run=dry_run,
        force=force,
        start=start,
        seed=seed,
        pad_to_multiple_of=pad_to_multiple_of,
        shrink=shrink,
        vocabulary=vocabulary or (),
        force_ids=force_ids,
        trust_remote_code=trust_remote_code,
        prove=prove,
    )
    put(growth, grow_view.growth, "growth", json=json)
    hint_written(
        f"check: tokbench check {shlex.quote(str(output))}",
        dry_run=dry_run,
    )


def warm(
    model: Annotated[
        str, Argument(metavar="GROWN", help="The grown model, its tokenizer beside it.", show_default=False)
    ],
    corpus: Annotated[
        list[str], Option("--corpus", help=f"{options.CORPUS} Repeat for more.", metavar="FILE")
    ],
    output: Out = None,
    teacher: Annotated[
        str | None,
        Option(
            help="The model before its vocabulary changed, with its tokenizer.",
            show_default="as GROWN records",
        ),
    ] = None,
    rows: Annotated[
        str, Option(help="Which to train: new (as GROWN records), all, or ids: 30522-31021,7.")
    ] = "new",
    objective: Annotated[
        str,
        Option(
            help="distil: hidden states as the teacher's; mlm, clm: a trained head's own loss.",
            metavar="distil|mlm|clm",
        ),
    ] = "distil",
    steps: Annotated[int, Option(help="At most; a small corpus is gone through several times.")] = 200,
    batch_size: Annotated[int, Option(min=1, help="Texts in a step.")] = 32,
    learning_rate: Annotated[
        float | None,
        Option(
            "--learning-rate",
            "--lr",
            help="The highest, above 0.",
            show_default="0.06 of a row's numbers",
        ),
    ] = None,
    max_length: Annotated[int, Option(min=4, help="Tokens of a text; what is longer is cut in parts.")] = 128,
    seed: Annotated[int, Option(help="Same seed, same numbers (on CPU to the bit).")] = 42,
    column: options.Column = None,
    save_every: Annotated[
        int, Option(min=0, help="Steps between checkpoints.", show_default="every two minutes")
    ] = 0,
    resume: Annotated[bool, Option("--resume", help="Go on where a stopped run was.")] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Say what would be trained on what; train nothing.")
    ] = False,
    force: options.Force = False,
    html: options.Html = None,
    plot: options.Plot = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train the new rows of a grown model; all else keeps its bits.

    The teacher is the same model with the tokenizer that it had before: on the same text both shall have the
    same hidden states where the same words end. A tenth of the texts is held out, and the better rows are
    kept, those from before included. A short warm-up makes up for a poor start and adds a little to a good
    one; that the model answers better on a task is not said: prove it.

    Example: `tokbench warm grown --corpus texts.txt -o warmed`
    """
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import grow as grow_view

    refuse_no_output(output, dry_run=dry_run)
    with draw_progress(quiet=quiet) as progress:
        warmed = tb.warm(
            model,
            CorpusPaths(corpus),
            output=output,
            teacher=teacher,
            rows=rows,
            objective=objective,
            steps=steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            max_length=max_length,
            seed=seed,
            column=column,
            save_every=save_every,
            resume=resume,
            dry_run=dry_run,
            force=force,
            progress=progress,
        )
    put(warmed, grow_view.warmup, "warmup", json=json, html=html, plot=plot)
    hint_written(
        f"check: tokbench check {shlex.quote(str(output))}",
        dry_run=dry_run,
        quiet=quiet,
    )


ACTIONS = ("show", "set")


def config(
    action: Annotated[str, Argument(help="show or set.", show_default=False)],
    model: Annotated[str, Argument(help="The model: a folder or hub name.", show_default=False)],
    settings: Annotated[
        list[str] | None,
        Argument(
            help="set: key=value, a value in JSON or a word. show: only these keys.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None, Option("--output", "-o", help="Write a changed copy here.", show_default=False)
    ] = None,
    in_place: Annotated[bool, Option("--in-place", help="Change the model's own folder.")] = False,
    allow_new: Annotated[
        bool, Option("--allow-new", help="Add keys that the config's class has not.")
    ] = False,
    force: options.Force = False,
    json: options.AsJson = False,
) -> None:
    """Show what may change in a model's config, or set it.

    Every key is one that may change, one that must not (the weights were trained with it), or one that only
    changes together with the rows of the weights. Values are checked by the config's own class.

    Example: `tokbench config show my-model` ·
    `tokbench config set my-model hidden_dropout_prob=0.2 --in-place`
    """
    import tokbench as tb
    from tokbench.reporting.views import grow as grow_view

    if action not in ACTIONS:
        raise UsageError(f"config does not {action}", fix=did_you_mean(action, ACTIONS))
    if action == "show":
        put(tb.config(model, only=settings or ()), grow_view.view, "config", json=json)
        return
    wanted = options.pairs(settings, "hidden_dropout_prob=0.2")
    change = tb.set_config(model, output, in_place=in_place, allow_new=allow_new, force=force, **wanted)
    put(change, grow_view.change, "config-change", json=json)
    hint(f"check: tokbench check {shlex.quote(str(change.path))}")
