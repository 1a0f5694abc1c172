"""The two models of a live talk, and what the one that answers knows. Knows no task."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kefu.config import Settings
from kefu.desk import limits_of, open_index
from kefu.events import ConfigError
from kefu.llm import LLM, Endpoint
from kefu.turn_parts import Limits
from rag.index import PolicyIndex


@dataclass(frozen=True)
class Models:
    """Who answers, who plays the customer, and what the one who answers knows."""

    assistant: LLM
    customer: LLM
    limits: Limits
    index: PolicyIndex


@asynccontextmanager
async def open_models(policy: Path, assistant: tuple[str, str], customer: tuple[str, str]) -> AsyncIterator[Models]:
    """Two models, each by its server's URL and its name ("": the first that it lists). KEFU_* variables set the rest,
    as for a desk. The file `policy` is the shop's only policy. ConfigError for a server that takes no tools."""
    with tempfile.TemporaryDirectory() as folder:
        settings, played = _settings(Path(folder), *assistant), _settings(Path(folder), *customer)
        _write_policy(settings.policies, policy)
        llm, customer_llm = _llm(settings), _llm(played)
        try:
            if not await llm.takes_tools():
                raise ConfigError(f"{settings.llm_url} takes no tools: a model that drives must call them.")
            index, _ = await asyncio.to_thread(open_index, settings)
            try:
                yield Models(llm, customer_llm, await limits_of(settings, llm), index)
            finally:
                index.close()
        finally:
            await llm.close()
            await customer_llm.close()


def _settings(home: Path, url: str, model: str) -> Settings:
    return Settings(_env_file=None, home=home, policies=home / "policies", llm_url=url, llm_model=model)


def _write_policy(folder: Path, policy: Path) -> None:
    (folder / "en").mkdir(parents=True)
    text = policy.read_text(encoding="utf-8")
    (folder / "en" / "retail.md").write_text(f"---\ntitle: Retail policy\n---\n{text}", encoding="utf-8")


def _llm(settings: Settings) -> LLM:
    async def endpoint() -> Endpoint:
        return Endpoint(settings.llm_url, settings.llm_api_key.get_secret_value(), settings.llm_model)

    return LLM(
        endpoint,
        connect_s=settings.llm_connect_timeout_s,
        first_token_s=settings.llm_first_token_timeout_s,
        idle_s=settings.llm_idle_timeout_s,
        total_s=settings.llm_total_timeout_s,
        retries=settings.llm_retries,
    )
