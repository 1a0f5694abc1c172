"""Time to the first token and tokens a second: through Kefu, against the bare model server, in one run.

Two equal model servers run side by side, one behind a real `kefu serve`, one bare. Each turn is asked through Kefu's
REST first; then the very same messages go to the bare one, which has seen the same conversations and so has the same
prefix cached. Prints a table and writes bench/results/first_answer.json.

    python -m bench.first_answer [--conversations 3] [--turns 8]
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
from pathlib import Path
from typing import Any

import aiohttp

from bench.serving import kefu_serve
from kefu import model_files, prompt
from kefu.config import Settings
from kefu.conversations import Conversations
from kefu.llm import LLM, Finished, TextDelta
from kefu.local_model import LocalModel

# One conversation a language: eight questions of a shopper who wants to know everything.
QUESTIONS = {
    "en": [
        "How long do I have to return a dress?", "Who pays for sending it back from Germany?",
        "How long does express delivery take?", "Do I have to pay customs duty in France?",
        "How long is the warranty on a power bank?", "Can I change my address after ordering?",
        "How do I use a coupon?", "How long are gift cards valid?",
    ],
    "zh": [
        "收到的裙子几天之内可以退？", "退货运费谁出？", "发到杭州要几天？", "越南的订单要交关税吗？",
        "充电器保修多久？", "下单后还能改地址吗？", "优惠券怎么用？", "礼品卡有效期多久？",
    ],
    "vi": [
        "Mình có bao nhiêu ngày để trả hàng?", "Phí gửi trả hàng ở Việt Nam là bao nhiêu?",
        "Giao hàng về Hà Nội mất mấy ngày?", "Mình có phải đóng thuế hải quan không?", "Bộ sạc bảo hành bao lâu?",
        "Đặt hàng rồi có đổi địa chỉ được không?", "Dùng mã giảm giá thế nào?", "Thẻ quà tặng dùng được bao lâu?",
    ],
    "th": [
        "คืนสินค้าได้ภายในกี่วัน", "ค่าส่งคืนในไทยเท่าไหร่", "ส่งไปเชียงใหม่ใช้เวลากี่วัน", "ต้องจ่ายภาษีนำเข้าไหม",
        "ที่ชาร์จรับประกันนานแค่ไหน", "สั่งแล้วเปลี่ยนที่อยู่ได้ไหม", "ใช้คูปองยังไง", "บัตรของขวัญมีอายุนานแค่ไหน",
    ],
}  # fmt: skip


async def through_kefu(http: aiohttp.ClientSession, url: str, question: str, talk: str | None) -> dict[str, Any]:
    """One turn over REST: seconds to the first token, tokens a second after it, and what Kefu says of itself."""
    began = time.perf_counter()
    first = 0.0
    done: dict[str, Any] = {}
    body = {"message": question} | ({"conversation": talk} if talk else {})
    async with http.post(f"{url}/v1/chat", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                if event["type"] == "token" and not first:
                    first = time.perf_counter() - began
                if event["type"] == "done":
                    done = event
    rate = (done["usage"]["completion"] - 1) / (time.perf_counter() - began - first) if first else 0.0
    return {"first_s": first, "tokens_per_s": rate, "done": done}


async def bare(llm: LLM, messages: list[dict[str, str]], settings: Settings) -> dict[str, Any]:
    """The same request, straight to a model server."""
    began = time.perf_counter()
    first = 0.0
    usage = None
    stream = llm.stream(
        messages, max_tokens=settings.llm_max_tokens, temperature=settings.llm_temperature, top_p=settings.llm_top_p
    )
    async for piece in stream:
        if isinstance(piece, TextDelta) and not first:
            first = time.perf_counter() - began
        if isinstance(piece, Finished):
            usage = piece.usage
    assert usage is not None
    rate = (usage.completion - 1) / (time.perf_counter() - began - first)
    return {"first_s": first, "tokens_per_s": rate, "cached": usage.cached, "prompt": usage.prompt}


async def request_of(store: Conversations, talk: str, system: str) -> list[dict[str, str]]:
    """The messages Kefu sent for the newest turn, rebuilt from its record."""
    history = await store.messages(talk)
    questions = {m.id: m for m in history if m.role == "user"}
    answers = [m for m in history if m.role == "assistant"]
    turns = [
        prompt.Turn(questions[m.reply_to or ""].context, questions[m.reply_to or ""].text, m.model_text)
        for m in answers
    ]
    turns[-1] = prompt.Turn(turns[-1].context, turns[-1].question)
    return prompt.messages(system, turns, "system")


async def measure(conversations: int, turns: int) -> list[dict[str, Any]]:
    settings = Settings(_env_file=None)  # the defaults, as on a fresh machine
    file = model_files.find(settings.local_model, settings.cache)
    if file is None:
        sys.exit("The model is not here. Run `kefu model pull`.")
    rows: list[dict[str, Any]] = []
    system = prompt.system_prompt(settings.shop_name)
    with tempfile.TemporaryDirectory() as folder:
        home, other = Path(folder, "kefu"), Path(folder, "bare")
        model = LocalModel(file, home=other, slots=settings.local_slots, slot_tokens=settings.local_slot_tokens)
        jar = aiohttp.CookieJar(unsafe=True)  # the guest cookie of an address without a name
        async with kefu_serve(home) as url, aiohttp.ClientSession(cookie_jar=jar) as http:
            await model.start()
            llm = LLM(model.endpoint, connect_s=5, first_token_s=120, idle_s=60, total_s=300)
            store = await Conversations.open(f"sqlite+aiosqlite:///{home / 'kefu.db'}")
            try:
                await llm.warm(prompt.messages(system, [prompt.Turn("", "…")], "system"))
                for language, questions in list(QUESTIONS.items())[:conversations]:
                    talk: str | None = None
                    for turn, question in enumerate(questions[:turns], 1):
                        asked = await through_kefu(http, url, question, talk)
                        talk = asked["done"]["conversation"]
                        direct = await bare(llm, await request_of(store, talk, system), settings)
                        own = asked["done"]["timings"]
                        rows.append(
                            {
                                "language": language, "turn": turn, "kefu_first_s": asked["first_s"],
                                "bare_first_s": direct["first_s"], "kefu_tokens_per_s": asked["tokens_per_s"],
                                "bare_tokens_per_s": direct["tokens_per_s"], "own_ms": own.get("build_ms"),
                                "fresh": asked["done"]["usage"]["prompt"] - asked["done"]["usage"]["cached"],
                                "bare_fresh": direct["prompt"] - direct["cached"],
                            }
                        )  # fmt: skip
                        print(f"  {language} turn {turn}: {asked['first_s']:.2f} s", file=sys.stderr)
            finally:
                await store.close()
                await llm.close()
                await model.stop()
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """First question and later turns, medians; the ratio is taken turn by turn."""
    lines = ["| turns | n | first token, Kefu | bare model | ratio | fresh tokens | tokens/s, Kefu | bare | ratio |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for name, part in (
        ("first", [r for r in rows if r["turn"] == 1]),
        ("2–8", [r for r in rows if r["turn"] > 1]),
    ):
        if not part:
            continue
        median = {key: statistics.median(r[key] for r in part) for key in part[0] if key not in ("language",)}
        ratio = statistics.median(r["kefu_first_s"] / r["bare_first_s"] for r in part)
        rate = statistics.median(r["kefu_tokens_per_s"] / r["bare_tokens_per_s"] for r in part)
        worst = max(r["kefu_first_s"] for r in part)
        lines.append(
            f"| {name} | {len(part)} | {median['kefu_first_s']:.2f} s (worst {worst:.2f}) "
            f"| {median['bare_first_s']:.2f} s | {ratio:.2f} | {median['fresh']:.0f} "
            f"| {median['kefu_tokens_per_s']:.1f} | {median['bare_tokens_per_s']:.1f} | {rate:.2f} |"
        )
    own = sorted(r["own_ms"] for r in rows if r["own_ms"])
    lines.append(f"\nKefu's own share (detect + retrieve + build): median {statistics.median(own):.0f} ms, "
                 f"p95 {own[min(len(own) - 1, int(len(own) * 0.95))]:.0f} ms over {len(own)} turns")  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=4, choices=range(1, 5))
    parser.add_argument("--turns", type=int, default=8, choices=range(1, 9))
    args = parser.parse_args()
    rows = asyncio.run(measure(args.conversations, args.turns))
    print(table(rows))
    out = Path(__file__).parent / "results" / "first_answer.json"
    out.write_text(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
