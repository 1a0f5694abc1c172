"""The shape of the usual tutorial, to measure against: an async handler that waits for the model in blocking calls.

    MODEL_URL=http://127.0.0.1:8001/v1 chainlit run bench/tutorial_app.py

Its search of the policies is left out, which is in its favour.
"""

from __future__ import annotations

import json
import os

import chainlit as cl
import requests
from langdetect import detect  # type: ignore[import-untyped]


@cl.on_message
async def on_message(message: cl.Message) -> None:
    system = f"You are a shop's customer service. Answer in the language {detect(message.content)}."
    reply = cl.Message(content="")
    await reply.send()  # type: ignore[no-untyped-call]
    with requests.post(  # noqa: ASYNC210  this blocks the loop: it is what is measured
        f"{os.environ['MODEL_URL']}/chat/completions",
        json={
            "model": "scripted",
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": message.content}],
            "stream": True,
        },
        stream=True,
        timeout=60,
    ) as response:
        for line in response.iter_lines():
            if line.startswith(b"data: ") and line != b"data: [DONE]":
                for choice in json.loads(line[6:])["choices"]:
                    await reply.stream_token(choice["delta"].get("content") or "")
    await reply.update()  # type: ignore[no-untyped-call]
