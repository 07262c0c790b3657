"""What the store tells of itself to others, begun as the settings say."""

from importlib.metadata import version
from itertools import product

from truestyle.infra import metrics, reporting, tracing
from truestyle.infra.tracing import Wanted
from truestyle.payments.models import PaymentType
from truestyle.settings import Settings, SettingsRefusedError

VERSION = version("truestyle")


# Prometheus learns of an increase only from a series that was there before it: what alerts ask for begins at zero.
AT_ZERO = {
    metrics.PLACED: product(["placed", "internal_error", "unavailable"]),
    metrics.STOCK_OUTS: product(["cart", "checkout"]),
    metrics.PAYMENTS: product([one.value for one in PaymentType], ["paid", "failed", "mismatch"]),
    metrics.REFUNDS: product(["original", "store_credit", "exchange", "upi"], ["begun", "done", "failed"]),
    metrics.ERRORS: product(["request_failed", "outbox_handler_failed", "chore_failed"]),
}
for counter, all_labels in AT_ZERO.items():
    for labels in all_labels:
        counter.labels(*labels)


def begin(settings: Settings) -> bool:
    """Traces and error tracking of this process; whether it is we who began to trace. Raises SettingsRefusedError."""
    ours = settings.observing
    facts = {"release": f"truestyle@{VERSION}", "environment": settings.shop.environment}
    try:
        dsn = ours.sentry_dsn.get_secret_value()
        if ours.error_hook or dsn:
            reporting.start(ours.error_hook, dsn, settings.secrets, facts)
        if not ours.otel_enabled:
            return False
        return tracing.start(
            Wanted(
                ours.otel_exporter_otlp_endpoint,
                ours.otel_service_name,
                VERSION,
                ours.otel_traces_sampler_arg,
                ours.headers,
            )
        )
    except (reporting.HookRefusedError, tracing.NoOpenTelemetryError) as error:
        raise SettingsRefusedError(str(error)) from error
