"""Kefu's own words: the same in every language, and never with a hole in them."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from kefu.events import NoticeCode
from kefu.languages import SHOP_LANGUAGES, detect
from kefu.words import FOLDER, is_smalltalk, say, starters, words

NAME = re.compile(r"\$\{?(\w+)")
VALUES = {
    "contact": "help@shop.example", "numbers": "45", "limit": "4000", "id": "3f2a9c01", "shop": "Jade Lane",
    "number": "JL10023", "status": "OK", "hours": "2", "days": "30", "product": "A1", "reason": "B2", "item": "C3",
    "variant": "D4", "country": "SG", "field": "F5", "balance": "5", "needed": "9", "time": "14:32", "date": "12/11",
    "amount": "90", "method": "MoMo", "first": "G6", "count": "2", "items": "H7", "things": "I8", "choices": "J9",
    "what": "K1", "place": "L2", "at": "14:32", "carrier": "M3", "tracking": "N4", "budget": "500", "currency": "USD",
    "facts": "O5", "high": "9", "low": "3", "material": "P6", "colour": "Q7", "n": "2", "name": "R8", "options": "S9",
    "price": "45", "rating": "4.6", "reviews": "120", "size": "42", "stock": "T1", "without": "U2",
}  # fmt: skip
FRAGMENTS = {"rating_text"}  # too little to tell a language by
COMPOSED = {"refused", "memory"}  # said by kefu.cards.refusal_text and kefu.order_texts.memory_text
KEYS = [key for key, text in words("en").items() if isinstance(text, str)]


def names(language: str, key: str) -> set[str]:
    return set(NAME.findall(str(words(language)[key])))


def test_there_is_a_file_for_each_shop_language() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} == set(SHOP_LANGUAGES)


@pytest.mark.parametrize("language", SHOP_LANGUAGES)
def test_every_language_has_the_same_keys_and_placeholders(language: str) -> None:
    assert list(words(language)) == list(words("en"))
    for key in KEYS:
        assert names(language, key) == names("en", key), key


@pytest.mark.parametrize("language", SHOP_LANGUAGES)
def test_every_text_is_in_its_language_with_no_hole(language: str) -> None:
    sentences = [key for key in KEYS if key not in {"sources_label"}]
    for key in sentences:
        text = say(language, key, **VALUES)
        assert "$" not in text and text == text.strip(), key
        if key not in FRAGMENTS:
            assert detect(text).language == language, (key, text)


@pytest.mark.parametrize("code", sorted({*get_args(NoticeCode)} - COMPOSED))
def test_every_notice_has_a_text(code: str) -> None:
    texts = {say(language, code, **VALUES) for language in SHOP_LANGUAGES}
    assert len(texts) == len(SHOP_LANGUAGES)


@pytest.mark.parametrize("language", SHOP_LANGUAGES)
def test_nothing_found_offers_a_person_and_says_how(language: str) -> None:
    text = say(language, "nothing_found", contact="care@shop.example")
    assert "9:00–22:00" in text or "9:00 to 22:00" in text
    assert "care@shop.example" in text
    assert "?" in text or "？" in text or "ไหม" in text


def test_a_missing_value_is_named() -> None:
    with pytest.raises(KeyError, match="limit"):
        say("vi", "too_long")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(KeyError, match="no_such_text"):
        say("th", "no_such_text")


def test_a_language_without_a_file_gets_english() -> None:
    assert say("fr", "stopped") == say("en", "stopped")
    assert say("../../secret", "stopped") == say("en", "stopped")


def test_a_value_with_a_dollar_sign_is_kept_as_it_is() -> None:
    assert "$shop & Co" in say("en", "welcome", shop="$shop & Co")


@pytest.mark.parametrize("language", SHOP_LANGUAGES)
def test_starters_are_four_questions_in_the_language(language: str) -> None:
    questions = starters(language)
    assert len(set(questions)) == 4
    assert {detect(question).language for question in questions} == {language}
    assert not any(is_smalltalk(question) for question in questions)


@pytest.mark.parametrize(
    "text",
    [
        "hi", "Hello!!", "hello there", "Thank you so much!", "OK thanks", "你好！", "谢谢啦~", "好的，谢谢", "在吗？",
        "亲，在吗", "xin chào shop", "Chào shop ạ", "cam on shop nhieu nhe", "Cảm ơn bạn 😊", "dạ em cảm ơn ạ",
        "สวัสดีค่ะ", "ขอบคุณมากๆนะคะ 🙏", "ＨＩ", "👍", "...",
    ],
)  # fmt: skip
def test_greetings_thanks_and_signs_are_smalltalk(text: str) -> None:
    assert is_smalltalk(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "hi, where is my order", "hinh anh", "hiking boots", "chào giá", "xin chào, phí ship bao nhiêu",
        "你好，怎么退货", "早餐机", "行李箱", "好评返现", "ขอบคุณค่ะ ส่งกี่วัน", "#W2611340", "123", "size M", "yes",
        "shop ơi", "\ud800x", "thanks " * 30,
    ],
)  # fmt: skip
def test_what_may_be_a_question_or_an_answer_is_no_smalltalk(text: str) -> None:
    assert not is_smalltalk(text)


@pytest.mark.parametrize("language", SHOP_LANGUAGES)
def test_every_listed_phrase_is_recognised(language: str) -> None:
    missed = [phrase for phrase in words(language)["smalltalk"] if not is_smalltalk(phrase)]
    assert not missed
