"""Every migration there is, in order. To add one: a module in `steps/` with the next number, and a line here."""

from truestyle.upgrades.models import Migration
from truestyle.upgrades.steps import m0001_outbox_lanes, m0002_order_counts, m0003_ledger_entries, m0004_invoices

MIGRATIONS: tuple[Migration, ...] = (
    m0001_outbox_lanes.MIGRATION,
    m0002_order_counts.MIGRATION,
    m0003_ledger_entries.MIGRATION,
    m0004_invoices.MIGRATION,
)
