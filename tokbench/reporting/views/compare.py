"""Windows on tokenizers side by side, on one tokenizer in many sizes, and on a corpus."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.reporting.elements import Curve, Facts, Grid, Headline, Heat, Paragraph, Part

if TYPE_CHECKING:
    from tokbench.analysis.compare import Comparison, Lead, Parity
    from tokbench.analysis.corpus_description import CharacterCount, CorpusDescription, TokenizerLoss
    from tokbench.analysis.corpus_stats import CorpusStats
    from tokbench.analysis.measure import Measured
    from tokbench.analysis.sweep import Point, Sweep

SHORTNESS = ("corpus", "tokenizer", "bytes/tok", "chars/tok", "tok/word", "split words")
LENGTHS = ("corpus", "tokenizer", "mean", "p50", "p90", "p95", "p99", "longest")
LOSS = ("corpus", "tokenizer", "unknown", "exact", "normalized", "used", "unused")
KINSHIP = ("corpus", "tokenizer", "made of", "texts unchanged", "tokens")
MODELS = ("corpus", "tokenizer", "model", "bits/byte")
EVENNESS = ("corpus", "tokenizer", "Rényi", "entropy", "Gini", "MB/s", "ids")


def comparison(result: Comparison) -> Iterator[Part]:
    """The shortest of each corpus, then how short, what is lost, how even and fast, and parity."""
    for corpus in result.corpora:
        yield Headline(
            _verdict([each for each in result.results if each.corpus == corpus.name], result.leads)
        )
    if result.results:
        yield Grid(SHORTNESS, [_short(each) for each in result.results], "How short", right=SHORTNESS[2:])
        yield _lengths(result.results)
        yield Grid(LOSS, [_lost(each) for each in result.results], "What is lost", right=LOSS[2:])
        yield Grid(EVENNESS, [_even(each) for each in result.results], "How even", right=EVENNESS[2:6])
        yield from _models(result)
        yield from _adapted(result)
        yield _grounds(result)
    if result.parity is not None:
        yield from _parity(result.parity)


def _verdict(results: Sequence[Measured], leads: Sequence[Lead]) -> str:
    """Who needs the fewest tokens, and by how much; who loses what."""
    ahead = next(each for each in leads if each.corpus == results[0].corpus)
    best = next(each for each in results if each.tokenizer == ahead.tokenizer)
    losers = [each for each in results if each.unknown_rate >= 0.001 and each is not best]
    how = "whole and shortest" if losers else "shortest"
    words = f"{best.corpus}: {best.tokenizer} writes it {how}, {best.bytes_per_token:.2f} bytes a token"
    if ahead.fewer_tokens == 0:
        words += f", and so does {ahead.second}"
    elif ahead.fewer_tokens is not None:
        words += f", {ahead.fewer_tokens:.0%} fewer tokens than {ahead.second}"
    if losers:
        words += "; unknown: " + ", ".join(
            f"{_percent(each.unknown_rate)} of {each.tokenizer}" for each in losers
        )
    return words


def _short(each: Measured) -> tuple[str, ...]:
    return (
        each.corpus,
        each.tokenizer,
        f"{each.bytes_per_token:.2f}",
        f"{each.characters_per_token:.2f}",
        f"{each.fertility:.2f}",
        _percent(each.probe.continued_rate),
    )


def _lengths(results: Sequence[Measured]) -> Grid:
    asked = results[0].lengths.max_length
    header = LENGTHS if asked is None else (*LENGTHS, f">{asked}")
    rows = []
    for each in results:
        told = each.lengths
        numbers = (told.p50, told.p90, told.p95, told.p99, told.longest)
        beyond = () if told.truncated is None else (_percent(told.truncated),)
        rows.append((each.corpus, each.tokenizer, f"{told.mean:.1f}", *map(str, numbers), *beyond))
    return Grid(header, rows, "How long texts are, in tokens", right=header[2:])


def _lost(each: Measured) -> tuple[str, ...]:
    back = each.probe.round_trip
    return (
        each.corpus,
        each.tokenizer,
        _percent(each.unknown_rate),
        _percent(back.exact),
        _percent(back.normalized),
        _percent(each.vocabulary_used_rate),
        f"{each.vocabulary_unused:,}",
    )


def _even(each: Measured) -> tuple[str, ...]:
    return (
        each.corpus,
        each.tokenizer,
        f"{each.renyi_efficiency:.3f}",
        f"{each.shannon_entropy:.2f}",
        f"{each.gini:.3f}",
        f"{each.probe.bytes_per_second / 1e6:.1f}",
        "same" if each.probe.ids_verified else "DIFFER",
    )


def _models(result: Comparison) -> Iterator[Grid]:
    """What the language models make of the texts, where some were named."""
    models = {each.name: each.model for each in result.tokenizers if each.model}
    rows = [
        (each.corpus, each.tokenizer, models.get(each.tokenizer), f"{each.bits_per_byte:.3f}")
        for each in result.results
        if each.bits_per_byte is not None
    ]
    if rows:
        yield Grid(MODELS, rows, "What a model makes of it", right=MODELS[3:])


def _adapted(result: Comparison) -> Iterator[Part]:
    """What was made of what, and which texts keep their tokens."""
    made = [(each.name, each.lineage.sentence) for each in result.tokenizers if each.lineage is not None]
    if made:
        yield Facts(made)
    rows = [
        (each.corpus, each.tokenizer, each.base, _percent(each.unchanged), f"{each.tokens - 1:+.1%}")
        for each in result.adapted
    ]
    if rows:
        yield Grid(KINSHIP, rows, "What an adaptation changed", right=KINSHIP[3:])


def _grounds(result: Comparison) -> Facts:
    """What was read, and what the words of the tables mean."""
    rows: list[tuple[str, object]] = [(each.name, _corpus(each)) for each in result.corpora]
    looked = {each.corpus: each.probe.texts for each in result.results}
    closely = ", ".join(f"{texts:,} of {name}" for name, texts in looked.items())
    rows += [
        ("split words", "share of words that take two tokens or more"),
        ("exact", "texts that decode to themselves; normalized: but for the normalizer and white space"),
        ("unused", "tokens of the vocabulary that never occur"),
        ("Rényi", "efficiency at α = 2.5: 1 is a vocabulary used evenly; entropy in bits a token"),
        ("MB/s", "of the tokenizer's own library on one thread; ids: whether it gives those counted"),
    ]
    measured = "split words, exact, normalized and MB/s"
    if any(each.bits_per_byte is not None for each in result.results):
        rows.append(
            ("bits/byte", "-log2 of the likelihood over UTF-8 bytes; where tokens are unknown, too low")
        )
        measured = "split words, exact, normalized, MB/s and bits/byte"
    rows.append(("looked at", f"{closely} for {measured}; all else is of all texts"))
    return Facts(rows)


def _corpus(each: CorpusStats) -> str:
    texts = f"{plural(each.texts, 'text')}{_of(each.texts, each.texts_in_all)}"
    return f"{texts}, {plural(each.words, 'word')}, {plural(each.utf8_bytes, 'byte')}"


def _of(taken: int, whole: int) -> str:
    return "" if taken == whole else f" of {whole:,}"


def _parity(result: Parity) -> Iterator[Part]:
    """A row a tokenizer: what each language costs over the base language."""
    yield Heat(
        f"parity over {result.languages[0]}",
        [row.tokenizer for row in result.rows],
        result.languages,
        [row.parity for row in result.rows],
    )
    left_out = f" ({plural(result.left_out, 'blank one')} left out)" if result.left_out else ""
    yield Paragraph(
        f"Tokens of each language over those of {result.languages[0]}, on "
        f"{plural(result.lines, 'parallel line')}"
        f"{left_out}: 1 is fair."
    )


def _percent(part: float) -> str:
    """A share, with the digits that tell 100% from nearly 100%.

    >>> _percent(1.0), _percent(0.9995), _percent(0.00004), _percent(0.0)
    ('100%', '99.95%', '0.004%', '0%')
    """
    if part in (0.0, 1.0):
        return f"{part:.0%}"
    near = min(part, 1 - part)
    return f"{part:.{1 if near >= 0.001 else 2 if near >= 0.0001 else 3}%}"


CURVE = ("size", "bytes/tok", "tok/word", "saves", "Rényi", "unknown", "unused", "params", "")


def swept(result: Sweep) -> Iterator[Part]:
    """What to take and why, the curve in numbers and in dots, how it was made."""
    advice = result.recommendation
    if advice is None:
        yield Headline(f"{result.algorithm}: no knee between these sizes; sweep a wider range")
    else:
        yield Headline(f"{result.algorithm}: take {advice.size:,}", "good")
        yield Paragraph(f"{advice.why[0].upper()}{advice.why[1:]}.")
    rows = [_point(point, advice is not None and point.asked == advice.size) for point in result.points]
    yield Grid(CURVE, rows, right=CURVE[:-1])
    yield _curve(result)
    yield Facts(list(_how(result)))


def _point(point: Point, is_knee: bool) -> tuple[str, ...]:
    saved = "" if point.fewer_tokens is None else _percent(max(point.fewer_tokens, 0.0))
    return (
        f"{point.reached:,}",
        f"{point.bytes_per_token:.3f}",
        f"{point.fertility:.3f}",
        saved,
        f"{point.renyi_efficiency:.3f}",
        _percent(point.unknown_rate),
        f"{point.vocabulary_unused:,}",
        f"{point.embedding_parameters / 1e6:.1f} M",
        "←" if is_knee else "",
    )


def _curve(result: Sweep) -> Curve:
    line = [(float(point.reached), point.bytes_per_token) for point in result.points]
    knees = [
        point
        for point in result.points
        if result.recommendation and point.asked == result.recommendation.size
    ]
    return Curve(
        title="bytes a token over vocabulary size",
        x="tokens in the vocabulary",
        y="bytes a token",
        series=[("bytes a token", line)],
        marks=[(float(point.reached), point.bytes_per_token, "the knee") for point in knees],
        log_x=True,
    )


def _how(result: Sweep) -> Iterator[tuple[str, object]]:
    trainings = "one training, cut to each size" if result.trainings == 1 else f"{result.trainings} trainings"
    yield (
        "trained by",
        f"{trainings}{': ' + result.why if result.why else ''}; {result.training_seconds:.1f} s",
    )
    yield "corpus", f"{plural(result.corpus.texts, 'text')}, {plural(result.corpus.utf8_bytes, 'byte')}"
    yield "measured on", ", ".join(result.measured_on)
    yield (
        "saves",
        f"tokens, over the size before; params: rows of embeddings × {result.hidden:,}",
    )
    if result.recommendation is not None:
        yield "found by", result.recommendation.method
    if result.too_small:
        yield "too small", f"{_sizes(result.too_small)}: the characters alone need more"
    if result.beyond:
        yield "out of reach", f"{_sizes(result.beyond)}: the corpus has no more to learn"
    for path in result.kept:
        yield "kept", path


def _sizes(sizes: Sequence[int]) -> str:
    return ", ".join(f"{size:,}" for size in sizes)


Line = tuple[str, list[tuple[float, float]]]


def page(result: Comparison) -> Iterator[Part]:
    """All of the terminal's window, then heat maps over all corpora, then two curves for each corpus."""
    yield from comparison(result)
    if len(result.corpora) > 1:
        yield _heat(result, "tokens a word", [each.fertility for each in result.results])
        yield _heat(result, "bytes a token", [each.bytes_per_token for each in result.results])
    for corpus in result.corpora:
        results = [each for each in result.results if each.corpus == corpus.name]
        yield Curve(
            title=f"{corpus.name}: how often tokens occur, by rank",
            x="rank of the token",
            y="occurrences, log10",
            series=[_frequencies(each) for each in results],
            log_x=True,
        )
        yield Curve(
            title=f"{corpus.name}: texts that fit a length",
            x="tokens, special ones included",
            y="share of texts",
            series=[_fitting(each) for each in results],
            log_x=True,
        )


