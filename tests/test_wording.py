"""Whether a sentence joins a product's data as the data does: what is true of a part is not said of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kefu.config import ROOT
from kefu.products.claims import one_line
from kefu.products.wording import unfounded
from shop.catalog import OwnCatalogue
from shop.database import open_database
from shop.seed import seed
from shop.store import MIGRATIONS
from shop.views import Names, Product
from tests.small_products import CATALOGUE, LANGUAGES, product


def wrong(said: str, goods: str | Product = "quiet-scarf", language: str = "en") -> list[str]:
    one = product(goods, language) if isinstance(goods, str) else goods
    return unfounded(said, one, (), language)


def told(names: Names, about: Names, **attributes: tuple[Names, ...]) -> Product:
    """A product of these words."""
    plain = product("quiet-scarf")
    return plain.model_copy(update={"names": names, "descriptions": about, "attributes": attributes})


COAT = told(
    {"en": "Long wool coat", "zh": "仿真丝长款大衣", "vi": "Áo măng tô dáng dài", "th": "เสื้อโค้ทยาว"},
    {
        "en": "A belt at the waist, pockets that are not waterproof, and room for a scarf when it snows.",
        "zh": "腰间有系带，袋口不防水，内里手工缝制。",
        "vi": "Túi khoá kéo, viền cuốn tay, không nhăn.",
        "th": "ขอบม้วนด้วยมือ ไม่กันน้ำ มีกระเป๋าสองข้าง",
    },
    material=({"en": "wool", "zh": "羊毛", "vi": "len lông cừu", "th": "ขนแกะ"},),
    neckline=({"en": "lapel", "zh": "翻领", "vi": "ve áo", "th": "ปกแบะ"},),
    sleeve=({"en": "long", "zh": "长袖", "vi": "dài", "th": "แขนยาว"},),
)


@pytest.mark.parametrize(
    ("said", "goods", "language"),
    [
        ("A plain silk scarf for women, 90 cm square.", "quiet-scarf", "en"),
        ("Pure silk in one colour, with edges rolled by hand.", "quiet-scarf", "en"),
        ("A scarf with rolled edges.", told({"en": "Scarf"}, {"en": "Rolled edges."}), "en"),
        ("真丝单色的素心真丝丝巾，手工卷边。", "quiet-scarf", "zh"),
        ("Khăn lụa trơn Lặng, viền cuốn tay.", "quiet-scarf", "vi"),
        ("ผ้าพันคอไหมเรียบสงบ ริมม้วนด้วยมือ ขนาด 90 ซม.", "quiet-scarf", "th"),
        ("A wool coat with a lapel and long sleeves.", COAT, "en"),
        ("6000毫安时的长跑手机。", "marathon-phone", "zh"),
        ("羊毛的长款大衣。", COAT, "zh"),
        ("A coat with a belt at the waist, and pockets that are not waterproof.", COAT, "en"),
        ("Silk with an edge rolled by hand.", "quiet-scarf", "en"),
        ("A phone with a weight of 210 g.", "marathon-phone", "en"),
        ("A phone with a 6,000 mAh battery.", "marathon-phone", "en"),
    ],
)
def test_data_in_its_own_words_is_told(said: str, goods: str | Product, language: str) -> None:
    assert wrong(said, goods, language) == []


@pytest.mark.parametrize(
    ("said", "goods", "language"),
    [
        ("A hand rolled silk scarf.", "quiet-scarf", "en"),  # its edges are
        ("Hand scarf.", "quiet-scarf", "en"),
        ("A wool coat with lapel sleeves.", COAT, "en"),
        ("A coat with waterproof pockets.", COAT, "en"),
        ("A coat with pockets that are waterproof.", COAT, "en"),
        ("A coat for snows.", told({"en": "Coat"}, {"en": "Not for snow."}), "en"),
        ("A scarf with room for a coat belt.", COAT, "en"),
        ("手工真丝丝巾。", "quiet-scarf", "zh"),
        ("真丝长款大衣。", COAT, "zh"),  # an imitation
        ("6000毫安时的5G。", "marathon-phone", "zh"),
        ("腰间有系带的翻领。", COAT, "zh"),
        ("袋口防水。", COAT, "zh"),
        ("Khăn lụa cuốn tay.", "quiet-scarf", "vi"),
        ("Áo măng tô nhăn.", COAT, "vi"),
        ("ผ้าพันคอม้วนด้วยมือ", "quiet-scarf", "th"),
        ("เสื้อโค้ทยาว กันน้ำ", COAT, "th"),
        ("A scarf, 90 mm square.", "quiet-scarf", "en"),
        ("A scarf made of plain.", "quiet-scarf", "en"),
        ("A phone with a battery.", "feather-phone", "en"),
        ("A phone with a screen and a weight for 5G.", "marathon-phone", "en"),
        ("A phone with a weight of 6000 mAh.", "marathon-phone", "en"),
        ("Quiet silk scarfs.", "quiet-scarf", "en"),
        ("Khăn lụa bằng nữ.", "quiet-scarf", "vi"),
        ("A scarf, 90 cm wide.", "quiet-scarf", "en"),
        ("Women or men.", told({"en": "Scarf"}, {}, of=({"en": "women"}, {"en": "men"})), "en"),
        ("A scarf that smells of roses.", "quiet-scarf", "en"),
        ("闻起来很香的丝巾。", "quiet-scarf", "zh"),
        ("ผ้าพันคอหอมกรุ่น", "quiet-scarf", "th"),
    ],
)
def test_what_is_joined_wrongly_or_not_there_is_named(said: str, goods: str | Product, language: str) -> None:
    assert wrong(said, goods, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("goods", [goods.id for goods in CATALOGUE])
def test_its_own_name_and_description_may_be_said(goods: str, language: str) -> None:
    one = product(goods, language)
    assert wrong(one.names[language], one, language) == []
    assert wrong(one_line(one.descriptions[language]), one, language) == []


@pytest.mark.parametrize(("said", "language"), [("", "en"), ("…", "th"), (" , ", "vi"), ("and", "en"), ("的。", "zh")])
def test_what_says_nothing_is_no_lie(said: str, language: str) -> None:
    assert wrong(said, language=language) == []


async def test_no_sentence_that_was_found_untrue_would_be_shown_again(tmp_path: Path) -> None:
    """And most of those that were found true would: sentences of the model's about the demo shop, read one by one."""
    engine = await open_database(f"sqlite:///{tmp_path / 'kefu.db'}", MIGRATIONS)
    await seed(engine, ROOT / "data")
    read = yaml.safe_load((ROOT / "evals" / "reasons_read.yaml").read_text(encoding="utf-8"))
    products = {one.id: one for one in await OwnCatalogue(engine).products([row["product"] for row in read])}
    await engine.dispose()
    untrue = [row for row in read if "untrue" in row]
    true = [row for row in read if "untrue" not in row]

    def caught(row: dict[str, str]) -> bool:
        return bool(unfounded(row["text"], products[row["product"]], (), row["language"]))

    assert len(untrue) >= 9 and [row["text"] for row in untrue if not caught(row)] == []
    assert sum(map(caught, true)) < 0.1 * len(true)
