"""How long one shopper waits because another one's answer is slow: Kefu against the usual tutorial, in one run.

Both ask the same scripted model server: the first shopper's answer begins after 3 s, every other one at once. The first
shopper sends; 200 ms later the second one sends, from another browser. Measured over the page's own socket: the second
one's time to the first token, beside the first one and with nobody else there; and the slowest of the small GETs sent
one after the other while the first one waits. Prints a table and writes bench/results/baseline.json.

    python -m bench.baseline [--repeats 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.serving import free_port, kefu_serve
from bench.shopper import PATIENCE_S, shopper
from tests.scripted import Reply, ScriptedModel, say

SLOW, QUICK = "Where is my parcel now?", "How long do I have to return a dress?"
ANSWER = "You have 30 days to return an item."
FIRST_TOKEN_S = 3.0  # what the model takes for SLOW
LATER_S = 0.2  # the second shopper sends this long after the first
POLL_S = 0.02

COLUMNS = {
    "alone_s": "first token, alone",
    "beside_s": "first token, another waits",
    "delay_s": "the delay",
    "get_s": "slowest GET, another waits",
}


@dataclass(frozen=True)
class Site:
    """A running chat, and a page of it that costs next to nothing."""

    name: str
    url: str
    health: str


def script(body: dict[str, Any]) -> Reply:
    """SLOW is answered after a wait, anything else at once."""
    answer = say(ANSWER)
    if SLOW not in body["messages"][-1]["content"]:
        return answer
    thought = asyncio.Event()
    asyncio.get_running_loop().call_later(FIRST_TOKEN_S, thought.set)
    return Reply([thought, *answer.steps])


async def alone(site: Site) -> dict[str, float]:
    """A shopper with nobody else there."""
    async with shopper(site.url) as only:
        return {"alone_s": await only.ask(QUICK, ANSWER)}


async def beside(site: Site) -> dict[str, float]:
    """A shopper while another one waits for a slow answer."""
    async with shopper(site.url) as first, shopper(site.url) as second, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(first.ask(SLOW, ANSWER))
        polling = tasks.create_task(slowest_get(site, waiting))
        await asyncio.sleep(LATER_S)
        taken = {"beside_s": await second.ask(QUICK, ANSWER), "slow_s": await waiting, "get_s": await polling}
    if taken["slow_s"] < FIRST_TOKEN_S:
        raise RuntimeError(f"the slow answer began after {taken['slow_s']:.2f} s: nobody was waiting")
    return taken


async def slowest_get(site: Site, until: asyncio.Task[float]) -> float:
    """The longest of GETs sent one after the other until then, in seconds."""
    slowest = 0.0
    async with aiohttp.ClientSession() as http:
        while not until.done():
            began = time.perf_counter()
            async with http.get(site.url + site.health) as answer:
                answer.raise_for_status()
                await answer.read()
            slowest = max(slowest, time.perf_counter() - began)
            await asyncio.sleep(POLL_S)
    return slowest


@asynccontextmanager
async def tutorial_serve(home: Path, model_url: str) -> AsyncIterator[str]:
    """bench/tutorial_app.py as its reader would start it, on a free port; yields its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = Path(__file__).with_name("tutorial_app.py")
    env = os.environ | {"CHAINLIT_APP_ROOT": str(home), "MODEL_URL": model_url}
    with (home / "serve.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chainlit", "run", str(app), "--headless", "--port", str(port),
            cwd=home, env=env, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as http:
            while not await is_up(http, f"{url}/health"):
                if process.returncode is not None:
                    raise RuntimeError(f"chainlit run ended:\n{(home / 'serve.log').read_text()}")
                await asyncio.sleep(0.2)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def is_up(http: aiohttp.ClientSession, url: str) -> bool:
    """Does the address answer?"""
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False  # not listening yet


async def measure(repeats: int) -> list[dict[str, Any]]:
    """Kefu and the tutorial in turn, so that what else the machine does strikes both alike."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as other:
        async with (
            ScriptedModel(script) as model,
            kefu_serve(Path(home), llm_url=model.url) as kefu,
            tutorial_serve(Path(other), model.url) as tutorial,
        ):
            sites = Site("Kefu", kefu, "/healthz"), Site("tutorial", tutorial, "/health")
            for site in sites:
                await alone(site)  # not counted: the first question loads what later ones find loaded
            for repeat in range(1, repeats + 1):
                for site in sites:
                    row: dict[str, Any] = {"site": site.name, "repeat": repeat}
                    row |= await alone(site) | await beside(site)
                    rows.append(row | {"delay_s": row["beside_s"] - row["alone_s"]})
                    print(f"  {site.name} {repeat}: {row['beside_s'] * 1000:.0f} ms", file=sys.stderr)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Medians and worst cases; the ratio is taken repeat by repeat. None of the delay: Kefu's is about nothing."""
    lines = [f"| ms: median (worst) | n | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 2) + "|"]
    by_site: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_site.setdefault(row["site"], []).append(row)
    for site, part in by_site.items():
        times = [[row[column] * 1000 for row in part] for column in COLUMNS]
        cells = [f"{statistics.median(column):.0f} ({max(column):.0f})" for column in times]
        lines.append(f"| {site} | {len(part)} | {' | '.join(cells)} |")
    pairs = list(zip(by_site["Kefu"], by_site["tutorial"], strict=True))
    ratios = [
        "" if column == "delay_s" else f"{statistics.median(their[column] / our[column] for our, their in pairs):.1f}"
        for column in COLUMNS
    ]
    return "\n".join([*lines, f"| tutorial ÷ Kefu | {len(pairs)} | {' | '.join(ratios)} |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, choices=range(1, 101), metavar="N")
    rows = asyncio.run(measure(parser.parse_args().repeats))
    print(table(rows))
    out = Path(__file__).parent / "results" / "baseline.json"
    out.write_text(json.dumps({"cores": os.cpu_count(), "model_first_token_s": FIRST_TOKEN_S, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
