"""The table of commands, in reading order: name → panel, place, and the line that help shows.

A command's module is imported when it is called, never before, so that help is instant.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """Where a command lives (`module:function` below tokbench.cli) and how help names it."""

    panel: str
    place: str
    line: str


PANELS = ("Make", "Look", "Grow", "Check", "Prove", "Share")

COMMANDS: dict[str, Entry] = {
    "train-bpe": Entry("Make", "make:train_bpe", "Train byte-level BPE, GPT-2 style: nothing is unknown."),
    "train-wordpiece": Entry("Make", "make:train_wordpiece", "Train WordPiece, BERT style, pieces with ##."),
    "train-unigram": Entry(
        "Make", "make:train_unigram", "Train Unigram, SentencePiece style, pieces with ▁."
    ),
    "train-wordlevel": Entry("Make", "make:train_wordlevel", "Train a vocabulary of whole words."),
    "train-char": Entry("Make", "make:train_char", "Train a vocabulary of single characters."),
    "train-like": Entry(
        "Make", "make:train_like", "Train a tokenizer of the same kind as another, on other texts."
    ),
    "corpus": Entry(
        "Make", "corpus:corpus", "Clean, sample, mix and split corpora; show what each step drops."
    ),
    "count": Entry("Make", "make:count", "Count the words of a corpus once, to train from them often."),
    "build": Entry("Make", "make:build", "Train what a recipe says, every block chosen by name."),
    "presets": Entry("Make", "make:presets", "List the recipes by name, or print one as TOML."),
    "blocks": Entry("Make", "make:blocks", "List the blocks a recipe can name, with their options."),
    "wrap": Entry("Make", "make:wrap", "Make a folder transformers loads from a tokenizer.json."),
    "convert": Entry(
        "Make", "make:convert", "Make a folder of a vocab.txt, .model, .tiktoken …; prove its ids."
    ),
    "export": Entry(
        "Make", "make:export", "Write tiktoken's, SentencePiece's or older files; prove the ids."
    ),
    "info": Entry("Look", "look:info", "Show what a tokenizer is: blocks, size, special tokens."),
    "encode": Entry("Look", "encode:encode", "Show the tokens and ids of a text, or write those of files."),
    "decode": Entry("Look", "encode:decode", "Turn ids back into text."),
    "trace": Entry("Look", "look:trace", "Follow a text through every block, and say why it is cut where."),
    "compare": Entry(
        "Look", "compare:compare", "Compare tokenizers on corpora: length, loss, use, evenness, speed."
    ),
    "sweep": Entry("Look", "compare:sweep", "Show what each vocabulary size buys, and where the knee is."),
    "playground": Entry(
        "Look", "compare:playground", "Encode as you type, in a browser, with several tokenizers at once."
    ),
    "add-tokens": Entry("Grow", "grow:add_tokens", "Add tokens, and grow the model in the same act."),
    "extend": Entry("Grow", "grow:extend", "Learn more tokens of a corpus; the model follows."),
    "prune": Entry(
        "Grow", "grow:prune", "Leave out the tokens that a corpus does not need; the model follows."
    ),
    "transplant": Entry("Grow", "adapt:transplant", "Give a model another tokenizer, each token a row."),
    "resize": Entry("Grow", "grow:resize", "Give a model the rows for a tokenizer that is already right."),
    "warm": Entry("Grow", "grow:warm", "Train the new rows of a grown model; all else keeps its bits."),
    "config": Entry("Grow", "grow:config", "Show what may change in a model's config, or set it."),
    "check": Entry("Check", "check:check", "Say what will break before it does; exit 1 if it will."),
    "same": Entry("Check", "check:same", "Say whether two tokenizers give the same ids; exit 1 if not."),
    "rebuild": Entry(
        "Check", "check:rebuild", "Train again what a folder records; say whether the same comes out."
    ),
    "tasks": Entry("Prove", "finetune:tasks", "List the GLUE tasks with metric, size and an example."),
    "finetune": Entry("Prove", "finetune:finetune", "Fine-tune on a GLUE task; prove that everything fits."),
    "predict": Entry(
        "Prove",
        "finetune:predict",
        "Answer texts with a fine-tuned model, or test rows in GLUE's own files.",
    ),
    "prove": Entry("Prove", "finetune:prove", "Compare a new tokenizer with a base one, with an interval."),
    "demo": Entry("Prove", "finetune:demo", "Do the whole job on the texts that ship, offline."),
    "report": Entry(
        "Share", "share:report", "Make one web page of saved results; it opens without a network."
    ),
    "env": Entry("Share", "share:env", "Print versions and what is installed, for a report."),
}

EXAMPLES = (
    "tokbench demo",
    "tokbench train-bpe corpus.txt",
    "tokbench train-wordpiece corpus.txt -o my-tok --vocab-size 8000",
    'tokbench add-tokens my-tok --special "[E1]" --token COVID -o grown',
    "tokbench check grown",
    "tokbench finetune --task sst2 --tokenizer grown --data sample -o run",
)


def page() -> str:
    """The help page of all commands."""
    from tokbench.reporting.help import help_page

    lines = {name: (entry.panel, entry.line) for name, entry in COMMANDS.items()}
    return help_page(lines, panels=PANELS, examples=EXAMPLES)
