"""What detection costs and whether it is steady: time a message, memory, threads at a cold start, any input.

Memory and threads are measured in fresh processes, because a warm one hides both. Judges no answer's truth.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from random import Random
from typing import Any

from kefu.languages import Voice, detect

THREADS = 16

_COLD = f"""
import hashlib, json, resource, sys, threading
def resident():
    try:
        return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:  # macOS, where a process's peak begins at its own start
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
texts = json.load(sys.stdin)
before = resident()
from kefu.languages import Voice, detect
voice = Voice(sys.argv[1])
gate = threading.Barrier({THREADS})
heard = [None] * {THREADS}
def run(at):
    gate.wait()
    turned = texts[at:] + texts[:at]  # so that each begins with another message
    answers = dict((text, str(detect(text, voice=voice))) for text in turned)
    heard[at] = hashlib.sha256("".join(answers[text] for text in texts).encode()).hexdigest()
threads = [threading.Thread(target=run, args=(at,)) for at in range({THREADS})]
[t.start() for t in threads], [t.join() for t in threads]
print(json.dumps(dict(hashes=heard, added_mb=resident() - before)))
"""


def cold_start(texts: Sequence[str], voice: Voice) -> dict[str, Any]:
    """Two fresh processes, 16 threads each, released at once: are all answers the same; resident MB added."""
    command = [sys.executable, "-c", _COLD, voice]
    given = json.dumps(list(texts))
    runs = [
        json.loads(subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    ]
    hashes = {digest for run in runs for digest in run["hashes"]}
    return {
        "answers": 2 * THREADS * len(texts),
        "identical": len(hashes) == 1 and None not in hashes,
        "added_mb": max(run["added_mb"] for run in runs),
    }


def speed(texts: Sequence[str], voice: Voice) -> dict[str, Any]:
    """Microseconds a call, one thread, warm: median, 95th percentile; and for 10,000 characters of toneless text."""
    detect("where is my order", voice=voice)
    times = []
    for text in texts:
        began = time.perf_counter_ns()
        detect(text, voice=voice)
        times.append((time.perf_counter_ns() - began) / 1000)
    long = ("toi muon doi hang vi giay chat qua " * 300)[:10_000]
    began = time.perf_counter_ns()
    detect(long, voice=voice)
    long_us = (time.perf_counter_ns() - began) / 1000
    p95 = statistics.quantiles(times, n=20)[18]
    return {"calls": len(times), "p50_us": statistics.median(times), "p95_us": p95, "long_us": long_us}


def raising(count: int, voice: Voice, seed: int = 1) -> int:
    """How many of `count` random texts raise: any code points, lone surrogates among them, up to 10,000 characters."""
    random = Random(seed)
    raised = 0
    for at in range(count):
        size = 10_000 if at % 100 == 0 else random.randint(0, 80)
        top = random.choice((0x80, 0x1100, 0x11_0000))
        text = "".join(chr(random.randrange(top)) for _ in range(size))
        try:
            detect(text, voice=voice)
        except Exception:
            raised += 1
    return raised
