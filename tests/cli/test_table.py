"""Every command calls exactly one public function, so that whatever it does Python does in one call too."""

import ast
from pathlib import Path

import pytest

import tokbench
from tokbench.cli.commands import COMMANDS

CLI = Path(tokbench.__file__).parent / "cli"
MODULES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in CLI.glob("*.py")}
HOMES = {(f"tokbench.{place}", name): name for name, place in tokbench._PLACES.items() if place}
# Commands that call none, and why.
LISTS = "it lists what tokbench has"
EXEMPT = {
    "presets": LISTS,
    "blocks": LISTS,
    "tasks": LISTS,
    "env": "it prints what is installed",
    "playground": "it serves a page until Ctrl-C",
    "demo": "it is the README's tour in one word, made of the calls that the others make",
}
# Commands that call several, and which belong to an option.
SEVERAL = {
    "check": {"fix"},  # --fix
    # --file; --labels; it says how the folder loads before it encodes with it
    "encode": {"encode_corpus", "align_labels", "load"},
    "decode": {"decode_corpus"},  # --file, and several rows
    "corpus": {"describe_corpus"},  # --describe
    "config": {"set_config"},  # config set
}
# Public functions that no command calls, and why.
UNCALLED = {
    "recipe": "a command makes its recipe of words, Python of values",
    "result_html": "a notebook calls it; a command has --html",
}


def public_calls(module: str, function: str) -> set[str]:
    """The public names that a command's function calls, itself or through what is beside it in its file."""
    tree = MODULES[module]
    beside = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    beside |= {  # commands that a function makes
        node.targets[0].id: node
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and hasattr(node.targets[0], "id")
    }
    seen, found, todo = set(), set(), [function]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        aliases = aliases_in(tree.body) | aliases_in(ast.walk(beside[name]))
        for node in ast.walk(beside[name]):
            words = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
            if words.startswith("tb."):
                found.add(words.removeprefix("tb."))
            elif words in aliases:
                found.add(aliases[words])
            elif words in beside and words not in {each.arg for each in parameters(beside[name])}:
                todo.append(words)
    return {each for each in found if each in tokbench.__all__ and each.islower()}  # functions, no types


def parameters(function):
    if isinstance(function, ast.Assign):
        return []
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def aliases_in(nodes):
    """What names of these import statements a public function has."""
    return {
        each.asname or each.name: HOMES[node.module, each.name]
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for each in node.names
        if (node.module, each.name) in HOMES
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_calls_exactly_one_public_function(command):
    module, function = COMMANDS[command].place.split(":")
    found = public_calls(module, function)
    assert SEVERAL.get(command, set()) <= found
    if command in EXEMPT:
        assert found <= {"load"}
    else:
        assert len(found - SEVERAL.get(command, set())) == 1, found


def test_an_exemption_is_a_commands():
    assert set(EXEMPT) | set(SEVERAL) <= set(COMMANDS)


def test_every_public_function_is_called_by_a_command_or_makes_what_one_takes():
    called = {name for each in COMMANDS.values() for name in public_calls(*each.place.split(":"))}
    functions = {name for name in tokbench.__all__ if name.islower() and callable(getattr(tokbench, name))}
    assert functions - called == set(UNCALLED)
