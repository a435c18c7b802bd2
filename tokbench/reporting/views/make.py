"""Views of what was made: counts, ids, a trained tokenizer, recipes, blocks, a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.recipes.presets import ABOUT
from tokbench.recipes.recipe import Recipe, to_toml
from tokbench.reporting.elements import Facts, Grid, Headline, Paragraph, Part

if TYPE_CHECKING:
    from tokbench.corpus.prepared import PreparedCorpus
    from tokbench.encoding.encode_corpus import EncodedCorpus
    from tokbench.formats.id_proof import IdProof
    from tokbench.pretrained.convert import Conversion
    from tokbench.pretrained.export import Exported
    from tokbench.pretrained.train import Likeness, Trained
    from tokbench.recipes.catalog import Catalog, Entry
    from tokbench.reporting.pages import Page
    from tokbench.training.counting.count_corpus import Counted


def converted(result: Conversion) -> Iterator[Part]:
    """Where the folder is, what was read, and who agrees on its ids."""
    yield _outcome(result.output, result.tokens, result.proof)
    yield Facts([("read", result.read), *_proof_facts(result.proof)])
    yield from _first_difference(result.proof)


def exported(result: Exported) -> Iterator[Part]:
    """Where the files are, what they hold and lack, and who agrees on their ids."""
    yield _outcome(result.output, result.tokens, result.proof)
    special = [f"{token} {number}" for token, number in result.special_tokens.items()]
    more = f" … {len(special):,} in all" if len(special) > 6 else ""
    yield Facts(
        [
            ("format", f"{result.format}: {', '.join(result.files)}"),
            ("special tokens", ", ".join(special[:6]) + more or "none"),
            *_proof_facts(result.proof),
            *(("note", each) for each in result.notes),
        ]
    )
    yield from _first_difference(result.proof)


def _outcome(output: str, tokens: int, proof: IdProof) -> Headline:
    if not output:
        return Headline(f"not written: {plural(proof.differing, 'text')} of {proof.texts:,} differ", "bad")
    return Headline(f"{output}: {plural(tokens, 'token')}", "good")


def _proof_facts(proof: IdProof) -> Iterator[tuple[str, str]]:
    if proof.package:
        yield "proof", f"{proof.package}: {proof.differing:,} of {plural(proof.texts, 'text')} differ"
    else:
        yield "not proved", f"{proof.why}{f': {proof.fix}' if proof.fix else ''}"
    if proof.left_out:
        yield "left out", f"{plural(proof.left_out, 'text')} with a special token inside"


def _first_difference(proof: IdProof) -> Iterator[Part]:
    if proof.first:
        yield Facts([("first text", proof.first.text)])
        rows = [("tokbench", " ".join(proof.first.ours)), (proof.package, " ".join(proof.first.theirs))]
        yield Grid(("by", "tokens"), rows)


def counted(result: Counted) -> Iterator[Part]:
    """Where the counts are, what was counted, and what was left out."""
    yield Headline(f"{result.path}: {plural(result.words, 'different word')}", "good")
    corpus = result.corpus
    yield Facts(
        [
            ("words", f"{result.total:,} with repetitions"),
            (
                "corpus",
                f"{plural(corpus.texts, 'text')}, {plural(corpus.utf8_bytes, 'byte')}, "
                f"{corpus.blank:,} blank left out",
            ),
            ("fingerprint", result.fingerprint),
            ("engine", engine(result.engine, result.why)),
        ]
    )
    if result.min_count > 1:
        yield Paragraph(left_out(result.min_count))


def prepared(result: PreparedCorpus) -> Iterator[Part]:
    """What each step did to a corpus, with an example, and what is in each file."""
    files = ", ".join(str(file.path) for file in result.files if file.path) or "nothing is written"
    yield Headline(
        f"{files}: {plural(result.rows, 'text')} of {result.steps[0].rows:,}, "
        f"{plural(result.utf8_bytes, 'byte')} of {result.read_bytes:,}",
        "good",
    )
    rows = [
        (
            step.name,
            f"{step.rows:,}",
            f"{step.dropped:,}",
            f"{step.changed:,}",
            f"{-step.dropped_bytes:,}",
            step.example,
        )
        for step in result.steps
    ]
    yield Grid(
        ("step", "texts", "dropped", "changed", "bytes", "for example"),
        rows,
        right=("texts", "dropped", "changed", "bytes"),
    )
    if len(result.files) > 1:
        yield Grid(
            ("split", "texts", "bytes", "file"),
            [
                (file.split, f"{file.rows:,}", f"{file.utf8_bytes:,}", file.path or "")
                for file in result.files
            ],
            right=("texts", "bytes"),
        )
    yield Facts(
        [
            ("sha256 of the texts", result.sha256),
            *((f"sha256 of {file.path.name}", file.sha256) for file in result.files if file.path),
        ]
    )


def left_out(min_count: int) -> str:
    """What a user of counts without the rare words has to know."""
    return (
        f"Words that occur fewer than {min_count} times were left out: a tokenizer trained from these counts "
        "never sees them, nor characters that only they have, and may differ from one trained on the texts."
    )


def encoded(result: EncodedCorpus) -> Iterator[Part]:
    """Which files there are, how much is in them, how fast they came."""
    files = ", ".join(map(str, result.files)) or result.format or "nowhere"
    yield Headline(f"{files}: {plural(result.tokens, 'token')} of {plural(result.texts, 'text')}", "good")
    seconds = max(result.seconds, 1e-3)
    yield Facts(
        [
            (
                "bytes of text",
                f"{result.utf8_bytes:,}, {result.utf8_bytes / max(1, result.tokens):.2f} a token",
            ),
            ("format", f"{result.format}, ids in {result.dtype}" if result.dtype else result.format),
            ("time", f"{seconds:.1f} s, {result.utf8_bytes / seconds / 1e6:,.1f} MB a second"),
            ("engine", engine(result.engine, result.why)),
        ]
    )


def engine(name: str, why: str) -> str:
    """Which engine did it, and why it was not the compiled one."""
    return f"{name}: {why}" if why else name


def trained(result: Trained) -> Iterator[Part]:
    """Where it is, how big it became, what it was made of."""
    yield Headline(f"{result.path}: {result.algorithm} with {plural(result.reached, 'token')}", "good")
    corpus = result.corpus
    specials = ", ".join(f"{token} {at}" for token, at in result.special_tokens.items())
    yield Facts(
        [
            ("tokens", _sizes(result)),
            ("special tokens", specials or "none"),
            (
                "corpus",
                f"{plural(corpus.texts, 'text')}, {plural(corpus.utf8_bytes, 'byte')}, "
                f"{corpus.blank:,} blank left out",
            ),
            _source(result),
            ("tokenizer.json sha256", result.sha256),
            ("engine", engine(result.engine, result.why)),
            *(_likeness(result.like) if result.like else ()),
        ]
    )
    if result.counts and result.counts.min_count > 1:
        yield Paragraph(left_out(result.counts.min_count))


def _likeness(like: Likeness) -> Iterator[tuple[str, str]]:
    """What it has of the tokenizer it is like, and what had to be guessed."""
    yield "like", like.name
    told = {
        "dropped": f"{plural(like.dropped, 'token')} of it: --added {like.added}" if like.dropped else "",
        "placeholders": f"{plural(like.placeholders, 'token')} spelled as nothing in use: "
        f"--added {'drop' if like.added == 'special' else 'special or drop'} leaves them out"
        if like.placeholders and like.added != "drop"
        else "",
        "special now": f"{', '.join(like.special_now)}, for its role" if like.special_now else "",
        "chat template": like.chat,
        "read": "; ".join(like.read),
        "guessed": ", ".join(like.guessed),
    }
    yield from ((name, words) for name, words in told.items() if words)


def _source(result: Trained) -> tuple[str, str]:
    """What identifies the texts, or the counts that were read instead of them."""
    if result.counts is None:
        return "corpus sha256", result.corpus.sha256
    words = plural(result.counts.words, "different word")
    return "counts", f"{words}, fingerprint {result.counts.fingerprint}"


def _sizes(result: Trained) -> str:
    if result.reached == result.asked:
        return f"{result.reached:,}"
    return f"{result.reached:,} of {result.asked:,} asked: the corpus has no more to learn"


def presets(result: Mapping[str, Recipe]) -> Iterator[Part]:
    """The recipes, a line each."""
    rows = [
        (name, recipe.algorithm, f"{recipe.vocab_size:,}", ABOUT[name]) for name, recipe in result.items()
    ]
    yield Grid(("preset", "algorithm", "tokens", "what it is"), rows, right=("tokens",))


def recipe(result: Recipe) -> Iterator[Part]:
    """The recipe as TOML, ready to be saved."""
    yield Paragraph(to_toml(result).rstrip("\n"), verbatim=True)


def blocks(result: Catalog) -> Iterator[Part]:
    """A row a block, its options below each other."""
    rows = [(entry.place, entry.name, entry.about, _options(entry)) for entry in result.entries]
    yield Grid(("place", "block", "what it does", "options"), rows)


def _options(entry: Entry) -> str:
    return "; ".join(f"{name}: {words}" for name, words in entry.options.items())


def page(result: Page) -> Iterator[Part]:
    """Where the page is, its size and its sections."""
    yield Headline(f"{result.path}: {plural(len(result.sections), 'result')} on one page", "good")
    yield Facts([("size", f"{result.bytes:,} bytes"), ("sections", ", ".join(result.sections))])
