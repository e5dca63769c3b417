"""An AMQP 1.0 server that behaves as an Event Hubs namespace does to those who send.

Apache Qpid Proton speaks the protocol. Here is only what a namespace adds: tokens come in through
`$cbs`, who has put one that is good for a hub may send to it, and `$management` says whether there
is such a hub, which the SDK asks after a failure. `amqp_gate` is in front of it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from proton import Condition, Connection, Delivery, Link, Message, Sender
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, Container, EventInjector

from tests.integration.events.refusal import Refused

HOST = "127.0.0.1"

Authenticate = Callable[[str, str, str], None]
"""Kind of token, audience, token. Raises Refused."""


@dataclass(frozen=True)
class Received:
    """A message as a hub has it."""

    hub: str
    key: str
    content_type: str
    properties: dict[str, Any]
    body: bytes


@dataclass
class AmqpServer(MessagingHandler):
    """A server that runs; its attributes may be changed meanwhile."""

    hubs: set[str]
    authenticate: Authenticate
    max_message_bytes: int = 1_048_576
    received: list[Received] = field(default_factory=list)
    tokens: list[tuple[str, str, str]] = field(default_factory=list)
    """Each one that was accepted."""
    refused: list[str] = field(default_factory=list)
    links: int = 0
    """How often somebody was let in to a hub."""
    rejection: Callable[[Received], Condition | None] = lambda _: None
    is_mute: bool = False
    """Takes messages and tokens, and says nothing to either."""
    mute_hubs: Collection[str] = ()
    """Those that take messages and say nothing."""
    hangs_up_on: Collection[int] = ()
    """Which messages, counted over all connections, are answered by the end of the connection."""
    taken: int = 0

    def __post_init__(self) -> None:
        super().__init__(auto_accept=False, auto_settle=True)
        self.port = 0
        self.is_listening = threading.Event()
        self.sockets: list[socket.socket] = []
        self._audiences: dict[str, set[str]] = {}
        self._replies: dict[tuple[str, str], Sender] = {}

    def on_start(self, event: Any) -> None:
        self._acceptor = event.container.acceptor(HOST, 0)
        self.port = self._acceptor._selectable._delegate.getsockname()[1]
        self.is_listening.set()

    def on_connection_bound(self, event: Any) -> None:
        self.sockets.append(event.transport._selectable._delegate)

    def on_stop_asked(self, event: Any) -> None:
        self._acceptor.close()
        event.subject.stop()

    def on_link_opening(self, event: Any) -> None:
        link: Link = event.link
        name = link.remote_source.address if link.is_sender else link.remote_target.address
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if name in ("$cbs", "$management"):
            if link.is_sender:
                self._replies[_id(event), name] = link
            return
        hub = name.rpartition("/")[2]
        if hub not in self.hubs:
            text = f"The messaging entity '{hub}' could not be found."
            self._refuse(link, "amqp:not-found", text)
        elif hub not in self._audiences.get(_id(event), set()):
            self._refuse(link, "amqp:unauthorized-access", f"Unauthorized access to '{hub}'.")
        else:
            self.links += 1
            link.max_message_size = self.max_message_bytes

    def _refuse(self, link: Link, condition: str, text: str) -> None:
        self.refused.append(text)
        # All three fields: the SDK looks for the last one.
        link.condition = Condition(condition, text, {"by": "test"})

    def on_link_local_open(self, event: Any) -> None:
        if event.link.condition:
            event.link.close()

    def on_message(self, event: Any) -> None:
        node = event.link.target.address
        if not node.startswith("$"):
            self._take(event)
            return
        event.delivery.update(Delivery.ACCEPTED)
        event.delivery.settle()
        if not self.is_mute:
            message: Message = event.message
            answer = self._put_token(event) if node == "$cbs" else self._tell(message)
            answer.correlation_id = message.id
            self._replies[_id(event), node].send(answer)

    def _tell(self, question: Message) -> Message:
        """Answer what there is to know about a hub."""
        hub = question.properties["name"]
        if hub not in self.hubs:
            return _answer(404, f"The messaging entity '{hub}' could not be found.")
        about = {"name": hub, "created_at": 0, "partition_ids": ["0", "1"]}
        return _answer(200, "OK", about)

    def _put_token(self, event: Any) -> Message:
        message: Message = event.message
        audience = str(message.properties["name"])
        token = str(message.properties["type"]), audience, str(message.body)
        try:
            self.authenticate(*token)
        except Refused as refusal:
            self.refused.append(str(refusal))
            return _answer(401, str(refusal))
        self.tokens.append(token)
        self._audiences.setdefault(_id(event), set()).add(audience.rpartition("/")[2])
        return _answer(202, "Accepted")

    def _take(self, event: Any) -> None:
        received = _read(event.link.target.address.rpartition("/")[2], event.message)
        delivery: Delivery = event.delivery
        rejection = self.rejection(received)
        self.taken += 1
        if self.taken in self.hangs_up_on:
            event.transport.close_tail()
            event.transport.close_head()
            return
        if self.is_mute or received.hub in self.mute_hubs:
            return
        if rejection:
            delivery.local.condition = rejection
            delivery.update(Delivery.REJECTED)
        else:
            self.received.append(received)
            delivery.update(Delivery.ACCEPTED)
        delivery.settle()


def _answer(status: int, text: str, body: Any = None) -> Message:
    return Message(body=body, properties={"status-code": status, "status-description": text})


def _id(event: Any) -> str:
    connection: Connection = event.connection
    return str(connection.remote_container)


def _read(hub: str, batch: Message) -> Received:
    """Take the one message out of the batch that the SDK wraps around it."""
    message = Message()
    message.decode(bytes(batch.body))
    key = batch.annotations["x-opt-partition-key"]
    assert key == message.annotations["x-opt-partition-key"]
    return Received(hub, key, message.content_type, dict(message.properties), bytes(message.body))


@contextmanager
def amqp_server(hubs: set[str], authenticate: Authenticate) -> Iterator[AmqpServer]:
    """Serve hubs on a free port of the loopback interface."""
    server = AmqpServer(hubs, authenticate)
    container = Container(server)
    injector = EventInjector()
    container.selectable(injector)
    thread = threading.Thread(target=container.run)
    thread.start()
    try:
        assert server.is_listening.wait(10)
        yield server
    finally:
        injector.trigger(ApplicationEvent("stop_asked", subject=container))
        thread.join(10)
        for connection in server.sockets:  # Proton leaves them open
            connection.close()
        for end in injector.pipe:
            os.close(end)
