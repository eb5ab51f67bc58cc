"""The least that could answer: a bare Starlette handler that reads a JSON body and answers 400 bytes of JSON.

`python -m benchmarks.floor SERVER` serves it as the simulator is served, and prints its address.
"""

from __future__ import annotations

import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

ANSWER = {
    "id": "chatcmpl-WebXHu7l1s60VW5K",
    "object": "chat.completion",
    "created": 1770724800,
    "model": "ep-contract-key-fields",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x" * 160}}],
    "usage": {"prompt_tokens": 51, "completion_tokens": 27, "total_tokens": 78},
}


async def answer(request: Request) -> JSONResponse:
    await request.json()
    return JSONResponse(ANSWER)


async def models(request: Request) -> JSONResponse:
    return JSONResponse({"object": "list", "data": []})


app = Starlette(
    routes=[Route("/v1/chat/completions", answer, methods=["POST"]), Route("/v1/models", models, methods=["GET"])]
)


def main() -> None:
    from mockserver.http.serve import SERVERS, listen, run, url_of

    (server,) = (name for name in SERVERS if name == sys.argv[1])
    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener)
        run(app, listener, server=server, on_ready=lambda: print(f"listening on {url}", flush=True))


if __name__ == "__main__":
    main()