def _heat(result: Comparison, title: str, values: Sequence[float]) -> Heat:
    """Tokenizers by corpora; the results go corpus by corpus."""
    names = [each.name for each in result.tokenizers]
    rows = [values[place :: len(names)] for place in range(len(names))]
    return Heat(title, names, [corpus.name for corpus in result.corpora], rows)


def _frequencies(each: Measured) -> Line:
    return each.tokenizer, [(float(rank), math.log10(often)) for rank, often in each.ranks]


def _fitting(each: Measured) -> Line:
    """The share of texts that are no longer than a length."""
    bars = each.lengths.bars
    whole = sum(texts for _, _, texts in bars) or 1
    below = accumulate(texts for _, _, texts in bars)
    return each.tokenizer, [
        (float(max(bar[1], 1)), texts / whole) for bar, texts in zip(bars, below, strict=True)
    ]


SCRIPTS = ("script", "letters", "share", "texts", "languages")
CHARACTERS = ("character", "name", "count")


def described(result: CorpusDescription) -> Iterator[Part]:
    """Sizes, what is repeated, how long texts are, in which scripts, and what is odd about them."""
    named = result.sources[0] if len(result.sources) == 1 else plural(len(result.sources), "source")
    yield Headline(f"{named}: {plural(result.texts, 'text')}, {plural(result.words, 'word')}")
    yield Facts(list(_sizes_of_corpus(result)))
    if result.scripts:
        rows = [
            (each.name, f"{each.letters:,}", _percent(each.share), f"{each.texts:,}", each.languages)
            for each in result.scripts
        ]
        title = "Scripts of letters; a text counts where most of its letters are"
        yield Grid(SCRIPTS, rows, title, right=SCRIPTS[1:4])
    yield from _lengths_of_texts(result)
    if result.odd:
        yield _characters(result.odd, "Control, format, private and unassigned characters, commonest first")
    if result.loss:
        yield from _lost_characters(result.loss)


