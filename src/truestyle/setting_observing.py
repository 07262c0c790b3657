"""The settings of metrics, traces and error tracking."""

import re

from pydantic import Field, SecretStr, field_validator

from truestyle.setting_kinds import Group, rotating

HEADER = re.compile(r"[A-Za-z0-9-]+=\S.*")


class ObservingSettings(Group):
    """What the store tells of itself: metrics, traces, errors."""

    metrics_enabled: bool | None = Field(
        None, description="Serve `/metrics` to Prometheus; when unset, everywhere but in production."
    )
    worker_metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port at which `truestyle worker` serves its metrics; unset: it does not."
    )
    worker_metrics_host: str = Field("127.0.0.1", description="Address that this port is open on.")
    otel_enabled: bool = Field(default=False, description="Send OpenTelemetry traces; needs the extra `otel`.")
    otel_exporter_otlp_endpoint: str = Field(
        "http://localhost:4318",
        pattern=r"^https?://[^\s@?#]+$",
        description="Where traces go, by OTLP over HTTP; `/v1/traces` is added.",
    )
    otel_exporter_otlp_headers: SecretStr = Field(
        SecretStr(""), description="Headers for it, `name=value`, with commas between: mostly a key."
    )
    otel_service_name: str = Field("truestyle", min_length=1, max_length=100, description="Our name in traces.")
    otel_traces_sampler_arg: float = Field(1.0, ge=0, le=1, description="Part of all requests that is traced.")
    error_hook: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*[.:][A-Za-z_]\w*$",
        description="Function that is told each unexpected error, as `package.module:function`.",
    )
    sentry_dsn: SecretStr = Field(SecretStr(""), description="Tell them to Sentry instead; needs the extra `sentry`.")

    @field_validator("otel_exporter_otlp_headers")
    @classmethod
    def _are_headers(cls, value: SecretStr) -> SecretStr:
        if not all(HEADER.fullmatch(one) for one in rotating(value)):
            raise ValueError("must be `name=value`, with commas between")
        return value

    @property
    def headers(self) -> dict[str, str]:
        """Those headers."""
        pairs = (one.partition("=") for one in rotating(self.otel_exporter_otlp_headers))
        return {name.lower(): value for name, _, value in pairs}
