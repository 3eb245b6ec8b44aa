# The image of web, worker, beat and migrate: one build, four commands.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --require-hashes -r requirements.lock

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=gatekeeper.settings \
    BIND_ADDRESS=0.0.0.0 \
    PORT=8000 \
    VAR_DIR=/var/lib/gatekeeper \
    STATIC_DIR=/app/staticfiles
RUN useradd --system --uid 10001 --create-home --home-dir /home/gatekeeper gatekeeper \
    && install --directory --owner gatekeeper --group gatekeeper --mode 0700 /var/lib/gatekeeper
WORKDIR /app
COPY --from=build /venv /venv
COPY manage.py ./
COPY gatekeeper gatekeeper
COPY releases releases
COPY approvals approvals
COPY measures measures
COPY notifications notifications
COPY templates templates
COPY static static
# with the embedded defaults, in a folder that is thrown away: no secret is needed to collect files, and none is kept
RUN VAR_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 && rm -r /tmp/build
USER gatekeeper
VOLUME /var/lib/gatekeeper
EXPOSE 8000
# embedded defaults are refused from here on
ENV PRODUCTION=1
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "-c", "python:gatekeeper.gunicorn_conf"]
