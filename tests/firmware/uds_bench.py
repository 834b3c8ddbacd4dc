"""A tester on the bench of vcu_bench.py, for both interpreters: one request, one answer."""

from vcu.isotp import Receiver, Sender
from vcu_bench import Bench

REQUEST, ANSWER, BROADCAST = 0x7E0, 0x7E8, 0x7DF


class BenchTester:
    """What vcu_bench.Gateway is on its two channels. `messages` are the answers as they came."""

    def __init__(self):
        self.messages = []
        self.sends = []  # (identifier, frame) as they are, one a turn
        self._receiver = Receiver()
        self._sender = Sender()
        self._flow = None

    def ask(self, message, now_ms):
        self._sender.start(message, now_ms)

    def take(self, data, now_ms):
        if data[0] >> 4 == 3:
            self._sender.flow(data, now_ms)
            return
        message = self._receiver.take(data, now_ms)
        self._flow = self._receiver.reply or self._flow
        if message:
            self.messages.append(message)

    def frames(self, now_ms):
        out = []
        if self._flow:
            out.append((REQUEST, self._flow))
            self._flow = None
        if self.sends:
            out.append(self.sends.pop(0))
        frame = self._sender.frame(now_ms)
        while frame and len(out) < 4:  # four a millisecond are a full bus
            out.append((REQUEST, frame))
            self._sender.sent(now_ms)
            frame = self._sender.frame(now_ms)
        self._sender.tick(now_ms)
        return out


class DiagnosisBench(Bench):
    """Everything of Bench, and a tester."""

    def __init__(self, folder, **how):
        self.tester = BenchTester()
        super().__init__(folder, **how)
        self._gateway_frames = self.gateway.frames
        self.gateway.frames = self._all_frames

    def _all_frames(self, now_ms):
        return self._gateway_frames(now_ms) + self.tester.frames(now_ms)

    def _sent(self, identifier, data):
        if identifier == ANSWER:
            self.tester.take(data, self.now_ms)
        else:
            super()._sent(identifier, data)

    def ask(self, message, within_ms=2_000):
        """The answers until the final one; empty if none came."""
        seen = len(self.tester.messages)
        self.tester.ask(bytes(message), self.now_ms)
        for _ in range(within_ms):
            self.turn()
            new = self.tester.messages[seen:]
            if new and new[-1][2:3] != b"\x78":
                return new
        return self.tester.messages[seen:]

    def say(self, text, within_ms=2_000):
        """The final answer to a request, both in hexadecimal digits; "" for none."""
        answers = self.ask(bytes.fromhex(text), within_ms)
        return answers[-1].hex() if answers else ""

    def broadcast(self, text, within_ms=500):
        """The same to all controllers."""
        seen = len(self.tester.messages)
        data = bytes.fromhex(text)
        frame = bytes((len(data),)) + data + b"\xcc" * (7 - len(data))
        self.tester.sends.append((BROADCAST, frame))
        self.run(within_ms)
        return [message.hex() for message in self.tester.messages[seen:]]
