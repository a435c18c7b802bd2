from hashlib import sha256
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tokbench.corpus.lines import TextPart
from tokbench.corpus.reading import Intake

TEXTS = st.lists(st.text(alphabet=" \tab한", max_size=30), max_size=12)


def intake_of(parts):
    intake, found = Intake(), []
    for part in parts:
        for batch in intake.take(part):
            found += batch
    for batch in intake.last():
        found += batch
    return intake, found


@given(TEXTS, st.lists(st.integers(0, 400), max_size=20))
def test_texts_in_fragments_count_and_hash_like_whole_ones(texts, borders):
    data = "".join(f"{text}\n" for text in texts)
    places = [0, *sorted(min(border, len(data)) for border in borders), len(data)]
    parts = []
    for start, end in pairwise(places):
        *ended, unfinished = data[start:end].split("\n")
        parts.append(TextPart(ended, unfinished))
    fragments, found = intake_of(parts)
    whole, expected = intake_of([TextPart(texts)])
    for intake in (fragments, whole):
        kept = [text for text in texts if text.strip()]
        assert (intake.texts, intake.blank) == (len(kept), len(texts) - len(kept))
        assert intake.utf8_bytes == sum(len(text.encode()) for text in kept)
        assert intake.sha256.hexdigest() == sha256("".join(f"{text}\n" for text in kept).encode()).hexdigest()
    assert found == expected


def test_a_long_text_counts_once_and_its_pieces_joined_are_the_text():
    text = "word " * 50_000
    whole, pieces = intake_of([TextPart([text, "next"])])
    fragments, same = intake_of(
        [TextPart([], text[:99_999]), TextPart([], text[99_999:]), TextPart(["", "next"])]
    )
    assert "".join(pieces) == text + "next"
    assert max(map(len, pieces)) <= 65_536
    assert (pieces, whole.texts) == (same, fragments.texts)
    assert whole.texts == 2
