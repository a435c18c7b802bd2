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
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    constants = {name: nodes for tree in trees.values() for name, nodes in _bound(tree.body).items()}
    makers = {each.name: _returned(each) for tree in trees.values() for each in tree.body if _makes(each)}
    found = {}
    for path, tree in trees.items():
        functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
        returned = {each.name: _returned(each) for each in functions}
        for function in (tree, *functions):
            inside = {} if function is tree else _bound(ast.walk(function))
            meanings = {**constants, **makers, **_bound(tree.body), **inside, **returned}
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    for each in node.keywords:
                        words = _words(each.value, meanings) if each.arg == "fix" else ""
                        if ACTS.search(words):
                            found[path.relative_to(PACKAGE).as_posix(), node.lineno] = words
    return found


def _bound(nodes):
    """Each name and all that is bound to it among these."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _makes(node):
    """Whether it is a function whose result others put into their hints."""
    return isinstance(node, ast.FunctionDef) and not node.name.startswith("_")


def _returned(function):
    return [each.value for each in ast.walk(function) if isinstance(each, ast.Return) and each.value]


def _words(node, meanings, depth=3):
    """The source of a hint: of a name what is bound to it, of a call of a function here what it returns."""
    name = node.func if isinstance(node, ast.Call) else node
    if depth and isinstance(name, ast.Name) and name.id in meanings:
        meant = [_words(each, meanings, depth - 1) for each in meanings[name.id]]
        return " | ".join([ast.unparse(node), *meant])
    inside = node.values if isinstance(node, ast.JoinedStr) else []
    parts = [each.value for each in inside if isinstance(each, ast.FormattedValue)]
    named = [each for each in parts if isinstance(each, ast.Name) or _is_call(each)]
    return " | ".join([ast.unparse(node), *(_words(each, meanings, depth - 1) for each in named if depth)])


def _is_call(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


@cache
def next_steps():
    """(file, source) → a pattern of what a terminal shows, for every hint of a command that went well."""
    found = {}
    for path in sorted((PACKAGE / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("hint", "hint_written"):
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
