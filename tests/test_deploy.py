"""The files that set Kefu up elsewhere: compose, image, locks. Checked offline; no engine runs here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
KEY = {"KEFU_LLM_API_KEY": "a-key-for-the-test"}


def compose(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("docker-compose")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KEFU_", "COMPOSE_"))}
    env_file = [] if "--env-file" in args else ["--env-file", os.devnull]
    command = [str(program), "-f", str(ROOT / "docker-compose.yml"), *env_file, *args]
    return subprocess.run(command, capture_output=True, text=True, env=clean | env, timeout=60)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = compose("config", **KEY)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


def test_compose_without_a_key_is_refused_with_a_sentence() -> None:
    done = compose("config", "-q")
    assert done.returncode != 0 and "set KEFU_LLM_API_KEY" in done.stderr


def test_vllm_serves_the_model_under_a_name_with_a_bounded_window(services: dict[str, Any]) -> None:
    vllm = services["vllm"]
    assert re.fullmatch(r"vllm/vllm-openai:v\d+\.\d+\.\d+", vllm["image"])
    command = vllm["command"]
    assert "--model=Qwen/Qwen3-4B-Instruct-2507" in command
    assert "--served-model-name=kefu" in command
    assert any(re.fullmatch(r"--max-model-len=\d+", c) for c in command)
    assert {"--enable-auto-tool-choice", "--tool-call-parser=hermes"} <= set(command)


def test_vllm_has_a_gpu_a_key_a_volume_and_no_published_port(services: dict[str, Any]) -> None:
    vllm = services["vllm"]
    device = vllm["deploy"]["resources"]["reservations"]["devices"][0]
    assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
    assert vllm["environment"]["VLLM_API_KEY"] == KEY["KEFU_LLM_API_KEY"]
    assert any(volume["target"] == "/root/.cache/huggingface" for volume in vllm["volumes"])
    assert "ports" not in vllm


def test_kefu_waits_for_a_healthy_vllm_and_talks_to_it(services: dict[str, Any]) -> None:
    kefu = services["kefu"]
    assert kefu["depends_on"]["vllm"]["condition"] == "service_healthy"
    assert services["vllm"]["healthcheck"]["start_period"] == "15m0s"
    assert kefu["environment"]["KEFU_LLM_URL"] == "http://vllm:8000"
    assert kefu["environment"]["KEFU_LLM_MODEL"] == "kefu"
    assert set(kefu["networks"]) & set(services["vllm"]["networks"])


@pytest.fixture(scope="module")
def with_embeddings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The services of a `.env` with just the lines that docs/vllm.md says to add."""
    folder = tmp_path_factory.mktemp("project")
    lines = re.search(r"```sh\n(COMPOSE_PROFILES=.*?)```", (ROOT / "docs" / "vllm.md").read_text(), re.DOTALL)
    assert lines
    (folder / ".env").write_text(f"KEFU_LLM_API_KEY={KEY['KEFU_LLM_API_KEY']}\n{lines[1]}")
    done = compose("--project-directory", str(folder), "--env-file", str(folder / ".env"), "config")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


def test_embeddings_run_only_where_they_are_asked_for(
    services: dict[str, Any], with_embeddings: dict[str, Any]
) -> None:
    assert set(with_embeddings) - set(services) == {"embeddings"}
    assert services["kefu"]["depends_on"]["embeddings"] == {"condition": "service_healthy", "required": False}


def test_embeddings_take_dimensions_and_share_the_card_with_the_chat_model(with_embeddings: dict[str, Any]) -> None:
    flags, chat = ({*with_embeddings[name]["command"]} for name in ("embeddings", "vllm"))
    assert {"--runner=pooling", "--convert=embed", '--hf-overrides={"is_matryoshka":true}'} <= flags
    assert "--max-model-len=8192" in flags  # any text of Kefu's
    shares = [float(flag.split("=")[1]) for flag in flags | chat if flag.startswith("--gpu-memory-utilization=")]
    assert len(shares) == 2 and sum(shares) <= 0.9
    # each looks at the card's free memory when it starts
    assert with_embeddings["embeddings"]["depends_on"]["vllm"]["condition"] == "service_healthy"


def test_embeddings_are_as_closed_as_the_chat_model(with_embeddings: dict[str, Any]) -> None:
    embeddings, vllm = with_embeddings["embeddings"], with_embeddings["vllm"]
    for part in ("image", "networks", "deploy", "healthcheck", "volumes", "environment"):
        assert embeddings[part] == vllm[part]
    assert embeddings["environment"]["VLLM_API_KEY"] == KEY["KEFU_LLM_API_KEY"]
    assert "ports" not in embeddings and set(embeddings["networks"]) == {"model"}


def test_kefu_is_pointed_to_the_embeddings_and_knows_their_model(with_embeddings: dict[str, Any]) -> None:
    told = with_embeddings["kefu"]["environment"]
    assert told["KEFU_EMBEDDING_URL"] == "http://embeddings:8000"
    assert told["KEFU_EMBEDDING_API_KEY"] == KEY["KEFU_LLM_API_KEY"]
    # no --served-model-name: the model's own name is what it is served under, and tells that queries are instructed
    command = with_embeddings["embeddings"]["command"]
    assert f"--model={told['KEFU_EMBEDDING_MODEL']}" in command and "Qwen3-Embedding" in told["KEFU_EMBEDDING_MODEL"]
    assert not [flag for flag in command if flag.startswith("--served-model-name")]


def test_bare_metal_vllm_is_the_version_of_the_image(services: dict[str, Any]) -> None:
    tag = services["vllm"]["image"].split(":v")[1]
    assert f"\nvllm=={tag}\n" in (ROOT / "requirements-vllm.txt").read_text()


def test_image_copies_only_what_exists_and_everything_python_needs() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [part for line in lines if line.startswith("COPY ") for part in line.split()[1:-1]]
    for part in copied:
        assert list(ROOT.glob(part)), f"Dockerfile copies {part}, which does not exist"
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not set(copied) & set(ignored)
    assert {"app.py", "kefu", "rag", "web", "policies", "public", ".chainlit"} <= set(copied)


def test_image_and_makefile_use_the_same_uv() -> None:
    uv = re.search(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text())
    assert uv and f"uv=={uv[1]}" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_lock_pins_everything_exactly(file: str) -> None:
    lines = [line for line in (ROOT / file).read_text().splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) > 100
    assert not [line for line in lines if "==" not in line], "not pinned"


def test_lock_holds_what_pyproject_asks_for() -> None:
    import tomllib

    locked = {re.split(r"==|\[", line)[0].lower() for line in (ROOT / "requirements.txt").read_text().splitlines()}
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    missing = {re.split(r"[\[<>=; ]", want)[0].lower() for want in asked} - locked
    assert not missing, f"run `make lock`: {missing}"


def test_installed_packages_are_newer_than_known_faults() -> None:
    from kefu.doctor import below_minimum

    assert below_minimum() == []


def test_make_help_describes_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30).stdout
    assert set(re.findall(r"make (\w+)", shown)) >= {"run", "test", "lint", "bench", "clean", "help"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize("script", [".ci/run", "tests/install_tools.sh"])
def test_shell_scripts_parse(script: str) -> None:
    assert subprocess.run(["bash", "-n", str(ROOT / script)], capture_output=True, timeout=30).returncode == 0
