"""Marks come back where they were left out, and nowhere else."""

from __future__ import annotations

import random
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.diacritics import Restorer, needs_restoring, restore
from rag.tokens import strip_marks

POLICIES = Path(__file__).parent.parent / "policies" / "vi"
MESSAGES = {
    "don hang cua toi dau": "đơn hàng của tôi đâu",
    "doi tra the nao": "đổi trả thế nào",
    "ship ve Da Nang bn tien": "ship về Đà Nẵng bao nhiêu tiền",
    "sp bi loi thi lam sao": "sản phẩm bị lỗi thì làm sao",
    "k vua size co doi dc ko": "không vừa size có đổi được không",
    "toi muon huy don hang #W2611340": "tôi muốn hủy đơn hàng #W2611340",
    "bao gio thi duoc hoan tien?": "bao giờ thì được hoàn tiền?",
    "ck roi ma chua thay don, goi sdt nao": "chuyển khoản rồi mà chưa thấy đơn, gọi số điện thoại nào",
}


@pytest.mark.parametrize("typed", MESSAGES)
def test_a_shoppers_message_gets_its_marks_back(typed: str) -> None:
    assert needs_restoring(typed)
    assert restore(typed) == MESSAGES[typed]


@pytest.mark.parametrize(
    "text",
    [
        "Where is my order #W2611340?",
        "how can i return a dress",
        "iPhone 15 Pro Max",
        "请问这个还有货吗",
        "iPhone 15 手机壳还有货吗",
        "ส่งของไปเวียดนามกี่วัน",
        "#W2611340",
        "me.too88@mail.example",
        "https://shop.example/doi-tra?ve=da-nang",
        "👗✨",
        "",
        "Đơn hàng của tôi đến đâu rồi?",
        "Mình có bao nhiêu ngày để trả hàng?",
    ],
)
def test_what_is_not_toneless_vietnamese_stays(text: str) -> None:
    assert not needs_restoring(text)
    assert restore(text) == text


def test_the_shops_own_policies_stay() -> None:
    for policy in POLICIES.glob("*.md"):
        for line in policy.read_text(encoding="utf-8").splitlines():
            if len(line.split()) > 4 and not line.isascii():
                assert restore(line) == line


def test_numbers_codes_links_foreign_words_and_punctuation_stay() -> None:
    typed = "gui iPhone 15 va 2 ao size M ve kho-7, don SF1390275518462 (xem https://a.example/ao?x=1): bao lau?!"
    assert restore(typed) == (
        "gửi iPhone 15 và 2 áo size M về kho-7, đơn SF1390275518462 (xem https://a.example/ao?x=1): bao lâu?!"
    )


def test_case_stays() -> None:
    assert restore("Don hang cua toi o Ha Noi") == "Đơn hàng của tôi ở Hà Nội"
    assert restore("DON HANG CUA TOI DAU") == "ĐƠN HÀNG CỦA TÔI ĐÂU"
    assert restore("K vua size") == "Không vừa size"


def test_words_with_marks_stay_and_help_to_read_the_others() -> None:
    assert restore("đơn hang cua toi dau") == "đơn hàng của tôi đâu"
    readings = {restore(f"{word} nay bao nhieu tien").split()[0] for word in ("áo", "ảo", "ao")}
    assert readings >= {"áo", "ảo"}


def test_decomposed_text_reads_as_composed() -> None:
    typed = "đơn hang cua toi dau"
    assert restore(unicodedata.normalize("NFD", typed)) == restore(typed)


def test_a_short_form_after_an_amount_or_a_size_is_a_unit() -> None:
    assert restore("phi ship 20 k phai khong") == "phí ship 20 k phải không"
    assert restore("phi ship 20k phai khong") == "phí ship 20k phải không"
    assert restore("ao nay con size k khong").endswith("size k không")


def test_a_short_form_with_two_meanings_is_read_from_what_is_around_it() -> None:
    assert restore("em quen mk dang nhap roi").startswith("em quên mật khẩu")
    assert restore("cho mk hoi chut").startswith("cho mình hỏi")


def test_the_shops_texts_teach_words_that_the_shipped_counts_do_not_know() -> None:
    typed = "chum ngoc nhu y con khong"
    passages = ["Chùm ngọc như ý: quà tặng của cửa hàng, mỗi chùm ngọc như ý có hộp riêng."] * 3
    assert restore(typed) != "chùm ngọc như ý còn không"
    assert Restorer(passages).restore(typed) == "chùm ngọc như ý còn không"


def test_texts_without_marks_teach_nothing() -> None:
    toneless = Restorer(["don hang cua toi dau, doi tra the nao"] * 50)
    assert toneless.restore("doi tra the nao") == "đổi trả thế nào"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_is_taken(text: str) -> None:
    assert restore(text) == restore(text)
    assert needs_restoring(text) or restore(text) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*MESSAGES, "\0", "\ud800", "ko", "20", "k", "đổi", "ừ", "size", ",", "\n", "ng"])))
def test_only_marks_change_where_there_are_no_short_forms(words: list[str]) -> None:
    text = " ".join(word for word in words if not set(word.split()) & {"ko", "k", "ng", "bn", "sp", "dc", "ck", "sdt"})
    assert strip_marks(restore(text)) == strip_marks(text)


@pytest.mark.parametrize(
    "text", ["toi " * 2500, "k" * 10_000, "a@" * 5000, "." * 10_000, "\0" * 10_000, "\ud800" * 9999]
)
def test_a_long_text_is_taken(text: str) -> None:
    assert len(restore(text)) >= len(text)


def test_threads_at_a_cold_start_agree() -> None:
    """In a process of its own, where nothing is loaded yet."""
    code = (
        "import sys; from concurrent.futures import ThreadPoolExecutor as Pool; from rag.diacritics import restore\n"
        "with Pool(16) as pool: found = set(pool.map(restore, [sys.argv[1]] * 64))\n"
        "sys.stdout.buffer.write('|'.join(found).encode())"
    )
    run = subprocess.run([sys.executable, "-c", code, "doi tra the nao"], capture_output=True, check=True, timeout=60)
    assert run.stdout.decode() == "đổi trả thế nào"


def test_threads_share_a_restorer() -> None:
    shop = Restorer([policy.read_text(encoding="utf-8") for policy in sorted(POLICIES.glob("*.md"))])
    typed = [*MESSAGES] * 40
    alone = [Restorer().restore(text) for text in MESSAGES]
    random.Random(1).shuffle(typed)
    with ThreadPoolExecutor(16) as pool:
        found = dict(zip(typed, pool.map(shop.restore, typed), strict=True))
    assert [found[text] for text in MESSAGES] == alone
