# syntax=docker/dockerfile:1
# The service in one image: `leads serve` (API and worker), `leads worker`, `leads db upgrade`.
# Without LEADS_DATABASE_URL it runs its own PostgreSQL, whose data belong on a volume at /data.

FROM python:3.12-slim-bookworm AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
RUN python -m venv /opt/leads
COPY requirements.lock requirements-build.lock ./
RUN /opt/leads/bin/python -m pip install --require-hashes -r requirements.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY migrations migrations
COPY service service
RUN /opt/build/bin/python -m hatchling build -t wheel \
    && /opt/leads/bin/python -m pip install --no-deps --no-index dist/*.whl

FROM python:3.12-slim-bookworm
COPY --from=build /opt/leads /opt/leads
RUN useradd --system --uid 10001 --user-group --home-dir /data --no-log-init leads \
    && install -d -o leads -g leads /data
ENV PATH=/opt/leads/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LEADS_HOST=0.0.0.0 \
    LEADS_DATA_DIR=/data
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
# Alive, not ready: while a database is away the container must not be killed for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('LEADS_PORT', '8000') + '/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["leads", "serve"]
