"""Every hint of the source, and a way to paste one: what its words make of the command that failed."""

import ast
import re
import shlex
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import tokbench

PACKAGE = Path(tokbench.__file__).parent
SHELL = ("iconv ", "tr ", "head ", "python ", "ls ", "cat ", "gzip ", "rm ")
ACTS = re.compile(
    r"tokbench [a-z]|(?<![\w-])--[a-z]|(?<!\w)-o [A-Za-z]|did_you_mean|_nearest|python_line|repaired"
    r"|iconv |tr -d|head -c|\bls -?l?|cat \{|python -c|rm \{"
)


@cache
def sites():
    """(file, line of the call) → the source of its fix, for every error and hint that can be acted on."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: ast.unparse(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for each in node.keywords:
                    words = ast.unparse(each.value) if each.arg == "fix" else ""
                    words = constants.get(words, words)
                    if ACTS.search(words):
                        found[path.relative_to(PACKAGE).as_posix(), node.lineno] = words
    return found


@cache
def next_steps():
    """(file, source) → a pattern of what a terminal shows, for every hint of a command that went well."""
    found = {}
    for path in sorted((PACKAGE / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "hint":
                texts = [text for each in node.args for text in _texts(each)]
                found |= {(path.name, ast.unparse(each)): _pattern(each) for each in texts}
    return {key: pattern for key, pattern in found.items() if ACTS.search(key[1])}


def _texts(node):
    return [*_texts(node.body), *_texts(node.orelse)] if isinstance(node, ast.IfExp) else [node]


def _pattern(node):
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(re.escape(each.value) if isinstance(each, ast.Constant) else ".+" for each in parts)


# What hints write in capitals for a name of the reader's.
NAMES = {
    "CORPUS": "corpus.txt",
    "FOLDER": "made",
    "OUT": "made",
    "TOKENIZER": "pair",
    "MODEL": "pair",
    "my-tok": "tok",
}


def pasted(words, hint):
    """The shell lines that a hint makes of a command line; none when it is for reading."""
    for name, ours in NAMES.items():
        hint = re.sub(rf"(?<![\w-]){name}(?![\w-])", ours, hint)
    if near := re.search(r"did you mean (.*)\?", hint):
        return [shlex.join(["tokbench", *_replaced(words, each)]) for each in near[1].split(" or ")]
    start = min((hint.find(each) for each in (*SHELL, "tokbench ") if each in hint), default=-1)
    if start >= 0 and (start == 0 or hint[start - 1] in " (:"):
        return [hint[start:]]
    if gone := re.search(r"leave out (?:\S+ or )?(--[\w-]+)|leave (--[\w-]+) out|without (--[\w-]+)", hint):
        return [shlex.join(["tokbench", *_without(words, gone[1] or gone[2] or gone[3])])]
    return [
        shlex.join(["tokbench", *words, *shlex.split(option)])
        for option in re.findall(
            r"(?<![\w-])(?:--[\w-]+|-o|-f)(?: (?!or\b|and\b|to\b|says\b|takes\b|in\b)[^\s,;)]+)?", hint
        )[:1]
    ]


def _replaced(words, better):
    """The words with the one that is most like it, or its part before or after =, replaced."""
    parts = [
        (at, part)
        for at, word in enumerate(words)
        for part in {word, *word.split("="), word.rpartition(".")[0]}
        if part
    ]
    at, part = max(parts, key=lambda each: SequenceMatcher(None, each[1].lower(), better.lower()).ratio())
    return [*words[:at], words[at].replace(part, better), *words[at + 1 :]]


def _without(words, option):
    """The words without an option and its value."""
    at = words.index(option)
    has_value = at + 1 < len(words) and not words[at + 1].startswith("-")
    return [*words[:at], *words[at + 1 + has_value :]]


def shape(key, words):
    """What makes two hints one for a test: the same command with other names; of near names, the file."""
    if "did_you_mean" in words or "_nearest" in words:
        return f"{key[0]}:{words}"
    return re.sub(r"\{[^}]*\}", "{}", words)
