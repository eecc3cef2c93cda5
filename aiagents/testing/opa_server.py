"""A server that speaks OPA's data API over a folder of policy files, and misbehaves on command.

It evaluates the files as they are, by regorus, over real HTTP on a port of its own. What it
answers is what OPA documents for `POST /v1/data/<rule>`; an OPA binary is not needed.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import regorus

PREFIX = "/v1/data/"


class OpaDouble:
    """`with OpaDouble(folder) as server: settings.OPA_URL = server.url`."""

    #: What it may be told to do instead of answering.
    BEHAVIOURS = (
        "answer", "hang", "drip", "error", "garbage", "empty", "undefined", "wrong", "huge", "cut", "redirect",
    )  # fmt: skip

    def __init__(self, folder: Path) -> None:
        """`folder` holds .rego and .json files; tests among them are loaded as well."""
        self.behaviour = "answer"
        #: How often the next requests find their connection closed before an answer.
        self.closes = 0
        self.asked: list[dict[str, Any]] = []
        self._folder = folder
        # An engine lives and dies in one thread.
        self._evaluator = ThreadPoolExecutor(max_workers=1)
        self._engine: Any = None
        self._stopped = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        """Its address, as in `OPA_URL`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nobody any more; connections are refused."""
        self._stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._evaluator.submit(self._let_go).result()
        self._evaluator.shutdown()

    def evaluate(self, rule: str, document: Any) -> Any:
        """The value of a rule; None where it has none."""
        return self._evaluator.submit(self._evaluate, rule, document).result()

    def wait_until_stopped(self, seconds: float) -> bool:
        """Whether the server was stopped while waiting."""
        return self._stopped.wait(seconds)

    def _evaluate(self, rule: str, document: Any) -> Any:
        if self._engine is None:
            self._engine = self._built()
        self._engine.set_input_json(json.dumps(document))
        return self._engine.eval_rule(f"data.{rule.replace('/', '.')}")

    def _let_go(self) -> None:
        self._engine = None

    def _built(self) -> Any:
        engine = regorus.Engine()
        for path in sorted(self._folder.glob("*.rego")):
            engine.add_policy(path.name, path.read_text())
        for path in sorted(self._folder.glob("*.json")):
            engine.add_data_json(path.read_text())
        return engine

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(_Handler):
            double = server

        return Handler


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    double: OpaDouble
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.double.closes:
            self.double.closes -= 1
            self.close_connection = True
            return
        self.double.asked.append(body)
        getattr(self, f"_{self.double.behaviour}")(body)

    def log_message(self, *args: Any) -> None:
        """Tests print what matters."""

    def _answer(self, body: dict[str, Any]) -> None:
        value = self.double.evaluate(self.path.removeprefix(PREFIX), body["input"])
        self._send({} if value is None else {"result": value})

    def _hang(self, _: dict[str, Any]) -> None:
        self.double.wait_until_stopped(60)
        self.close_connection = True

    def _drip(self, _: dict[str, Any]) -> None:
        """A byte now and then: each arrives in time, the whole never does."""
        self._head(10_000)
        try:
            while not self.double.wait_until_stopped(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def _error(self, _: dict[str, Any]) -> None:
        self._send({"code": "internal_error", "message": "on command"}, status=500)

    def _garbage(self, _: dict[str, Any]) -> None:
        self._head(7)
        self.wfile.write(b"<html>\xff")

    def _empty(self, _: dict[str, Any]) -> None:
        self._head(0)

    def _undefined(self, _: dict[str, Any]) -> None:
        self._send({})

    def _wrong(self, _: dict[str, Any]) -> None:
        self._send({"result": {"allow": "true", "reasons": ["as text"]}})

    def _huge(self, _: dict[str, Any]) -> None:
        value = {"allow": True, "reasons": ["x" * 1_000_000], "obligations": []}
        self._send({"result": value})

    def _cut(self, _: dict[str, Any]) -> None:
        self._head(1000)
        self.wfile.write(b'{"result": {"allow": true')
        self.close_connection = True

    def _redirect(self, _: dict[str, Any]) -> None:
        self.send_response(307)
        self.send_header("Location", f"{self.double.url}{self.path}?again")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, value: Any, *, status: int = 200) -> None:
        raw = json.dumps(value).encode()
        self._head(len(raw), status=status)
        try:
            self.wfile.write(raw)
        except OSError:
            # The client has heard enough.
            self.close_connection = True

    def _head(self, length: int, *, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()
