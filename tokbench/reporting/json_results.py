"""Results as JSON with stable keys and the name of what they are."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import json
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from inspect import getsource
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from tokbench.errors import DataError, FileError, did_you_mean
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.reporting.elements import Part

# kind: (the result's type, its view) — each a module below tokbench and a name in it.
KINDS = {
    "aligned": ("finetuning.aligned:AlignedRow", "reporting.views.look:aligned"),
    "checkup": ("checks.findings:Checkup", "reporting.views.check:checkup"),
    "comparison": ("analysis.compare:Comparison", "reporting.views.compare:page"),
    "config": ("model.model_config:ConfigView", "reporting.views.grow:view"),
    "config-change": ("model.model_config:ConfigChange", "reporting.views.grow:change"),
    "conversion": ("pretrained.convert:Conversion", "reporting.views.make:converted"),
    "corpus_description": (
        "analysis.corpus_description:CorpusDescription",
        "reporting.views.compare:described",
    ),
    "counted": ("training.counting.count_corpus:Counted", "reporting.views.make:counted"),
    "decoded-corpus": ("encoding.decode_corpus:DecodedCorpus", "reporting.views.look:decoded_corpus"),
    "demo": ("finetuning.demo:Demo", "reporting.views.finetune:demo"),
    "encoded": ("encoding.encode:Encoded", "reporting.views.look:encoded"),
    "encoded-batch": ("encoding.encode:EncodedBatch", "reporting.views.look:encoded_batch"),
    "encoded-corpus": ("encoding.encode_corpus:EncodedCorpus", "reporting.views.make:encoded"),
    "environment": ("finetuning.environment:Environment", "reporting.views.finetune:environment"),
    "explanation": ("checks.findings:Explanation", "reporting.views.check:explanation"),
    "export": ("pretrained.export:Exported", "reporting.views.make:exported"),
    "extension": ("adapt.extend:Extension", "reporting.views.grow:extension"),
    "fix-report": ("checks.fix:FixReport", "reporting.views.check:fix_report"),
    "growth": ("adapt.growth:Growth", "reporting.views.grow:growth"),
    "info": ("pretrained.info:TokenizerInfo", "reporting.views.look:info"),
    "pair_trace": ("tracing.post_model:PairTrace", "reporting.views.trace:pair"),
    "predictions": ("finetuning.result:Predictions", "reporting.views.finetune:predicted"),
    "prepared": ("corpus.prepared:PreparedCorpus", "reporting.views.make:prepared"),
    "proof": ("finetuning.prove:Proof", "reporting.views.finetune:proof"),
    "pruning": ("adapt.prune:Pruning", "reporting.views.grow:pruning"),
    "rebuild": ("checks.rebuild:Rebuild", "reporting.views.check:rebuilt"),
    "run": ("finetuning.multi:Done", "reporting.views.finetune:done"),
    "sameness": ("checks.same:Sameness", "reporting.views.check:sameness"),
    "side_by_side": ("tracing.side_by_side:SideBySide", "reporting.views.trace:side_by_side"),
    "sweep": ("analysis.sweep:Sweep", "reporting.views.compare:swept"),
    "trace": ("tracing.steps:Trace", "reporting.views.trace:trace"),
    "transplant": ("adapt.transplant:Transplant", "reporting.views.grow:transplanted"),
    "trained": ("pretrained.train:Trained", "reporting.views.make:trained"),
    "warmup": ("finetuning.warming.warm:Warmup", "reporting.views.grow:warmup"),
}


RENAMED = {"mending": "fix-report"}  # kinds of results that earlier versions wrote


LISTS = "it lists what tokbench has, and says nothing of a tokenizer of yours"
# kind: why no page shows it
PAGELESS = {
    "blocks": LISTS,
    "decoded": "it is the text itself",
    "explanations": LISTS,
    "page": "it is where another page was written",
    "presets": LISTS,
    "recipe": "tokbench presets NAME prints it as TOML",
    "settings": LISTS,
    "tasks": LISTS,
}


def type_of(kind: str) -> Any:  # noqa: ANN401  (a class, or a union of classes)
    """The type of a kind of result; a DataError for a kind that no page shows."""
    return _named(_entry(kind)[0])


def result_kind(result: object) -> str:
    """The kind of a result that a page can show; DataError for anything else."""
    if isinstance(result, Result):
        _entry(result.kind)
        return result.kind
    raise DataError(
        f"a {type(result).__name__} is no result of tokbench", fix="give results, or files of --json"
    )


def view_of(kind: str) -> Callable[[Any], Iterable[Part]]:
    """The view of a kind of result; a DataError for a kind that no page shows."""
    return _named(_entry(kind)[1])  # type: ignore[no-any-return]


def _entry(kind: str) -> tuple[str, str]:
    if kind in PAGELESS:
        raise DataError(f"a result of kind {kind!r} has no page: {PAGELESS[kind]}", fix="leave it out")
    if kind not in KINDS:
        raise DataError(f"a result of kind {kind!r} has no page", fix=did_you_mean(kind, KINDS))
    return KINDS[kind]


def _named(place: str) -> Any:  # noqa: ANN401
    module, name = place.split(":")
    return getattr(import_module(f"tokbench.{module}"), name)


def read_result(path: Path) -> tuple[str, object]:
    """The kind and the result in a file that `--json` wrote.

    Fields that JSON leaves out (library objects) are None. Raises FileError for a file that cannot be
    read and DataError for one that holds something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # nested without end, which is JSON, too
        raise DataError(f"{path} is not JSON: {error}", fix="write it with --json > file") from error
    if not isinstance(data, dict) or not isinstance(data.get("schema"), str):
        raise DataError(f"{path} is not a result of tokbench: it has no schema", fix="write it with --json")
    kind = _kind(path, data.pop("schema"))
    try:
        return kind, as_result(type_of(kind), data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} does not hold what a result of kind {kind!r} holds: {error}",
            fix="write it again with --json of this version",
        ) from error


