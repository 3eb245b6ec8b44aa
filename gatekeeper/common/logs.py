"""Log lines that carry the request's id and that nobody can forge with a line break."""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")


# Addresses that open something by themselves.
_SECRETS = re.compile(r"(/calendar/)[^/\s?]+(\.ics)")


def redacted(text: str) -> str:
    """A line without the secrets that addresses hold."""
    return _SECRETS.sub(r"\1…\2", text)


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class PlainFormatter(logging.Formatter):
    """For a terminal: level, where from, what."""

    def format(self, record: logging.LogRecord) -> str:
        message = redacted(record.getMessage()).replace("\n", "\\n").replace("\r", "\\r")
        line = f"{record.levelname.lower()} {record.name}: {message}"
        if tail := getattr(record, "request_id", ""):
            line = f"{line} [{tail}]"
        if record.exc_info:
            line = f"{line}\n{redacted(self.formatException(record.exc_info))}"
        return line


class JsonFormatter(logging.Formatter):
    """For a collector: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        if identity := getattr(record, "request_id", ""):
            entry["request_id"] = identity
        if record.exc_info:
            entry["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(entry)
