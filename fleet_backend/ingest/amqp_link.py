"""The network thread of the AMQP adapter: one loop for all of its life, many connections.

Only this thread touches pika. Others leave work in a list and wake it.
"""

import logging
import ssl
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.select_connection import IOLoop
from pika.exceptions import (
    AuthenticationError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.amqp import EXCHANGE, AmqpSettings, parse_key, read_password
from fleet_backend.ingest.deliveries import Deliveries
from fleet_backend.ingest.inbox import Inbox
from fleet_backend.ingest.patience import jittered

_LOG = logging.getLogger("fleet_backend.ingest")
_NOT_ALLOWED = (AuthenticationError, ProbableAccessDeniedError, ProbableAuthenticationError)
_GIVEN_UP_PREFETCH = 10  # they are handled one by one
_TIMEOUT_S = 10

Job = Callable[[], None]


class Link:
    """`run` in a thread of its own; `done`, `send` and `close` from any."""

    def __init__(self, settings: AmqpSettings, inbox: Inbox) -> None:
        self.refused: str | None = None
        self._settings = settings
        self._inbox = inbox
        self._loop: Any = IOLoop()
        self._connection: Any = None
        self._channel: Any = None
        self._deliveries = Deliveries()
        self._published = 0
        self._unconfirmed: set[int] = set()
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._answers: deque[tuple[str, bytes]] = deque(maxlen=settings.answers)
        self._is_awake = False
        self._is_closing = False
        self._wait_s = 0.2

    def run(self) -> None:
        """Until `close`."""
        self._connect()
        self._loop.start()
        self._loop.close()

    def done(self, tags: list[int]) -> None:
        self._wake(lambda: self._acknowledge(tags))

    def send(self, key: str, payload: bytes) -> None:
        """The oldest answers are dropped where the broker takes none: gateways ask again."""
        self._answers.append((key, payload))
        self._wake()

    def close(self) -> None:
        self._wake(self._close)

    def _wake(self, job: Job | None = None) -> None:
        with self._lock:
            if job is not None:
                self._jobs.append(job)
            if not self._is_awake:
                self._is_awake = True
                self._loop.add_callback_threadsafe(self._work)

    def _work(self) -> None:
        with self._lock:
            self._is_awake = False
            jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            job()
        self._publish()

    def _connect(self) -> None:
        if self._is_closing:
            return
        try:
            parameters = self._parameters()
        except (OSError, SettingsError) as error:
            self._again(error)
            return
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=self._opened,
            on_open_error_callback=lambda _, error: self._again(error),
            on_close_callback=lambda _, error: self._again(error),
            custom_ioloop=self._loop,
        )

    def _parameters(self) -> Any:
        """Files of certificates and passwords are read anew each time."""
        s = self._settings
        if s.tls is not None:
            name = s.tls.server_name or s.host
            options = pika.SSLOptions(s.tls.read(), name)
            credentials: Any = pika.credentials.ExternalCredentials()
        else:
            options = None
            assert s.password_file is not None
            credentials = pika.PlainCredentials(s.user, read_password(s.password_file))
        return pika.ConnectionParameters(
            host=s.host,
            port=s.port,
            virtual_host=s.virtual_host,
            credentials=credentials,
            ssl_options=options,
            heartbeat=s.heartbeat_s,
            socket_timeout=_TIMEOUT_S,
            stack_timeout=_TIMEOUT_S,
            client_properties={"connection_name": s.user},
        )

    def _again(self, error: BaseException) -> None:
        """The connection ended, or never was."""
        self._channel = None
        self._connection = None
        # What nobody took comes again; what is in the worker's hands is done to nobody.
        self._inbox.clear()
        if self._is_closing:
            self._loop.stop()
            return
        cause = _innermost(error)
        if isinstance(cause, _NOT_ALLOWED):
            self.refused = type(cause).__name__
        _LOG.warning("no connection to the broker (%s); trying again", _words(cause))
        self._loop.call_later(jittered(self._wait_s), self._connect)
        self._wait_s = min(2 * self._wait_s, self._settings.reconnect_max_s)

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._channel_opened)

    def _channel_opened(self, channel: Any) -> None:
        channel.add_on_close_callback(self._channel_closed)
        self._deliveries.begin()
        self._published = 0
        self._unconfirmed.clear()
        channel.confirm_delivery(self._confirmed)
        self._check(channel, [self._settings.queue, self._settings.given_up_queue])

    def _check(self, channel: Any, queues: list[str]) -> None:
        """Are they there? A missing one closes the channel, and says which."""
        if not queues:
            self._consume(channel)
            return
        channel.queue_declare(
            queues[0], passive=True, callback=lambda _: self._check(channel, queues[1:])
        )

    def _consume(self, channel: Any) -> None:
        s = self._settings
        # From here on there is something to acknowledge.
        self._channel = channel
        # The bound of a quorum queue is on each consumer, and set before it is.
        channel.basic_qos(prefetch_count=s.prefetch)
        channel.basic_consume(s.queue, lambda *got: self._received(0, *got))
        channel.basic_qos(prefetch_count=_GIVEN_UP_PREFETCH)
        channel.basic_consume(
            s.given_up_queue,
            lambda *got: self._received(s.given_up_tries, *got),
            callback=lambda _: self._ready(),
        )

    def _ready(self) -> None:
        self._wait_s = 0.2
        _LOG.info("connected to the broker")
        self._publish()

    def _channel_closed(self, channel: Any, reason: Any) -> None:
        self._channel = None
        if getattr(reason, "reply_code", 0) == 404:
            _LOG.error("the broker has no such queue: %s", reason.reply_text)
        if self._connection is not None and self._connection.is_open:
            self._connection.close()

    def _received(
        self, tries: int, channel: Any, method: Any, properties: Any, body: bytes
    ) -> None:
        tag = self._deliveries.tag(method.delivery_tag)
        # What was given up kept the key that it came with.
        found = parse_key(method.routing_key)
        if found is None:
            _LOG.warning("a message of no gateway: %r", method.routing_key[:80])
            self._acknowledge([tag])
            return
        tries += _count(properties)
        self._inbox.put(Message(found[0], found[1], body, tag, tries), 0)

    def _acknowledge(self, tags: list[int]) -> None:
        up_to, singly = self._deliveries.done(tags)
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        if up_to is not None:
            channel.basic_ack(up_to, multiple=True)
        for delivery in singly:
            channel.basic_ack(delivery)

    def _publish(self) -> None:
        """As many as the broker confirms in time; the others wait, or are dropped."""
        channel = self._channel
        while channel is not None and channel.is_open and self._answers:
            if len(self._unconfirmed) >= self._settings.answers:
                return
            key, payload = self._answers.popleft()
            channel.basic_publish(EXCHANGE, key, payload)
            self._published += 1
            self._unconfirmed.add(self._published)

    def _confirmed(self, frame: Any) -> None:
        """Flow control only: whether it was kept or not says nothing to us."""
        method = frame.method
        if method.multiple:
            self._unconfirmed = {one for one in self._unconfirmed if one > method.delivery_tag}
        else:
            self._unconfirmed.discard(method.delivery_tag)
        self._publish()

    def _close(self) -> None:
        self._is_closing = True
        self._publish()
        connection = self._connection
        if connection is None or connection.is_closed:
            self._loop.stop()
        elif not connection.is_closing:
            connection.close()


def _count(properties: Any) -> int:
    """How often a quorum queue gave it out in vain; the header is the broker's own."""
    found = (properties.headers or {}).get("x-delivery-count", 0)
    return min(max(found, 0), 10_000) if isinstance(found, int) else 0


def _innermost(error: BaseException) -> BaseException:
    """pika wraps what went wrong in what was being tried."""
    while True:
        inner = getattr(error, "exceptions", None)
        if inner:
            error = inner[-1]
        elif error.__cause__ is not None:
            error = error.__cause__
        elif error.args and isinstance(error.args[0], BaseException):
            error = error.args[0]
        else:
            return error


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return str(error) or type(error).__name__
