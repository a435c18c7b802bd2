"""The worker process that renders chat templates, programs of strangers; it may hang or take all memory.

Run as a file and never imported, so it knows only the standard library and jinja2. The environment is that of
transformers' apply_chat_template: the same sandbox, options, filters and functions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.ext import loopcontrols as LoopControls  # noqa: N812  a class, though its name is not written so
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace


class Generation(Extension):
    """{% generation %}, which marks the assistant's words; here it only passes them on."""

    tags = {"generation"}  # noqa: RUF012  as jinja2 has it

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """The block between the two tags."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_passed", [], [])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _passed(self, caller: Callable[[], str]) -> str:
        return caller()


class PlainDict:
    """`dict` in a template: it makes one, and nothing else can be asked of it."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:  # noqa: ANN401
        """A new dict."""
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:  # noqa: ANN401
        """A new dict of keys."""
        return dict.fromkeys(*args, **kwargs)


class PlainNamespace(Namespace):
    """`namespace` in a template, whose names do not begin with an underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401  so that it may hold a `self`
        own, *rest = args
        for name in dict(*rest, **kwargs):
            PlainNamespace.ensure_plain(name)
        Namespace.__init__(own, *rest, **kwargs)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401
        PlainNamespace.ensure_plain(name)
        super().__setitem__(name, value)

    @staticmethod
    def ensure_plain(name: object) -> None:
        """SecurityError for a name that begins with an underscore."""
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a namespace of a chat template has no {name!r}")


def raise_exception(message: str) -> None:
    """What a template says when it does not take a conversation."""
    raise TemplateError(message)


def tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:  # noqa: ANN401
    """JSON without HTML's escapes."""
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def sandbox() -> ImmutableSandboxedEnvironment:
    """The environment in which transformers renders a template."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, LoopControls]
    )
    made.filters["tojson"] = tojson
    made.globals |= {
        "raise_exception": raise_exception,
        "strftime_now": lambda form: datetime.now().astimezone().strftime(form),
        "dict": PlainDict(),
        "namespace": PlainNamespace,
    }
    return made


def answer(environment: ImmutableSandboxedEnvironment, asked: dict[str, Any]) -> dict[str, Any]:
    """The texts of a template for each set of variables, the names it uses, and its literal texts."""
    try:
        tree = environment.parse(asked["template"])
        template = environment.from_string(asked["template"])
    except Exception as error:  # whatever a stranger's template leads to is told
        return {"problem": in_words(error), "names": [], "literals": [], "texts": []}
    literals = [each.data for each in tree.find_all(nodes.TemplateData)]
    literals += [each.value for each in tree.find_all(nodes.Const) if isinstance(each.value, str)]
    names = sorted(meta.find_undeclared_variables(tree) - environment.globals.keys())
    texts: list[dict[str, str]] = []
    for variables in asked["variables"]:
        try:
            texts.append({"text": template.render(**variables)})
        except Exception as error:
            texts.append({"problem": in_words(error)})
    return {"problem": "", "names": names, "literals": literals, "texts": texts}


def in_words(error: BaseException) -> str:
    """The kind of an error and its message in one line."""
    line = getattr(error, "lineno", None)
    kind = "" if type(error) is TemplateError else f"{type(error).__name__}: "
    return f"{kind}{' '.join(str(error).split())[:200]}{f' in line {line}' if line else ''}"


def render_all() -> None:
    """Do what the request on stdin says: a limit of memory in bytes, templates and variables."""
    request = json.load(sys.stdin)
    with suppress(ImportError, ValueError, OSError):  # no such limit on this system, or a lower one holds
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    environment = sandbox()
    json.dump([answer(environment, asked) for asked in request["templates"]], sys.stdout)


if __name__ == "__main__":
    render_all()
