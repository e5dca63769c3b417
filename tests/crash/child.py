"""`python -m shared …` that kills itself with SIGKILL at a failpoint.

    python -m tests.crash.child "processing: before a send" process

The hooks are put into the libraries underneath; the product does not know of them.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from typing import Any

import uvicorn
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect
from urllib3.connection import HTTPConnection

from shared.__main__ import main
from shared.clients import kafka
from tests.crash.failpoints import FAILPOINTS, Answer, Commit, HttpCall, Moment, Produce


def die() -> None:
    """End here and now: nothing is flushed, closed or rolled back."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def hook_commits(point: Commit) -> None:
    """Watch what each transaction sends; die around the commit of the one that matches."""
    sent = threading.local()

    def begin(_connection: Any) -> None:
        sent.statements = []

    def note(_c: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        sent.statements.append(" ".join(statement.split()))

    def matches() -> bool:
        return all(
            any(re.search(pattern, statement) for statement in sent.statements)
            for pattern in point.patterns
        )

    def before_commit(_connection: Any) -> None:
        sent.is_it = matches()
        if sent.is_it and point.moment == "before":
            die()

    commit = DefaultDialect.do_commit

    def do_commit(self: Any, connection: Any) -> None:
        commit(self, connection)
        if sent.is_it and point.moment == "after":
            die()

    event.listen(Engine, "begin", begin)
    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "commit", before_commit)
    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


def hook_calls(point: HttpCall) -> None:
    """Die around a call: before its first byte, with its last byte sent, or with its answer."""
    request, getresponse = HTTPConnection.request, HTTPConnection.getresponse
    under_way = threading.local()

    def at(moment: Moment) -> None:
        if under_way.is_it and point.moment == moment:
            die()

    def send(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        under_way.is_it = method == point.method and re.search(point.path, url) is not None
        at("before")
        request(self, method, url, *args, **kwargs)

    def receive(self: Any) -> Any:
        at("sent")
        response = getresponse(self)
        at("after")
        return response

    HTTPConnection.request = send  # type: ignore[method-assign]
    HTTPConnection.getresponse = receive  # type: ignore[method-assign]


def hook_producer(point: Produce) -> None:
    """Die around the publication of a set of events."""

    class Producer(kafka.Producer):  # type: ignore[misc]
        def produce(self, *args: Any, **kwargs: Any) -> None:
            if point.moment == "before":
                die()
            super().produce(*args, **kwargs)

        def flush(self, *args: Any) -> int:
            if point.moment == "sent":
                die()
            left: int = super().flush(*args)
            if point.moment == "after":
                die()
            return left

    kafka.Producer = Producer  # type: ignore[misc]


def hook_answers() -> None:
    """Die as soon as the server has handed a whole 202 to the operating system."""
    serve = uvicorn.run

    def run(app: Any, **options: Any) -> None:
        async def watched(scope: Any, receive: Any, send: Any) -> None:
            accepted = False

            async def pass_on(message: Any) -> None:
                nonlocal accepted
                await send(message)
                accepted = accepted or message.get("status") == 202
                is_last = message["type"] == "http.response.body" and not message.get("more_body")
                if accepted and is_last:
                    die()

            await app(scope, receive, pass_on)

        serve(watched, **options)

    uvicorn.run = run


if __name__ == "__main__":
    match FAILPOINTS[sys.argv[1]].at:
        case Commit() as commit:
            hook_commits(commit)
        case HttpCall() as call:
            hook_calls(call)
        case Produce() as produce:
            hook_producer(produce)
        case Answer():
            hook_answers()
    sys.exit(main(sys.argv[2:]))
