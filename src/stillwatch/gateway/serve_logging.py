"""Structured logs: one JSON object a line. Nobody puts a key, a prompt or an answer into one; this adds none either."""

from __future__ import annotations

import datetime as dt
import logging

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """Writes a record as a line of JSON: time, level, logger, message, the fields given, an exception's kind."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name.lstrip("_"),
            "message": record.getMessage(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info and record.exc_info[0] is not None:
            # Where it happened and of what kind. What an exception says may quote a request.
            line["exception"] = record.exc_info[0].__name__
            trace, places = record.exc_info[2], []
            while trace is not None:
                places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
                trace = trace.tb_next
            line["at"] = places[-6:]
        return orjson.dumps(line, default=str).decode()


def log_configuration(level: str) -> dict[str, object]:
    """Return the logging configuration of the server and its workers, as ``logging.config.dictConfig`` takes it."""
    logger = {"handlers": ["stderr"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "stillwatch.gateway.serve_logging.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"_granian": logger, "granian.access": logger, "stillwatch": logger},
    }
