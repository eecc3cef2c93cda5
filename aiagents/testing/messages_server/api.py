"""The HTTP face of the server: routes, credentials, error shape, commands."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from aiagents.testing.messages_server.answers import Answer, answer
from aiagents.testing.messages_server.batches import Batches
from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.messages_server.errors import (
    ERRORS,
    ErrorAnswer,
    RefusedError,
    invalid_request,
    not_found,
)
from aiagents.testing.messages_server.ledger import Entry, Ledger
from aiagents.testing.messages_server.models import MODELS
from aiagents.testing.messages_server.plan import Plan
from aiagents.testing.messages_server.playing import (
    REQUEST_ID,
    close_connection,
    send_stream,
    send_whole,
)
from aiagents.testing.messages_server.prompts import Prompt, check_prompt
from aiagents.testing.messages_server.usage import PromptCache, count_input

#: Request size limit of the Messages API (errors page).
MAX_BODY_BYTES = 32 * 1024 * 1024
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """All endpoints over one plan and one ledger."""

    def __init__(self, *, plan: Plan, ledger: Ledger, batch_polls: int) -> None:
        self._plan = plan
        self._ledger = ledger
        self._batch_polls = batch_polls
        self._numbers = itertools.count()
        self.is_stopping = False
        self.forget()

    def forget(self) -> None:
        """Empty the prompt cache and the batches."""
        self._cache = PromptCache()
        self._batches = Batches(run=self._run_batched, polls=self._batch_polls)

    def application(self) -> web.Application:
        app = web.Application(
            client_max_size=MAX_BODY_BYTES, middlewares=[self._refusals]
        )
        batch = "/v1/messages/batches/{id}"
        app.router.add_post("/v1/messages", self._create)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        app.router.add_post("/v1/messages/batches", self._create_batch)
        app.router.add_get(batch, self._get_batch)
        app.router.add_get(f"{batch}/results", self._batch_results)
        app.router.add_post(f"{batch}/cancel", self._cancel_batch)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/v1/models/{id}", self._get_model)
        app.router.add_post("/_control", self._control)
        return app

    @web.middleware
    async def _refusals(
        self, request: web.Request, handler: _Handler
    ) -> web.StreamResponse:
        request[REQUEST_ID] = f"req_{next(self._numbers):024d}"
        try:
            return await handler(request)
        except RefusedError as refused:
            return _refusal(request, refused.answer)
        except web.HTTPRequestEntityTooLarge:
            return _refusal(request, ERRORS["413"])
        except web.HTTPException as refused:
            missing = not_found(f"{request.method} {request.path}: {refused.reason}")
            return _refusal(request, missing.answer)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        prompt, key = None, ""
        try:
            key = _admit(request)
            prompt = check_prompt(await _read(request))
            behaviour = self._plan.take(prompt)
        except (RefusedError, web.HTTPException):
            refused = self._ledger.open(prompt=prompt, key=key, behaviour=Behaviour())
            refused.settle("error")
            raise
        entry = self._ledger.open(prompt=prompt, key=key, behaviour=behaviour)
        try:
            return await self._answer(request, prompt, behaviour, entry)
        except ConnectionError:
            self._settle_lost(entry)
            return web.Response()
        except asyncio.CancelledError:
            self._settle_lost(entry)
            raise
        finally:
            entry.settle("error")

    async def _answer(
        self, request: web.Request, prompt: Prompt, behaviour: Behaviour, entry: Entry
    ) -> web.StreamResponse:
        await asyncio.sleep(behaviour.first_byte_delay)
        if behaviour.drop_connection:
            entry.settle("cut")
            close_connection(request)
            return web.Response()
        send = send_stream if prompt.is_stream else send_whole
        try:
            said = self._say(prompt, behaviour, key=entry.key)
            return await send(request, said, behaviour, entry)
        except RefusedError:
            entry.settle("error")
            raise

    def _say(self, prompt: Prompt, behaviour: Behaviour, *, key: str) -> Answer:
        if behaviour.error and behaviour.error_event_after is None:
            raise RefusedError(behaviour.error)
        usage = self._cache.account(prompt, key=key)
        return answer(prompt, behaviour, number=next(self._numbers), usage=usage)

    def _settle_lost(self, entry: Entry) -> None:
        entry.settle("cut" if self.is_stopping else "client_closed")

    def _run_batched(self, params: Any, key: str) -> dict[str, Any]:
        prompt = check_prompt(params)
        behaviour = self._plan.take(prompt)
        entry = self._ledger.open(prompt=prompt, key=key, behaviour=behaviour)
        try:
            message = self._say(prompt, behaviour, key=key).message()
            entry.settle("finished")
        finally:
            entry.settle("error")
        return message

    async def _count(self, request: web.Request) -> web.StreamResponse:
        _admit(request)
        prompt = check_prompt(await _read(request), counting=True)
        return _json(request, {"input_tokens": count_input(prompt)})

    async def _create_batch(self, request: web.Request) -> web.StreamResponse:
        key = _admit(request)
        batch = self._batches.create(await _read(request), key=key)
        return _json(request, batch.to_json(str(request.url.origin())))

    async def _get_batch(self, request: web.Request) -> web.StreamResponse:
        _admit(request)
        batch = self._batches.poll(request.match_info["id"])
        return _json(request, batch.to_json(str(request.url.origin())))

    async def _cancel_batch(self, request: web.Request) -> web.StreamResponse:
        _admit(request)
        batch = self._batches.cancel(request.match_info["id"])
        return _json(request, batch.to_json(str(request.url.origin())))

    async def _batch_results(self, request: web.Request) -> web.StreamResponse:
        _admit(request)
        lines = self._batches.results(request.match_info["id"])
        headers = _headers(request) | {"content-type": "application/binary"}
        return web.Response(body=lines, headers=headers)

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        _admit(request)
        data = [model.to_json() for model in MODELS.values()]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}
        return _json(request, {"data": data, "has_more": False, **ends})

    async def _get_model(self, request: web.Request) -> web.StreamResponse:
        _admit(request)
        name = request.match_info["id"]
        if name not in MODELS:
            message = f"model: {name}"
            raise not_found(message)
        return _json(request, MODELS[name].to_json())

    async def _control(self, request: web.Request) -> web.StreamResponse:
        command = await _read(request)
        try:
            return _json(request, self._obey(dict(command)))
        except (KeyError, TypeError, ValueError) as error:
            message = f"Not a command: {error}"
            raise invalid_request(message) from error

    def _obey(self, command: dict[str, Any]) -> dict[str, Any]:
        match command["op"]:
            case "script":
                self._plan.script(
                    Behaviour.from_json(command["behaviour"]),
                    times=command.get("times", 1),
                    match=command.get("match"),
                )
            case "default":
                self._plan.set_default(Behaviour.from_json(command["behaviour"]))
            case "reset":
                self._plan.reset()
                self._ledger.clear()
                self.forget()
            case "ledger":
                return self._ledger.to_json(marker=command.get("marker"))
            case other:
                message = f"unknown op {other!r}"
                raise ValueError(message)
        return {"ok": True}


def _admit(request: web.Request) -> str:
    """The key of the caller. Raises RefusedError (401, 400)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    key = request.headers.get("x-api-key") or bearer
    if not key:
        raise RefusedError(ERRORS["401"])
    if "anthropic-version" not in request.headers:
        message = "anthropic-version: header is required"
        raise invalid_request(message)
    return key


async def _read(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        message = f"The request body is not valid JSON: {error}"
        raise invalid_request(message) from error


def _headers(request: web.Request) -> dict[str, str]:
    return {"request-id": request[REQUEST_ID]}


def _json(request: web.Request, data: dict[str, Any]) -> web.Response:
    return web.json_response(data, headers=_headers(request))


def _refusal(request: web.Request, error: ErrorAnswer) -> web.Response:
    body = error.body(request[REQUEST_ID])
    headers = _headers(request) | error.headers()
    return web.json_response(body, status=error.status, headers=headers)
