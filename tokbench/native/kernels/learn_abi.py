"""What Python and the learning loops agree on: the fields of a job and of its arrays, what a loop returns."""

from __future__ import annotations

# A job is an array of int64. For each of these arrays it holds the address, and next to it the size in items.
CODES = 0  # the words' characters, one after the other: bytes, or code points in four bytes
SPANS = 2  # int64, two for each word: where it begins in CODES, and where it ends
WEIGHTS = 4  # int64: how often each word occurs
SYMBOLS = 6  # int32, four for each code: the token it is alone, first, in the middle and last; NO_TOKEN
RECORDS = 8  # int32: the words as symbols
SCANNED = 10  # int64, SCAN for each pair: the pairs found by a scan
PAIRS = 12  # int64, two for each pair: the pair and how often it occurs
HEAP = 14  # int64, three for each item: count, pair, entry
ENTRIES = 16  # int64, two for each entry: where its places begin in POOL, and how many there are
POOL = 18  # int32: records in which a pair may stand
TEXT = 20  # uint8: the tokens' UTF-8, one after the other
TEXT_STARTS = 22  # int64: where each token begins in TEXT, and where the last one ends
LENGTHS = 24  # int32: characters of each token, marks not counted
KINDS = 26  # uint8: UNSEEN, FIRST or MADE, for each token
NAMES = 28  # int32: a table from a token's text to its id
MERGED = 30  # int64, two for each merge: the pair, and how many tokens there were then
LEFT, RIGHT = 32, 44  # what the merge at work changes on the left and on the right of its token; see SIDE
SIDE = 12
ARRAYS = 56  # that many fields are addresses and sizes

# Of a side: CHANGE numbers for each neighbour; lists of neighbours; neighbour and record as one; counters.
CHANGES, LOST, GAINED, EVENTS, TALLY = 0, 2, 4, 6, 8
CHANGE = 4
LESS, MORE, RECORDS_WITH, LATEST = (
    0,
    1,
    2,
    3,
)  # taken from and added to its count; in how many records; the last one
LOST_NUMBER, GAINED_NUMBER, EVENT_NUMBER = 0, 1, 2  # the counters in TALLY

# Scalars: the set-up, then the state.
WIDE, AFFIX, PREFIX, SUFFIX, LONGEST, THRESHOLD, LEAST, TOKENS_WANTED = range(56, 64)
BUDGET, AT, END, SCANNED_USED, SCANNED_BITS, PAIRS_USED, PAIRS_BITS = range(64, 71)
HEAP_USED, ENTRIES_USED, POOL_USED, TOKENS, NAMES_BITS, MERGED_USED, LONGEST_BYTES = range(71, 78)
PHASE, FIRST_SYMBOL, SECOND_SYMBOL, NEW, PLACE, PLACES_END = range(78, 84)
WANTED, WANTED_SIZE, OLD, OLD_SIZE = range(84, 88)
FIELDS = 88

# What a loop returns.
DONE = 0
PAUSED = 1  # the budget is spent: call again
GROW = 2  # array WANTED must have room for WANTED_SIZE items before the next call
LOWER = 3  # no pair at or above the threshold is left
AGAIN = 4  # a token was made a second time: what is below the threshold matters, so begin anew without one

POP, JOIN, FOLD = 10, 11, 12  # the phases of a merge; loops return them too, so no number above is one

# A record: room for symbols, how many there are, the word's count as two halves, the symbols.
HEADER = 4
ROOM, LENGTH, LOW, HIGH = 0, 1, 2, 3

SCAN = (
    4  # of a scanned pair: pair, count, records with it (then: where the next goes in POOL), the last record
)
EMPTY = -1  # in a table's slot: no pair, no token
NO_TOKEN = -1
ALONE, BEGINNING, MIDDLE, LAST = 0, 1, 2, 3
UNSEEN, FIRST, MADE = 0, 1, 2  # a token that stands in no word (yet); one that words begin with; a merge