def _kind(path: Path, schema: str) -> str:
    """The kind that a schema names, when this version reads its keys."""
    match schema.split("/"):
        case ["tokbench", name, version]:
            kind = RENAMED.get(name, name)
            if version == str(version_of(kind)):
                return kind
            wanted = f"tokbench/{kind}/{version_of(kind)}"
            raise DataError(
                f"{path} has the schema {schema!r}, and this version reads {wanted}",
                fix="write it again with --json of this version",
            )
    raise DataError(f"{path} has the schema {schema!r}, not tokbench/…", fix="write it again with --json")


def version_of(kind: str) -> int:
    """The version of the keys of a kind; a DataError for a kind that no page shows."""
    found = type_of(kind)
    version: int = (get_args(found) or (found,))[0].version
    return version


def as_result(hint: Any, data: Any) -> Any:  # noqa: ANN401
    """Data as the type says: dataclasses, mappings, sequences and paths are built, plain values kept."""
    if data is None or hint in (Any, object) or get_origin(hint) is Literal:
        return data
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, data)  # type: ignore[arg-type]
    kind, inside = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, types.UnionType):
        return _first(inside, data)
    if issubclass(kind, Mapping):
        key, value = inside or (object, object)
        return {int(name) if key is int else name: as_result(value, each) for name, each in data.items()}
    if issubclass(kind, Sequence | set | frozenset) and not issubclass(kind, str):
        return _several(kind, inside, data)
    return _plain(kind, data)


def _several(kind: type, inside: Sequence[Any], data: Any) -> Sequence[Any] | frozenset[Any]:  # noqa: ANN401
    if not isinstance(data, list):
        raise TypeError(f"{data!r:.40} is not a list")
    if issubclass(kind, tuple) and inside and inside[-1] is not Ellipsis:
        return tuple(as_result(each, value) for each, value in zip(inside, data, strict=True))
    made = [as_result(inside[0] if inside else object, each) for each in data]
    return frozenset(made) if issubclass(kind, set | frozenset) else tuple(made)


def _plain(kind: type, data: Any) -> Any:  # noqa: ANN401
    if issubclass(kind, Path):
        return kind(data)
    wanted = (int, float) if kind is float else kind
    if not isinstance(data, wanted):
        raise TypeError(f"{data!r:.40} is not of type {kind.__name__}")
    return data


def _first(hints: Iterable[Any], data: Any) -> Any:  # noqa: ANN401
    """Data as the first of the types that it fits."""
    for hint in hints:
        if hint is not type(None):
            try:
                return as_result(hint, data)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
    raise TypeError(f"{data!r:.40} is none of the types expected")


def _dataclass(wanted: type, data: Mapping[str, Any]) -> object:
    hints = get_type_hints(wanted, localns=_Names(wanted))
    values: dict[str, Any] = {}
    for field in dataclasses.fields(wanted):
        if field.name in data:
            values[field.name] = as_result(hints[field.name], data[field.name])
        elif not field.metadata.get("json", True):
            values[field.name] = None
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise KeyError(field.name)
    return wanted(**values)


class _Names(dict[str, object]):
    """The names a type's module knows, those among them that it imports only for type checks.

    A name of another library is any object, and so is one of ours that needs a package which is not there.
    """

    def __init__(self, wanted: type) -> None:
        super().__init__()
        self._module = sys.modules[wanted.__module__]

    def __missing__(self, name: str) -> object:
        if name.startswith("__"):
            raise KeyError(name)  # no type is called so; debuggers ask for such names
        for place in (self._module, builtins):
            if hasattr(place, name):
                return getattr(place, name)
        module = _imported(self._module).get(name)
        try:
            return getattr(import_module(module), name) if module else object
        except ImportError:
            return object


def _imported(module: types.ModuleType) -> Mapping[str, str]:
    """Each name that the module's source imports from tokbench or Python's own library, and from where."""
    imports = (node for node in ast.walk(ast.parse(getsource(module))) if isinstance(node, ast.ImportFrom))
    return {
        each.name: node.module
        for node in imports
        for each in node.names
        if node.module and node.module.partition(".")[0] in {"tokbench", *sys.stdlib_module_names}
    }
