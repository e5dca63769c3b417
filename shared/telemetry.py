"""Logs in Elastic Common Schema, one JSON object a line.

Messages are constant; what varies is in fields, and no field holds content, metadata or the
vendor's messages.
"""

from __future__ import annotations

import logging
from typing import TextIO

import ecs_logging


def log_to(stream: TextIO, level: int = logging.INFO) -> None:
    """Send this process's logs to a stream; for processes without a Functions host."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ecs_logging.StdlibFormatter(exclude_fields=["process", "log.original"]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # One line per HTTP call of a library says nothing that the runs do not say.
    for noisy in ("urllib3", "alembic", "azure"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
