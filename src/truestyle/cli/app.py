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

outbox = typer.Typer(name="outbox", help="Effects that were given up.", no_args_is_help=True)
app.add_typer(outbox)


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
def migrate(
    data: DataOption = DEFAULT_DATA,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also for rows that processes of the release before have written since.")
    ] = False,
) -> None:
    """Bring indexes, tables and data up to this release; may be broken off and run again."""
    from truestyle.cli import migrating  # noqa: PLC0415

    work = migrating.preview if dry_run else migrating.migrate
    run(data, lambda shop: work(shop, again=again), prepare=False)


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

    failed = run(data, lambda shop: importing.run_import(shop, file, dry_run=dry_run), make=True)
    raise typer.Exit(1 if failed else 0)


@app.command()
def export(
    what: Annotated[
        str,
        typer.Argument(
            help="What; or the file for the catalogue that `truestyle import` reads back.",
            metavar="orders|products|users|sales|FILE",
        ),
    ],
    data: DataOption = DEFAULT_DATA,
    format_: Annotated[
        str | None, typer.Option("--format", help="Else as the file's name says.", metavar="csv|xlsx|pdf")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to; else named for what and today.", dir_okay=False)] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="From this day (or moment) on.", metavar="2026-11-01")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Until this day, which is in it, or before this moment.")
    ] = None,
) -> None:
    """Write orders, products, accounts or sales a day to a file; or the catalogue, to be imported again."""
    from truestyle.cli import exporting  # noqa: PLC0415

    if exporting.is_subject(what):
        with plain_words():
            asked = exporting.asked_of(what, format_, out, first, last)
        run(data, lambda shop: exporting.run_subject(shop, asked, out), prepare=False)
        return
    if out or first or last:
        msg = "goes with orders, products, users or sales"
        raise typer.BadParameter(msg, param_hint="--out, --from, --to")
    with plain_words():
        kind = exporting.format_of(Path(what), format_)
    run(data, lambda shop: exporting.run_export(shop, Path(what), kind))


@app.command()
def gstr1(
    month: Annotated[str, typer.Argument(help="Like 2026-11.")],
    folder: Annotated[Path, typer.Argument(help="Where to; made if it is not there.", file_okay=False)] = Path(),
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Write the tables of a month's GSTR-1 return as CSV, in the columns of the GST offline tool."""
    from truestyle.cli import exporting  # noqa: PLC0415

    run(data, lambda shop: exporting.run_gstr1(shop, month, folder))


@app.command()
def audit(
    data: DataOption = DEFAULT_DATA,
    repair: Annotated[bool, typer.Option("--repair", help="Mend counters that can be worked out again.")] = False,
) -> None:
    """Check every invariant on the live store; exit 1 on any breach."""
    from truestyle.cli import auditing  # noqa: PLC0415

    clean = run(data, lambda shop: auditing.audit(shop, repair=repair), prepare=False)
    raise typer.Exit(0 if clean else 1)


@outbox.command(name="list")
def outbox_list(
    data: DataOption = DEFAULT_DATA,
    topic: Annotated[str | None, typer.Option(help="Only of this topic, such as mail.order_shipped.")] = None,
) -> None:
    """Show effects (mail, figures, …) that were given up after the last try."""
    from truestyle.cli import dead_letters  # noqa: PLC0415

    run(data, lambda shop: dead_letters.show(shop, topic), prepare=False)


@outbox.command(name="replay")
def outbox_replay(
    event: Annotated[str | None, typer.Argument(help="The id that `outbox list` shows.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    topic: Annotated[str | None, typer.Option(help="With --all: only of this topic.")] = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Have what was given up tried again by the worker."""
    from truestyle.cli import dead_letters  # noqa: PLC0415

    if (event is None) != every:
        msg = "give either the id of an event or --all"
        raise typer.BadParameter(msg)
    count = run(data, lambda shop: dead_letters.replay(shop, event, topic), prepare=False)
    console.print(f"[green]✓[/] {count} {'waits' if count == 1 else 'wait'} for a worker to try again.")


@app.command()
def settlement(
    file: Annotated[
        Path, typer.Argument(help="Stripe's or Razorpay's settlement report.", exists=True, dir_okay=False)
    ],
    data: DataOption = DEFAULT_DATA,
    provider: Annotated[
        str | None,
        typer.Option(help="Whose it is; its columns tell, when this is left out.", metavar="stripe|razorpay"),
    ] = None,
) -> None:
    """Match a gateway's settlement report with the payment ledger; exit 1 on any difference."""
    from truestyle.cli import settling  # noqa: PLC0415

    with plain_words():
        chosen = settling.provider_of(provider)
    clean = run(data, lambda shop: settling.settlement(shop, file, chosen), prepare=False)
    raise typer.Exit(0 if clean else 1)


@app.command()
def doctor(
    data: DataOption = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what is wrong with the settings, the servers and the store, and how to mend it; exit 1 on anything."""
    from truestyle.cli import doctoring  # noqa: PLC0415

    raise typer.Exit(0 if doctoring.doctor(data, as_json=as_json) else 1)


@app.command()
def backup(
    data: DataOption = DEFAULT_DATA,
    collections: Annotated[
        str | None, typer.Option(help="Only these collections and SQL tables, with commas.", metavar="NAMES")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to make it in; else BACKUP_BASE_PATH.", file_okay=False)
    ] = None,
) -> None:
    """Make a backup, and rehearse it in a scratch database."""
    from truestyle.cli import backing_up  # noqa: PLC0415

    run(data, lambda shop: backing_up.back_up(shop, collections, out), prepare=False)


@app.command()
def restore(
    backup: Annotated[str, typer.Argument(help="Its name, its folder, or `latest`.")],
    data: DataOption = DEFAULT_DATA,
    order: Annotated[
        str | None, typer.Option(help="Only this order and what belongs to it, if it is missing.", metavar="ID|NUMBER")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the place of the store."""
    from truestyle.cli import backing_up  # noqa: PLC0415

    if order is not None:
        run(data, lambda shop: backing_up.restore_order(shop, backup, order))
        return
    run(data, lambda shop: backing_up.restore(shop, backup, yes=yes), prepare=False, make=True)


@app.command()
def bench(
    data: DataOption = DEFAULT_DATA,
    quick: Annotated[bool, typer.Option("--quick", help="Short and rough: half a minute instead of two.")] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Write every measurement here.", dir_okay=False)] = None,
) -> None:
    """Measure how fast this store reads, as multiples of a bare server; its database is only read."""
    from truestyle.cli import benching  # noqa: PLC0415

    benching.bench(data, quick=quick, path=json)


@app.command()
def demo(
    data: DataOption = DEFAULT_DATA,
    url: Annotated[str | None, typer.Option(help="A running store; else the one on --data, or one of its own.")] = None,
    papers: Annotated[
        Path | None, typer.Option(help="Keep the invoices and credit notes in this folder.", file_okay=False)
    ] = None,
) -> None:
    """Drive a store over HTTP through a shopping day, and print each step."""
    from truestyle.cli.demo import whole  # noqa: PLC0415

    with plain_words():
        whole.demo(data, url, papers)


def main() -> None:
    """Entry point."""
    app(prog_name="truestyle", standalone_mode=True)


if __name__ == "__main__":
    main()
