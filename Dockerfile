# The store as an image: the API (`serve`), the worker (`worker`) and one-off commands (`migrate`, `audit`, …).
FROM python:3.13-slim-trixie AS build
ENV UV_PROJECT_ENVIRONMENT=/app \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_NO_CACHE=1
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
# The libraries first: this layer stays while only our code changes. Without the embedded MongoDB, which is for trying out.
COPY pyproject.toml README.md LICENSE ./
RUN uv sync --no-default-groups --extra otel --extra sentry --no-install-project
COPY src src
RUN uv sync --no-default-groups --extra otel --extra sentry --no-editable

FROM python:3.13-slim-trixie
RUN groupadd --gid 10001 truestyle \
    && useradd --uid 10001 --gid truestyle --no-create-home --home-dir /data --shell /usr/sbin/nologin truestyle \
    && install --directory --owner=truestyle --group=truestyle --mode=0700 /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production \
    TRUESTYLE_DATA=/data \
    BACKUP_BASE_PATH=/data/backups
USER 10001:10001
WORKDIR /data
# With POSTGRESQL_URI set only backups are written here (and pieces of uploads to /tmp), so the rest may be read-only.
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/live', timeout=3)"]
ENTRYPOINT ["truestyle"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
