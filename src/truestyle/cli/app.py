"""The `truestyle` command."""

from pathlib import Path
from typing import Annotated

import typer

from truestyle.cli.common import DEFAULT_DATA, DataOption, console, plain_words, run

app = typer.Typer(
    name="truestyle",
    help="The commerce backend a fashion store runs on.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.command()
def dev(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    data: DataOption = DEFAULT_DATA,
    empty: Annotated[bool, typer.Option("--empty", help="Without the demo catalogue.")] = False,
    reload: Annotated[bool, typer.Option("--reload", help="Restart when the code changes.")] = False,
) -> None:
    """Open the whole store with nothing else installed."""
    from truestyle.cli import serving  # noqa: PLC0415 - the server's imports are only for who serves

    with plain_words():
        serving.dev(host, port, data, empty=empty, reload=reload)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; one for each core.", min=1, max=64)] = 1,
) -> None:
    """Serve in production: everything comes from settings, unsafe ones are refused."""
    from truestyle.cli import serving  # noqa: PLC0415

    with plain_words():
        serving.serve(host, port, workers)


@app.command()
def worker() -> None:
    """Deliver the outbox; everything comes from settings."""
    from truestyle.cli import serving  # noqa: PLC0415

    with plain_words():
        serving.worker()


@app.command()
def migrate(data: DataOption = DEFAULT_DATA) -> None:
    """Create the indexes and tables that are missing; safe to run again."""
    count = run(data, lambda shop: shop.migrate(), prepare=False)
    console.print(f"[green]✓[/] {count} indexes are in place, and the tables in SQL are of this release.")


@app.command()
def seed(
    data: DataOption = DEFAULT_DATA,
    demo: Annotated[
        bool | None, typer.Option("--demo/--no-demo", help="Demo people and catalogue; default: not in production.")
    ] = None,
) -> None:
    """Add roles, permissions, lookups, the admin and (not in production) a demo store; safe to run again."""
    from truestyle.cli import seeding  # noqa: PLC0415

    seeding.seed(data, demo=demo)


@app.command(name="import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="Shopify's, WooCommerce's or our own CSV or .xlsx.", exists=True, dir_okay=False)
    ],
    data: DataOption = DEFAULT_DATA,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
) -> None:
    """Bring a catalogue in; products are found again by SKU."""
    from truestyle.cli import importing  # noqa: PLC0415

    failed = run(data, lambda shop: importing.run_import(shop, file, dry_run=dry_run))
    raise typer.Exit(1 if failed else 0)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to; .csv or .xlsx.", dir_okay=False)],
    data: DataOption = DEFAULT_DATA,
    format_: Annotated[
        str | None, typer.Option("--format", help="csv or xlsx; else as the file's name says.", metavar="csv|xlsx")
    ] = None,
) -> None:
    """Write the catalogue to a file that `truestyle import` reads back."""
    from truestyle.cli import exporting  # noqa: PLC0415

    with plain_words():
        kind = exporting.format_of(file, format_)
    run(data, lambda shop: exporting.run_export(shop, file, kind))


@app.command()
def audit(
    data: DataOption = DEFAULT_DATA,
    repair: Annotated[bool, typer.Option("--repair", help="Mend counters that can be worked out again.")] = False,
) -> None:
    """Check every invariant on the live store; exit 1 on any breach."""
    from truestyle.cli import auditing  # noqa: PLC0415

    clean = run(data, lambda shop: auditing.audit(shop, repair=repair), prepare=False)
    raise typer.Exit(0 if clean else 1)


@app.command()
def demo(
    data: DataOption = DEFAULT_DATA,
    url: Annotated[str | None, typer.Option(help="A running store; else the one on --data, or one of its own.")] = None,
) -> None:
    """Drive a store over HTTP through a shopping day, and print each step."""
    from truestyle.cli import demo as shopping  # noqa: PLC0415

    with plain_words():
        shopping.demo(data, url)


def main() -> None:
    """Entry point."""
    app(prog_name="truestyle", standalone_mode=True)


if __name__ == "__main__":
    main()
