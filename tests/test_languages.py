"""The language of a message: what it says by itself, and what stands in when it says nothing."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.language_lines import ours
from kefu import language_voices, languages
from kefu.language_voices import choose
from kefu.languages import LANGUAGES, Voice, detect, known

voices = pytest.mark.parametrize("voice", sorted({Voice.LANGDETECT, choose(Voice.AUTO)}))  # both where both are

MESSAGES = {
    "zh": ["怎么退货", "我要退货 size M", "iPhone15有货吗", "2024年是什么", "看这个https://shop.example/p/1怎么退",
           "請問可以退貨嗎", "我の订单呢", "支持PayPal吗", "order什么时候到", "在吗",
           "Sunflower Fields Forever Ring 有货吗"],
    "th": ["ส่งกี่วัน", "iPhone 15 เคสมีสีอะไรบ้าง", "order #W2611340 อยู่ไหน", "refund ยังไงคะ", "ขอโปรyarisค่ะ", "งง",
           "อยากคืน Vintage Explorer Canvas Backpack ค่ะ"],
    "vi": ["đơn hàng của tôi đâu", "ship hàng đi Hà Nội mất bao lâu", "BAO GIỜ HÀNG VỀ", "áo này còn size M không",
           "Lady Gaga đã hát bài gì?", "Blue Streak Spinner Lure còn hàng không shop", "3ngày nữa có chưa",
           unicodedata.normalize("NFD", "phí ship bao nhiêu"), "giá iPhone 15 Pro Max",
           "toi muon mua 旗袍 con hang khong"],
    "en": ["where is my order", "WHERE IS MY ORDER", "ＷＨＥＲＥ ｉｓ ｍｙ ｏｒｄｅｒ", "can i return the long one",
           "refund pls", "do u ship to vietnam", "don’t you have it in blue?",
           "my name is Nguyễn Văn An and I want to change it", "what does 退款 mean in your return policy",
           "W2611340 has not arrived yet", "the hat is too small for me", "what does จัดส่งแล้ว mean",
           "can you write 新婚快乐 on the card for me", "where is the phở kit that you had before",
           "the bún chả set is not what we wanted"],
    "ja": ["注文はどこですか", "返品可能ですか"], "ko": ["주문은 어디 있나요"], "ru": ["где мой заказ"],
    "ar": ["أين طلبي"],
    "lo": ["ສິນຄ້າຂອງຂ້ອຍຢູ່ໃສ"], "km": ["តើការបញ្ជាទិញរបស់ខ្ញុំនៅឯណា"], "my": ["ကျွန်တော့်အော်ဒါ ဘယ်မှာလဲ"],
    "fr": ["où est ma commande", "je voudrais retourner cet article"], "de": ["wo ist meine bestellung"],
    "es": ["dónde está mi pedido"], "pt": ["onde está o meu pedido"], "it": ["dove è il mio ordine"],
    "id": ["saya ingin mengembalikan barang ini"],
}  # fmt: skip
TONELESS = [
    "don hang cua toi dau", "doi tra the nao", "con hang ko", "bao gio hang ve", "phi ship bao nhieu",
    "huy don giup em", "MINH CHUA NHAN DUOC HANG", "sp nay gia bn", "mk chua nhan dc hang",
    "dia chi shop o dau", "ship di Ha Noi mat bao lau", "the con Thai Lan thi sao", "ntn moi doi dc",
]  # fmt: skip
SAY_NOTHING = [
    "ok", "OK shop", "👍", "#W2611340", "iPhone 15", "123", "size M", "COD", "hi", "thanks", "...", "",
    "me@example.com", "https://shop.example/a?b=c", "Nike", "k", "XL", "refund", "John Smith", "Hanoi", "IMG_0412.jpg",
    "אפשר להחזיר",
]  # fmt: skip


@voices
@pytest.mark.parametrize(("language", "text"), [(code, text) for code, texts in MESSAGES.items() for text in texts])
def test_a_message_speaks_for_itself(language: str, text: str, voice: Voice) -> None:
    assert detect(text, voice=voice).language == language


@voices
@pytest.mark.parametrize("text", TONELESS)
def test_vietnamese_without_marks_is_vietnamese_even_in_an_english_browser(text: str, voice: Voice) -> None:
    assert detect(text, locale="en-US", voice=voice).language == "vi"


@voices
@pytest.mark.parametrize("conversation", ["zh", "en", "vi", "th"])
@pytest.mark.parametrize("text", SAY_NOTHING)
def test_what_says_nothing_keeps_the_conversations_language(text: str, conversation: str, voice: Voice) -> None:
    assert detect(text, conversation=conversation, locale="fr-FR", voice=voice).language == conversation


@voices
@pytest.mark.parametrize("language", ["zh", "en", "vi", "th"])
def test_a_whole_sentence_changes_the_conversations_language(language: str, voice: Voice) -> None:
    sentence = MESSAGES[language][0]
    for before in ("zh", "en", "vi", "th"):
        assert detect(sentence, conversation=before, voice=voice).language == language


@voices
def test_one_word_changes_the_conversations_language_if_only_vietnamese_has_its_letters(voice: Voice) -> None:
    assert detect("shop ơi", conversation="en", voice=voice).language == "vi"
    assert detect("Nguyễn", conversation="en", voice=voice).language == "en"


@voices
@pytest.mark.parametrize(("toneless", "share"), [(False, 0.993), (True, 0.985)])
def test_our_messages_are_told_right_as_often_as_we_promise(toneless: bool, share: float, voice: Voice) -> None:
    lines = [line for line in ours() if (line.kind == "toneless") == toneless]
    wrong = [line.text for line in lines if detect(line.text, voice=voice).language != line.language]
    assert len(lines) > 150 and len(wrong) <= (1 - share) * len(lines), wrong


def test_without_a_conversation_the_browser_decides_and_then_the_shop() -> None:
    assert detect("👍", locale="th-TH,th;q=0.9,en;q=0.8").language == "th"
    assert detect("👍", locale="xx", default="vi").language == "vi"
    assert detect("👍", default="xx").language == "en"


def test_malay_and_indonesian_are_told_apart_by_the_browser() -> None:
    assert detect("saya ingin mengembalikan barang ini", locale="ms-MY").language == "ms"
    assert detect("saya ingin mengembalikan barang ini").language == "id"


@pytest.mark.parametrize(
    ("text", "context", "reason"),
    [
        ("ส่งกี่วัน", {}, "Thai script"),
        ("tôi muốn đổi hàng", {}, "Vietnamese letters in 2 of 4 words"),
        ("ok", {"conversation": "vi"}, "says nothing by itself; the conversation is in vi"),
        ("ok", {"locale": "zh-CN"}, "says nothing by itself; the browser asks for zh"),
        ("ok", {}, "says nothing by itself; the shop's default is en"),
        ("refund", {"conversation": "th"}, "perhaps en by itself; the conversation is in th"),
    ],
)
def test_the_evidence_is_given_in_words(text: str, context: dict[str, str], reason: str) -> None:
    assert detect(text, **context).reason == reason  # type: ignore[arg-type]


def test_the_reason_names_the_voice_that_was_heard() -> None:
    assert "langdetect" in detect("where is my order", voice=Voice.LANGDETECT).reason
    assert choose(Voice.AUTO) in detect("where is my order").reason


def test_where_eld_has_no_wheel_langdetect_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_voices, "eldc", None)
    found = detect("don hang cua toi dau")
    assert found.language == "vi" and "langdetect" in found.reason


def test_confidence_is_higher_for_a_sentence_than_for_a_sign() -> None:
    assert detect("where is my order and when does it come").confidence > 0.9 > detect("ok").confidence


@voices
@given(text=st.text(alphabet=st.characters(codec=None), max_size=300), times=st.sampled_from([1, 1, 1, 300]))
def test_no_text_raises(text: str, times: int, voice: Voice) -> None:
    found = detect((text * times)[:10_000], voice=voice)
    assert found.language in LANGUAGES and 0 <= found.confidence <= 1


@voices
@pytest.mark.parametrize(
    "text", [piece * 10_000 for piece in ("a", "退", "\ud800", "a@", "www.", "😀", "\ufdfa", "\0", "0", "_")]
)
def test_ten_thousand_characters_of_anything_are_taken(text: str, voice: Voice) -> None:
    assert detect(text, voice=voice).language in LANGUAGES


def test_a_long_message_is_still_understood() -> None:
    assert detect("toi muon doi hang vi giay chat qua " * 300).language == "vi"


_COLD_START = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from kefu.languages import Voice, detect
texts = ["don hang cua toi dau", "where is my order", "con hang ko", "wo ist meine bestellung", "quero devolver este"]
gate = Barrier(16)
def run(_):
    gate.wait()
    return [str(detect(text, voice=Voice(sys.argv[1]))) for text in texts]
with ThreadPoolExecutor(16) as pool:
    answers = list(pool.map(run, range(16)))
assert all(answer == answers[0] for answer in answers)
print(answers[0])
"""


