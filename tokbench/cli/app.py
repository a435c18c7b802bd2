"""The app: commands found by name when they are called, and a help page that imports none of them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tokbench import __version__
from tokbench.cli.commands import COMMANDS, page


class LazyCommands(MutableMapping[str, Any]):
    """The commands by name; one is imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  Typer's command class is private
        module, function = COMMANDS[name].place.split(":")
        one = typer.Typer(rich_markup_mode="markdown", add_completion=False)
        one.command(name)(getattr(import_module(f"tokbench.cli.{module}"), function))
        return typer.main.get_command(one)

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401
        raise TypeError("commands are added to the table in tokbench.cli.commands")

    def __delitem__(self, name: str) -> None:
        raise TypeError("commands are taken out of the table in tokbench.cli.commands")

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(TyperGroup):
    """Typer's group over LazyCommands, with a help page of its own."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.commands = LazyCommands()

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Names in the table's order, without importing any."""
        return list(COMMANDS)

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override] # noqa: ANN401
        """Show the commands in panels, then examples."""
        formatter.write(page() + "\n")


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tokbench {__version__}")
        raise typer.Exit()


@app.callback()
def tokbench(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Build tokenizers, look inside, grow them with their models, check them, prove that they work."""
