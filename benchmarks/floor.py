"""The least that could answer: bare Starlette handlers that read a JSON body and answer what they were given.

`python -m benchmarks.floor SERVER` serves it as the simulator is served, and prints its address. Chat answers 400 bytes
of JSON. `PUT /kept` takes a list of texts: `/stream` then answers them one by one, `/body` all at once.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

ANSWER = {
    "id": "chatcmpl-WebXHu7l1s60VW5K",
    "object": "chat.completion",
    "created": 1770724800,
    "model": "ep-contract-key-fields",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x" * 160}}],
    "usage": {"prompt_tokens": 51, "completion_tokens": 27, "total_tokens": 78},
}

kept: list[bytes] = []


async def answer(request: Request) -> JSONResponse:
    await request.json()
    return JSONResponse(ANSWER)


async def models(request: Request) -> JSONResponse:
    return JSONResponse({"object": "list", "data": []})


async def keep(request: Request) -> JSONResponse:
    kept[:] = [piece.encode() for piece in await request.json()]
    return JSONResponse(len(kept))


async def stream(request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in kept:
            yield piece

    await request.json()
    return StreamingResponse(pieces(), media_type="text/event-stream")


async def body(request: Request) -> Response:
    await request.json()
    return Response(b"".join(kept), media_type="application/json")


app = Starlette(
    routes=[
        Route("/v1/chat/completions", answer, methods=["POST"]),
        Route("/v1/models", models, methods=["GET"]),
        Route("/kept", keep, methods=["PUT"]),
        Route("/stream", stream, methods=["POST"]),
        Route("/body", body, methods=["POST"]),
    ]
)


def main() -> None:
    from mockserver.http.serve import SERVERS, listen, run, url_of

    (server,) = (name for name in SERVERS if name == sys.argv[1])
    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener)
        run(app, listener, server=server, on_ready=lambda: print(f"listening on {url}", flush=True))


if __name__ == "__main__":
    main()