@voices
def test_sixteen_threads_at_a_cold_start_and_two_runs_give_the_same(voice: Voice) -> None:
    command = [sys.executable, "-c", _COLD_START, voice]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first and first == second


@voices
def test_the_order_of_messages_and_threads_changes_nothing(voice: Voice) -> None:
    texts = [text for group in MESSAGES.values() for text in group] + TONELESS
    alone = {text: detect(text, voice=voice) for text in texts}
    shuffled = random.Random(3).sample(texts * 4, len(texts) * 4)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: detect(text, voice=voice), shuffled))
    assert together == [alone[text] for text in shuffled]


def test_a_language_is_added_with_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Path(languages.__file__).read_text(encoding="utf-8")
    rows = 'Language("nl", "Dutch", "Nederlands"), Language("hi", "Hindi", "हिन्दी", "Devanagari"), Language("my"'
    file = tmp_path / "languages_and_two.py"
    file.write_text(table.replace('Language("my"', rows), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    longer = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, file.stem, longer)
    spec.loader.exec_module(longer)
    heard = {text: longer.detect(text).language for text in ("waar blijft mijn bestelling", "मेरा ऑर्डर कहाँ है")}
    assert list(heard.values()) == ["nl", "hi"]
    for code in ("zh", "th", "vi", "en"):
        assert {longer.detect(text).language for text in MESSAGES[code]} == {code}
    assert longer.known("nl-BE, en;q=0.5") == "nl"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("zh-CN", "zh"), ("zh-Hant-TW", "zh"), ("vi_VN", "vi"), ("th_TH.UTF-8", "th"), ("EN", "en"), ("en-GB", "en"),
        ("vi-VN,vi;q=0.9,en-US;q=0.8", "vi"), ("en;q=0.5, th;q=0.9", "th"), ("xx,de-DE;q=0.3", "de"),
        ("xx", None), ("", None), (None, None), ("*", None), ("de;q=0", None), ("english", None), ("C.UTF-8", None),
        ("../vi", None), (";q=1", None),
    ],
)  # fmt: skip
def test_codes_locales_and_headers_become_languages_of_the_table(value: str | None, code: str | None) -> None:
    assert known(value) == code
