"""Whether a reply says that it did or will do what nothing here does: "I've cancelled it", "tôi sẽ hỏi đồng nghiệp".

Text in, verdict out. Only what the model says of itself: that the shop refunds within 3 days is a rule of the shop.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Promise = Literal["change", "colleague"]  # to change something of the shopper's; to ask or to tell somebody

# What the model says of itself, and what it says that it does; %s stands for the verbs
_SAID = {
    "en": r"\bI(?:['’]ve| have|['’]ll| will|['’]m going to| am going to)(?: now| already| gladly| just)? (?:%s)\w*",
    "zh": r"(?:我(?:已经|已|会|将|马上就|马上|这就|现在就)[^我。，！？如怎介告说解]{0,14}|已经?[为帮给替][您你])(?:%s)",
    "vi": r"(?<!chúng )(?<!bên )\b(?:mình|tôi|em)\s+(?:đã|sẽ|vừa|đang)\s+(?:%s)",
    "th": r"(?:ดิฉัน|ผม|ฉัน|หนู)(?:ได้|จะ|กำลัง)(?:ทำการ|ดำเนินการ|ขอ)?(?:%s)"
    r"|ได้(?:ทำการ)?(?:%s)\S{0,30}ให้\S{0,12}(?:แล้ว|เรียบร้อย)",
}
_CHANGE = {
    "en": "cancel|chang|updat|refund|process|arrang|submit|sen[dt]|ship|exchang|return|register|delet|remov|ma[kd]e",
    "zh": "取消|修改|改|更换|换|退|安排|提交|处理|更新|删除|寄|发货",
    "vi": "hủy|huỷ|đổi|cập nhật|hoàn|xử lý|gửi|sửa|xóa|xoá|sắp xếp|trả|giao",
    "th": "ยกเลิก|เปลี่ยน|แก้ไข|คืนเงิน|คืน|ส่ง|จัดส่ง|ลบ|อัปเดต|ดำเนินการ",
}
_COLLEAGUE = {
    "en": "ask|pass|transfer|forward|contact|check|look|get back",
    "zh": "转|联系|询问|咨询|问|查|反馈|核实",
    "vi": "hỏi|liên hệ|chuyển|kiểm tra|báo",
    "th": "สอบถาม|ถาม|โอน|ติดต่อ|ตรวจสอบ|แจ้ง|ส่งต่อ",
}


def promised(text: str) -> tuple[Promise, str] | None:
    """What is promised and in which words, the first time."""
    text = unicodedata.normalize("NFC", text)
    found = [(match.start(), kind, match.group()) for kind, said in _PROMISES if (match := said.search(text))]
    return min(found)[1:] if found else None


def _pattern(verbs: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(said.replace("%s", verbs[language]) for language, said in _SAID.items()), re.IGNORECASE)


_PROMISES: tuple[tuple[Promise, re.Pattern[str]], ...] = (
    ("colleague", _pattern(_COLLEAGUE)),
    ("change", _pattern(_CHANGE)),
)
