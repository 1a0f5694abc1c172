"""What one answer is worth: cited, with the right numbers, declined. Knows no model and no other answer.

Whether the model itself declines is judged by phrases, which is a rough ruler. A number is invented when it stands in
no passage that was found, nor in the question.
"""

from __future__ import annotations

import re
from typing import Any

from bench.answers_desk import Answer
from rag.tokens import numbers

_LIST_NUMBER = re.compile(r"^\s*\d{1,2}[.)、]\s", re.MULTILINE)
_DECLINES = {
    "zh": "不知道|不清楚|不了解|不确定|没有(?:提到|提及|说明|规定|明确|相关|关于|具体)|未(?:提到|提及|说明|明确)"
    "|同事|抱歉",
    "en": r"(?:do not|don't|not) (?:know|have|sure|aware)|colleague|sorry|no information|as an ai"
    r"|(?:do not|does not|don't|doesn't) (?:mention|include|specify|say|cover|provide)|not (?:mentioned|specified)",
    "vi": "không (?:biết|rõ|chắc|có thông tin|đề cập|được đề cập|nêu|quy định)|chưa có thông tin|đồng nghiệp|xin lỗi"
    "|rất tiếc",
    "th": "ไม่ทราบ|ไม่แน่ใจ|ไม่มีข้อมูล|ไม่ได้(?:ระบุ|กล่าวถึง|บอก|กำหนด)|เพื่อนร่วมงาน|ขออภัย|ขอโทษ|เสียใจ",
}


def worth(answer: Answer) -> dict[str, Any]:
    """The answer and everything that is asked of it, as true or false."""
    question, text = answer.question, answer.text
    said = numbers(_LIST_NUMBER.sub(" ", text))
    given = {n for s in answer.sources for n in numbers(f"{s.heading} {s.text}")} | set(numbers(question.text))
    invented = [number for number in dict.fromkeys(said) if number not in given]
    right = bool(question.numbers) and set(question.numbers) <= set(said)
    says_no = bool(re.search(_DECLINES[question.language], text.lower()))
    corrected = "unsupported_numbers" in answer.notices
    sections = {_section(s.id) for s in answer.cited}
    return {
        "answer": text,
        "model": [entry["text"] for entry in answer.traces.get("drift", [])],  # what was withdrawn
        "notices": answer.notices,
        "cites": sorted(s.id for s in answer.cited),
        "numbers": invented,
        "found": (question.policy, question.section) in {_section(s.id) for s in answer.sources},
        "answered": bool(text),
        "declined": answer.declined,
        "given_up": "wrong_language" in answer.notices,
        "cited": bool(answer.cited),
        "cited_right": (question.policy, question.section) in sections,
        "numbers_right": right,
        "says_no": says_no,
        "corrected": corrected,
        "corrected_wrongly": corrected and right and not invented,
        "offered": "not_answered" in answer.notices,
        "as_if_known": bool(answer.cited) and not says_no and not corrected,
        "invented": bool(invented),
        "misled": bool(invented) and not corrected,
    }


def _section(id: str) -> tuple[str, int]:
    """vi/returns#2.2 -> returns, 2"""
    topic, _, section = id.partition("/")[2].partition("#")
    return topic, int(section.partition(".")[0])
