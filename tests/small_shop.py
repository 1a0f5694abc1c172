"""A shop of one policy in three languages, ready to open: it is indexed once for all tests (5 s) and copied.

home = small_shop(tmp_path)      # a KEFU_HOME; its policies lie in tmp_path / "policies"
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from rag.embedder import make_embedder
from rag.index import PolicyIndex

ANSWER = "You can return unused items within 30 days of delivery."
RETURNS = {
    "en": f"""---
title: Returns
---
## Time limit
{ANSWER}

## Return shipping fee
The return fee is 60,000 VND in Vietnam and 90 THB in Thailand.
""",
    "vi": """---
title: Trả hàng
---
## Thời hạn
Bạn có thể trả hàng chưa sử dụng trong vòng 30 ngày kể từ ngày nhận hàng.

## Phí gửi trả
Phí gửi trả hàng là 60.000 ₫ tại Việt Nam và 90 baht tại Thái Lan.
""",
    "th": """---
title: การคืนสินค้า
---
## ระยะเวลา
คืนสินค้าที่ยังไม่ได้ใช้ได้ภายใน 30 วันนับจากวันที่ได้รับสินค้า

## ค่าส่งคืน
ค่าส่งคืนสินค้าคือ 60,000 ดองในเวียดนาม และ 90 บาทในไทย
""",
}


def write_policy(policies: Path, language: str, topic: str, text: str) -> None:
    """A policy file, in a folder that need not be there."""
    file = policies / language / f"{topic}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def small_shop(folder: Path) -> Path:
    """Writes `policies` and an indexed `home` into the folder; the home."""
    for language, text in RETURNS.items():
        write_policy(folder / "policies", language, "returns", text)
    shutil.copytree(_indexed(folder.parent), folder / "home" / "chroma")
    return folder / "home"


@cache
def _indexed(folder: Path) -> Path:
    policies, store = folder / "small-shop" / "policies", folder / "small-shop" / "chroma"
    for language, text in RETURNS.items():
        write_policy(policies, language, "returns", text)
    index = PolicyIndex(policies, store, make_embedder("", "", ""))
    index.sync()
    index.close()
    return store
