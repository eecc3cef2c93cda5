"""`python -m bench.floor.stream`: bare aiohttp streams at a fixed rate, read by hand.

Prints the CPU of a stream and what was added to the model's own time. The first second is a
warm-up and counts for nothing.
"""

import argparse
import asyncio
import json
import time

import aiohttp
import orjson

MAX_CONNECTIONS = 2_000
BODY = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 4096,
    "stream": True,
    "messages": [{"role": "user", "content": "Write about the sea. " * 60}],
}
HEADERS = {
    "x-api-key": "key-of-a-bench",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
}


async def main(options: argparse.Namespace) -> dict[str, float]:
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
    async with aiohttp.ClientSession(options.url, connector=connector) as session:
        await _offer(session, rate=options.rate, seconds=1.0)
        before = time.process_time()
        took = await _offer(session, rate=options.rate, seconds=options.seconds)
        used = time.process_time() - before
    added = sorted((seconds - options.model_seconds) * 1000 for seconds in took)
    p95 = added[int(0.95 * (len(added) - 1))]
    return {"cpu_ms": used * 1000 / len(took), "added_p95_ms": p95}


async def _offer(
    session: aiohttp.ClientSession, *, rate: float, seconds: float
) -> list[float]:
    started, tasks = time.monotonic(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        tasks.append(asyncio.create_task(_one(session)))
    return await asyncio.gather(*tasks)


async def _one(session: aiohttp.ClientSession) -> float:
    began, text, rest = time.monotonic(), "", b""
    body = orjson.dumps(BODY)
    async with session.post("/v1/messages", data=body, headers=HEADERS) as answer:
        answer.raise_for_status()
        async for chunk in answer.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b"data:"):
                    event = orjson.loads(line[5:])
                    if event["type"] == "content_block_delta":
                        text += event["delta"]["text"]
    if not text:
        raise ValueError("The model has said nothing.")
    return time.monotonic() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--model-seconds", type=float, required=True)
    print(json.dumps(asyncio.run(main(parser.parse_args()))))
