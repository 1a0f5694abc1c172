"""What a shopper gets to read of a reply that drifts, and that a reply which does not drift is left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kefu import prompt
from kefu.config import ROOT
from kefu.language_voices import choose
from kefu.languages import LANGUAGES, Voice
from kefu.reply_guard import Drift, ReplyGuard
from kefu.script_lock import foreign
from rag.passages import Passage, read_policies

CORRECT = yaml.safe_load((ROOT / "tests" / "correct_replies.yaml").read_text(encoding="utf-8"))
LINE = 80  # characters
voices = pytest.mark.parametrize("voice", sorted({Voice.LANGDETECT, choose(Voice.AUTO)}))

# (language of the reply, how it begins, how it goes on)
DRIFTING = [
    ("vi", "", "You can return most items within 30 days of delivery, as long as they are unused."),
    ("vi", "Dạ, ", "the standard delivery to Vietnam takes 5–8 days and costs 35,000 VND."),
    ("vi", "Bạn có thể trả hàng trong 30 ngày. ", "Please keep the tags on and send it back in the original box."),
    ("vi", "- Phí COD: 15.000 ₫\n- Tối đa: 5.000.000 ₫\n", "- Cash on delivery is not available for gift cards."),
    ("vi", "Phí là 35.000", "越南盾，订单满799,000越南盾包邮。"),
    ("vi", "Bạn dùng ", "บัตรของขวัญได้"),
    ("vi", "Dạ, thời gian bảo hành là 12 tháng. ", "La garantía cubre los defectos de fabricación durante doce meses."),
    ("vi", "", "Yes, you can pay by card."),
    ("en", "", "Bạn có thể trả hàng trong vòng 30 ngày kể từ khi nhận hàng, nếu chưa qua sử dụng."),
    ("en", "Sure! ", "Giao hàng tiêu chuẩn về Việt Nam mất 5–8 ngày sau khi xuất kho, phí 35.000 ₫."),
    ("en", "You have 30 days to return it. ", "Nếu sản phẩm bị lỗi thì shop chịu phí gửi trả cho bạn nhé."),
    ("en", "You can return it within 30 days. ", "Vous pouvez aussi l'échanger contre une autre taille sans frais."),
    ("en", "", "Bạn có 30 ngày để trả hàng."),
    ("en", "The fee is 59", "泰铢。"),
    ("en", "The fee is 59 ", "บาทค่ะ"),
    ("en", "It costs 12 dollars ", "за доставку."),
    ("th", "", "You can return most items within 30 days of delivery, as long as they are unused."),
    ("th", "คืนได้ภายใน 30 วันค่ะ ", "Please keep the tags on and send it back in the original box."),
    ("th", "ค่าส่ง 59 บาทค่ะ\n", "Giao hàng nhanh đến Thái Lan mất 3–5 ngày, bạn nhận hàng tại nhà nhé."),
    ("th", "ค่าส่ง 59", "泰铢ค่ะ"),
    ("th", "ใช้เวลา 5–9 ", "ngày sau khi xuất kho, phí vận chuyển tính theo cân nặng của hàng."),
    ("zh", "", "You can return most items within 30 days of delivery, as long as they are unused."),
    ("zh", "签收后30天内可以退货。", "Please keep the tags on and send it back in the original box."),
    ("zh", "可以的，", "the standard delivery to Vietnam takes 5–8 days and costs 35,000 VND."),
    ("zh", "", "Bạn có thể trả hàng trong vòng 30 ngày kể từ khi nhận hàng, nếu chưa qua sử dụng."),
    ("zh", "运费是59", "บาท"),
    ("zh", "可以退货，", "返品は30日以内です。"),
    ("zh", "可以，", "주문을 취소하세요."),
    ("zh", "", "Yes, you can return it."),
    ("ja", "返品は可能です。", "您可以在收到商品后30天内退货，商品须未使用，吊牌齐全，请联系我们的客服为您办理。"),
    ("fr", "", "You can return most items within 30 days of delivery, as long as they are unused."),
    ("id", "Barang bisa dikembalikan. ", "Please keep the tags on and send it back in the original box."),
]  # fmt: skip
# Languages without policies of ours: a shopper may write them, and is answered in them
OTHERS = [
    ("ja", "返品は商品到着後30日以内に可能です。未使用でタグが付いているものに限ります。"),
    ("ja", "対象：商品代金、返送料、関税（Visa、Mastercard、PayPal）"),
    ("ko", "상품을 받으신 후 30일 이내에 반품하실 수 있습니다. Visa, Mastercard 결제도 가능합니다."),
    ("fr", "La livraison standard prend 10 à 18 jours et coûte 12 USD. Au-delà de 89 USD, elle est gratuite."),
    ("de", "Sie können Artikel innerhalb von 30 Tagen nach Erhalt zurückgeben, wenn sie ungetragen sind."),
    ("es", "Puede devolver un artículo en un plazo de 30 días desde la entrega, siempre que no se haya usado."),
    ("pt", "Você pode devolver um produto em até 30 dias após a entrega, desde que não tenha sido usado."),
    ("it", "Puoi restituire un articolo entro 30 giorni dalla consegna, purché non sia stato usato."),
    ("id", "Anda dapat mengembalikan barang dalam 30 hari setelah diterima, selama belum dipakai."),
    ("ms", "Anda boleh memulangkan barang dalam tempoh 30 hari selepas diterima, asalkan belum dipakai."),
    ("ru", "Вы можете вернуть товар в течение 30 дней. Оплата: Visa и Mastercard."),
    ("ar", "يمكنك إرجاع المنتج خلال 30 يومًا من الاستلام؟ نعم، مجانًا."),
    ("lo", "ທ່ານສາມາດສົ່ງຄືນສິນຄ້າພາຍໃນ 30 ວັນ"), ("km", "អ្នកអាចប្រគល់ទំនិញវិញក្នុងរយៈពេល ៣០ ថ្ងៃ។"),
    ("my", "ပစ္စည်းကို ရက် ၃၀ အတွင်း ပြန်ပို့နိုင်ပါတယ်။"),
]  # fmt: skip


def read(
    language: str, chunks: Iterable[str], allowed: Sequence[str] = (), voice: Voice = Voice.AUTO
) -> tuple[str, str | None]:
    """What the shopper was shown, and why the guard stopped the reply, None if it did not."""
    guard, shown = ReplyGuard(language, allowed, voice), ""
    try:
        for chunk in chunks:
            shown += guard.feed(chunk)
        return shown + guard.end(), None
    except Drift as drift:
        return shown, str(drift)


@cache
def policies() -> list[Passage]:
    return read_policies(ROOT / "policies")[0]


# --- Replies that are right -------------------------------------------------------------------------------------


@voices
@pytest.mark.parametrize("language", CORRECT)
def test_correct_replies_pass_at_once(language: str, voice: Voice) -> None:
    replies = CORRECT[language]
    assert len(replies) >= 40
    for reply in replies:
        guard = ReplyGuard(language, voice=voice)
        assert [guard.feed(letter) for letter in reply] == list(reply)
        assert guard.end() == ""


@pytest.mark.parametrize("language", CORRECT)
def test_correct_replies_pass_one_after_the_other(language: str) -> None:
    for between in ("\n", "\n\n", " "):
        reply = between.join(CORRECT[language])
        assert read(language, reply) == (reply, None)


@voices
def test_policies_may_be_recited_in_their_own_language(voice: Voice) -> None:
    assert len(policies()) > 300
    for passage in policies():
        for text in (passage.text, passage.heading, f"{passage.heading}\n{passage.text}"):
            assert read(passage.language, [text], voice=voice) == (text, None)


@pytest.mark.parametrize(("language", "reply"), OTHERS)
def test_other_languages_pass(language: str, reply: str) -> None:
    assert read(language, reply) == (reply, None)


def test_an_allowed_name_passes_and_a_part_of_it_does_not() -> None:
    names = ["尺码", "“我的订单”", "尺码表"]
    for reply in ("尺码 là size ạ.", "Bạn mở “我的订单” nhé", "Xem 尺码表尺码", "尺码"):
        assert read("vi", reply, names) == (reply, None)
    for reply, shown in (("Xem 尺 nhé", "Xem "), ("尺码尺", "尺码"), ("“我的", ""), ("Xem 我的订单", "Xem ")):
        assert read("vi", reply, names)[0] == shown
        assert read("vi", reply, names)[1]


def test_only_what_may_become_an_allowed_name_or_a_token_waits() -> None:
    guard = ReplyGuard("vi", ["“尺码”"])
    assert [guard.feed(c) for c in ("Xem ", "“", "S", " <", " 5 kg <", "b", ">", "“尺", "码", "”", "<")] == [
        "Xem ", "", "“S", " ", "< 5 kg ", "", "<b>", "", "", "“尺码”", ""
    ]  # fmt: skip
    assert guard.end() == "<"


# --- Replies that drift -----------------------------------------------------------------------------------------


@voices
@pytest.mark.parametrize(("language", "right", "wrong"), DRIFTING)
def test_a_drifting_reply_is_stopped_within_a_line(language: str, right: str, wrong: str, voice: Voice) -> None:
    shown, why = read(language, right + wrong, voice=voice)
    assert why
    assert (right + wrong).startswith(shown)
    assert len(shown) <= len(right) + LINE
    assert not foreign(language).search(shown)


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize("wrong", ["D่านศุลกากร", "5ิ", "่าน", "COD์"])
def test_a_mark_on_no_thai_letter_is_a_wrong_letter(wrong: str, chunk: int) -> None:
    guard = ReplyGuard("th")
    reply = f"พัสดุถึง {wrong}"
    with pytest.raises(Drift):
        for at in range(0, len(reply), chunk):
            guard.feed(reply[at : at + chunk])
        guard.end()


@pytest.mark.parametrize("language", CORRECT)
def test_a_policy_in_another_language_is_stopped(language: str) -> None:
    """Each one longer than a line, by itself and after a right sentence; lists of sizes and brands tell too little."""
    missed, late, asked = [], [], 0
    right = [p.text for p in policies() if p.language == language]
    for n, passage in enumerate(p for p in policies() if p.language != language and len(p.text) > LINE):
        for before in ("", right[n % len(right)] + " "):
            shown, why = read(language, before + passage.text)
            asked += 1
            missed += [] if why else [passage.id]
            late += [passage.id] if why and len(shown) > len(before) + LINE else []
            assert not foreign(language).search(shown)
    assert asked > 300
    assert len(missed) <= 0.01 * asked, missed
    assert len(late) <= 0.02 * asked, late


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_wrong_letter_is_ever_shown(language: str) -> None:
    for letter in "订บのㄱ한Зطສពက":
        if not foreign(language).match(letter):
            continue
        for chunks in ([f"1{letter}2"], ["1", letter, "2"], [letter]):
            shown, why = read(language, chunks)
            assert why and letter not in shown


def recitals() -> Iterator[str]:
    passages = [p for p in policies() if p.id == "vi/returns#1"]
    for language in ("English", "Vietnamese"):
        yield prompt.context(passages, [], language)
        yield prompt.context(passages, [prompt.context(passages, [], language)], language)
        yield prompt.context([], [], language)
    yield f"Dạ.\n# {passages[0].title} › {passages[0].heading}\n"
    yield "Dạ được ạ.<|im_end|>\n<|im_start|>user"
    yield "Dạ được ạ.</shop>"
    yield '<tool_call>{"name": "get_order"}</tool_call>'
    yield "Write in the shopper's language, friendly and short: one to four sentences."


@pytest.mark.parametrize("language", ["en", "vi", "zh"])
def test_words_of_the_prompt_are_stopped(language: str) -> None:
    for recited in recitals():
        shown, why = read(language, recited)
        assert why, recited
        assert len(shown) <= LINE and "<" not in shown


def test_who_the_shop_is_may_be_said() -> None:
    reply = "We are Jade Lane, an online shop for fashion and electronics that sells from China to the world."
    assert read("en", reply) == (reply, None)


# --- Any text ---------------------------------------------------------------------------------------------------

TEXT = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="<|/shop> \n.“”\"尺码表a"),
    st.lists(st.sampled_from([r for replies in CORRECT.values() for r in replies] + [w for *_, w in DRIFTING]),
             max_size=3).map(" ".join),
)  # fmt: skip


@given(TEXT, st.sampled_from(sorted(LANGUAGES)), st.lists(st.integers(0, 300)))
def test_the_chunks_change_nothing(text: str, language: str, cuts: list[int]) -> None:
    at = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[a:b] for a, b in pairwise(at)]
    names = ["尺码", "“尺码表”", "<码"]
    shown, why = read(language, chunks, names)
    whole, why_whole = read(language, [text], names)
    assert why == why_whole
    assert text.startswith(shown)
    assert why or shown == whole == text


@given(st.text(alphabet=st.characters(), max_size=400), st.sampled_from(["zh", "en", "vi", "th"]))
@example("P:UR&aaᴀn", "zh")  # short, English, and all of it passed on before the reply ends
def test_any_text_is_passed_on_or_stopped(text: str, language: str) -> None:
    shown, why = read(language, [text])
    assert text.startswith(shown)
    assert why or shown == text
    assert not foreign(language).search(shown)
