"""What Python and the encoding loops agree on: the fields of their jobs, the sizes.

A block's job points to the job of its word table (count_abi.py) and to arrays a number a text or a word; a
model's job holds the new words and the tables that make ids of them.
"""

from __future__ import annotations

HEAD_PAIRS = 1 << 16  # pairs of bytes that an added token may begin with
FEW = 8  # different first bytes of added tokens that are looked for 64 bytes at a time

# The job of a block: int64, addresses of arrays first. Its words are in the table of job TABLE, which
# count_abi.py describes and which says where the text is.
# ENDS: where texts end; STATES: what is known of them; WORD_ENDS: how many words there are up to their ends.
TABLE, ENDS, STATES, WORD_ENDS = 0, 1, 2, 3
# NUMBERS: of the block's words; NEW_LENGTHS: of words met for the first time; TEXT_AT: which text is next.
NUMBERS, NEW_LENGTHS, TEXTS, TEXT_AT, WORDS, NEW = 4, 5, 6, 7, 8, 9
ADDED, ADDED_ENDS, ADDED_COUNT, HEADS, FIRSTS, FIRST_COUNT = 10, 11, 12, 13, 14, 15  # added tokens
PLACES, POOL, OUT, OUT_SIZE, WRITTEN = 16, 17, 18, 19, 20  # ids of words; where they go, and how many went
BEFORE, BEFORE_COUNT, AFTER, AFTER_COUNT, COUNTS = 21, 22, 23, 24, 25  # ids around a text; ids of each text
BLOCK_FIELDS = 26

# What is known of a text. Whoever finds one that is not PLAIN leaves it to others.
PLAIN, MATCHED, REFUSED = 0, 1, 2

# The job of a model: the words that are new, and what makes ids of them.
ARENA, LENGTHS, COUNT, NUMBER = 0, 1, 2, 3  # their bytes and lengths, how many, and the number of the first
IDS, IDS_USED, ID_PLACES, LATER, LATER_COUNT = 4, 5, 6, 7, 8  # where ids go; words that are left to others
PAIRS, PAIR_BITS, MERGES, MERGE_COUNT, BYTE_IDS, RANKS = 9, 10, 11, 12, 13, 14  # of BPE
EDGES, EDGE_BITS, ACCEPTS, NODES = 15, 16, 17, 18  # a trie of tokens
TOKENS, TOKEN_ENDS, TOKEN_IDS, TOKEN_COUNT = 19, 20, 21, 22  # the tokens to put into it
WHOLE = 23  # of BPE: whether a word that is a token is not merged
INNER_ROOT, UNKNOWN, MOST_CHARACTERS = 24, 25, 26  # of WordPiece: where the trie begins inside a word
CHARACTERS = 27  # of BPE: ids by code point; 0 where words are merged from their bytes
MODEL_FIELDS = 28

COUNT_BITS = 24  # of a word's place among the ids: how many there are; the rest is where they begin
SLACK = 4  # ids beyond the last that may be read and written: that many are copied in one go
LONGEST = 256  # bytes of a word that BPE is done for here: beyond, its square would be felt
EMPTY = -1
NO_NODE, NO_TOKEN, BEGIN = -1, -1, 0