def _sizes_of_corpus(result: CorpusDescription) -> Iterator[tuple[str, object]]:
    about = "" if result.distinct_words_exact else ", estimated"
    yield "bytes", f"{result.utf8_bytes:,} of UTF-8, blank texts left out: {result.blank:,}"
    yield "characters", f"{result.characters:,}, {result.distinct_characters:,} different"
    yield "words", f"{result.words:,}, {result.distinct_words:,} different{about}"
    again = result.texts - result.distinct_texts
    about = "" if result.distinct_texts_exact else ", estimated"
    repeated = _percent(result.repeated_bytes / result.utf8_bytes)
    yield "repeated texts", f"{again:,}, {repeated} of the bytes, came before{about}"
    each = result.lengths
    lengths = f"mean {each.mean:.1f}, p50 {each.p50:,}, p90 {each.p90:,}, p99 {each.p99:,}"
    yield "characters a text", f"{lengths}, longest {each.longest:,}"
    yield "in NFC, in NFD", f"{_percent(result.nfc)}, {_percent(result.nfd)} of the texts"
    if result.texts_without_letters:
        yield "without a letter", plural(result.texts_without_letters, "text")
    yield from (("note", note) for note in result.notes)


def _lengths_of_texts(result: CorpusDescription) -> Iterator[Part]:
    """A picture of how many texts have which length, and of the share that is no longer."""
    bars = result.lengths.bars
    whole, below = result.texts, accumulate(texts for _, _, texts in bars)
    ends = [float(max(high, 1)) for _, high, _ in bars]
    often = [texts / (high - low + 1) for low, high, texts in bars]
    points = list(zip(ends, often, strict=True))
    yield Curve("texts of a length", "characters", "texts", [("texts", points[:-1] or points)])
    shares = [(end, texts / whole) for end, texts in zip(ends, below, strict=True)]
    yield Curve("share of texts no longer", "characters", "share", [("texts", shares)], log_x=True)


def _characters(counts: Sequence[CharacterCount], title: str) -> Grid:
    rows = [(each.code_point, each.name, f"{each.count:,}") for each in counts]
    return Grid(CHARACTERS, rows, title, right=("count",))


def _lost_characters(loss: TokenizerLoss) -> Iterator[Part]:
    """What a tokenizer does not keep of the characters, each asked for alone."""
    rows = [
        ("unknown", f"{loss.unknown:,} characters, {_percent(loss.unknown_share)}"),
        ("dropped", f"{loss.dropped:,} characters, {_percent(loss.dropped_share)}"),
    ]
    yield Facts(rows, f"What {loss.tokenizer} loses, each character alone, white space aside")
    if loss.most_unknown:
        yield _characters(loss.most_unknown, "Unknown to it, commonest first")
    if loss.most_dropped:
        yield _characters(loss.most_dropped, "Dropped by it, commonest first")
