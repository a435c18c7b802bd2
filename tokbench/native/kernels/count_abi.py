"""What Python and the counting loops agree on: the fields of a job, the flags of a byte, the sizes.

The layout in one paragraph: texts lie one after the other in UTF-8, each ended by a separator, with PADDING
readable bytes around all. Every byte gets the flags of its character; a split turns flags into spans, two
int32 a word; and the table of words has SLOT uint64 a slot and the words' bytes in an arena.
"""

from __future__ import annotations

PADDING = 64  # readable bytes before and after a text: a mask looks at its neighbours, a load at 8 bytes
CODE_POINTS = 1 << 21  # what four bytes can spell, so that no bytes lead outside a table of classes
STRIP = 1 << 14  # bytes worked at in one go: text, flags and spans of a strip stay in the nearest caches
BATCH = 32  # words looked up in one go
SLOT = 4  # numbers in a slot of the word table: first eight bytes, next eight, place and length, count
LENGTH_BITS = 24  # of a slot's third number; the rest is where the word begins in the arena

# A job is an array of int64 that a loop reads its task from and writes its state to; addresses are of arrays.
TEXT, START, END, SEPARATOR = 0, 1, 2, 3  # address of the bytes; from where, to where; the byte between texts
LOW, CLASSES, FLAGS, SPANS = (
    4,
    5,
    6,
    7,
)  # flags of bytes below 128, of code points, of the text; room for spans
KIND, DIGITS, WORDS = 8, 9, 10  # which split; how many digits make a word; how many words were counted
SLOTS, SLOT_BITS, KEYS, USED = 11, 12, 13, 14  # the table of words, room for a batch of keys, slots in use
ARENA, ARENA_SIZE, ARENA_USED = 15, 16, 17  # the words' bytes, one word after the other
NEED_WORDS, NEED_BYTES = 18, 19  # the room that was missing
WEIGHTS, WEIGHT_STEP = 20, 21  # what a span counts; from one to the next, 0 when all count the same
OLD_SLOTS, OLD_BITS = 22, 23  # the table before it grew
OUT, LOW_MAP, ACTIONS, PLACES, SPELLINGS = 24, 25, 26, 27, 28  # how characters are rewritten (count_text.py)
PREFIX, REFUSED, REFUSALS, WRITTEN = 29, 30, 31, 32
TEXTS, BLANKS, MOST = 33, 34, 35  # of a block of lines: texts, blank lines; bytes that a line may have
FIELDS = 36

GPT2, RUNS, CL100K, O200K, TEKKEN = 0, 1, 2, 3, 4

NEEDED, ALWAYS = 1, 2  # of PREFIX: a blank before each text that begins with none, or before every text

NEXT = 128  # flag of all but the first byte of a character; the others are those of its character
BORDER = 16  # flag of what no word may hold: the byte between texts

# In GPT2. BLANK: U+0020 itself; BREAK: here a word begins, GLUED: here none does, whatever is beside it.
LETTER, NUMBER, SPACE, BLANK, BREAK, GLUED = 1, 2, 4, 8, 32, 64
# In CL100K and O200K, with SPACE. What may stand in the upper and the lower half of a word, CR and LF, \p{M}.
UPPERISH, LOWERISH, DIGIT, NEWLINE, MARK = 1, 2, 8, 32, 64
# In RUNS. Characters of a run belong together; one that stands alone does not; one that begins is followed by
# the first kind of run.
FIRST_RUN, SECOND_RUN, ALONE, BEGINS = 1, 2, 4, 8
# A run of these begins a word and is followed by the first kind of run; none begins behind one that holds.
JOINED, HOLDS = 32, 64

KEEP, SPELL, REFUSE, AS_BORDER = 0, 1, 2, 3  # what becomes of a character: see count_text.py
