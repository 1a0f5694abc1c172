"""What runs in the child process: llama.cpp's HTTP server on a free loopback port, for as long as Kefu lives.

Reads one JSON line from stdin (the API key never shows in a process list), answers `listening <url>` on stdout, and
ends when stdin does: a pipe closes however its writer dies. Knows nothing of Kefu but that pipe.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

from xllamacpp import CommonParams, Server


def _parameters(config: dict[str, object]) -> CommonParams:
    params = CommonParams()
    params.model.path = config["file"]
    params.model_alias = {config["model"]}
    params.api_keys = [config["key"]]  # without one, any web page could call it
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = config["slots"]
    params.n_ctx = config["tokens"]  # shared evenly by the slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]
    params.cache_ram_mib = 512  # prompts kept for later; llama.cpp's default is 8 GiB
    params.use_jinja = True
    params.warmup = True
    params.verbosity = 2  # warnings and errors: a line for each request would fill the log
    params.ui = params.endpoint_slots = params.endpoint_props = params.cors_credentials = False
    params.cors_origins = ""
    return params


def _end_with_kefu() -> None:
    sys.stdin.read()
    os._exit(0)  # nothing here is worth saving, and the main thread may be deep in llama.cpp


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.readline()
    if not line:
        return
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the library prints goes to the log
    threading.Thread(target=_end_with_kefu, daemon=True).start()
    server = Server(_parameters(json.loads(line)))
    print(f"listening {server.listening_address}", file=answer, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
