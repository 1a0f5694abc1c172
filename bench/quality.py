"""Everything that is known about quality, on one page: runs the benches and writes docs/quality.md from their results.

    python -m bench.quality [--data DIR] [--render]

DIR holds folders of other people's data (docs/quality.md says which); without it, what needs them is left out. Takes
hours on a laptop, most of them for the model's answers; --render only writes the page from the last results.
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

from bench.report import RESULTS

PAGE = Path(__file__).parent.parent / "docs" / "quality.md"
BENCHES = (
    "language", "diacritics", "retrieval", "follow_ups", "nearby", "script_lock", "attribution", "answers", "router",
    "tool_calls", "tau2_retail", "budgets", "product_search", "wishes", "recommendations",
)  # fmt: skip
# What wants a folder of the data, and which; the others take none
_FOLDERS = {
    "diacritics": "xquad-dev",
    "retrieval": "xquad-dev",
    "tau2_retail": "tau2-retail",
    "product_search": "retail-demo-store",
    "language": "",
    "router": "",
}
_ONLY_WITH_DATA = ("diacritics", "retrieval", "tau2_retail", "product_search")
_HEAD = """# Quality: what was measured

Written by `make quality` (`bench/quality.py`); do not edit by hand. Each table has its day and machine; its bench says
in its first lines how it measures. Shares are percentages. Tables with other people's data need it in a folder,
`make quality DATA=…`: `xquad-dev/` (XQuAD's files in en, zh, vi, th; CC BY-SA 4.0), `wisesight/` (CC0) and `bitext/`
(CDLA-Sharing-1.0), `tau2-retail/` (MIT), `retail-demo-store/` (MIT-0). None of it is in this repository.
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with the data that docs/quality.md names")
    parser.add_argument("--render", action="store_true", help="only write the page")
    options = parser.parse_args(argv)
    for name in () if options.render else BENCHES:
        bench = importlib.import_module(f"bench.{name}")
        if name in _ONLY_WITH_DATA and not options.data:
            continue
        wants = options.data and name in _FOLDERS
        bench.main(["--data", str(options.data / _FOLDERS[name])] if wants else [])
    PAGE.write_text("\n".join([_HEAD, *map(_section, BENCHES)]), encoding="utf-8")
    print(f"written: {PAGE}")


def _section(name: str) -> str:
    """A bench's section from its last results."""
    file = RESULTS / f"{name}.json"
    if not file.exists():
        return f"<!-- {name}: not measured -->\n"
    kept = json.loads(file.read_text(encoding="utf-8"))
    text: str = importlib.import_module(f"bench.{name}").markdown(kept["results"])
    return f"{text.rstrip()}\n\n*{kept['date']}, {kept['machine']}; `python -m bench.{name}`*\n"


if __name__ == "__main__":
    main()
