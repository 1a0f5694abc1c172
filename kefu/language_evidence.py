"""What a message's letters and words say about its language: scripts, Vietnamese letters, telling words.

Knows no conversation, no detector and no shop; `kefu.languages` weighs what is found here.
"""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 4000  # of a message that are looked at
MAX_WORDS = 150

_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[!-~]+"
    r"|(?<![\w.%+-])[A-Za-z0-9_.%+-]++@[A-Za-z0-9.-]+"
    r"|(?<![\w.-])[A-Za-z0-9-]++\.(?:com|net|org|shop|store|vn|cn|th|co|io)\b[!-~]*"
    r"|(?<![\w.-])[\w-]++\.(?:jpe?g|png|gif|heic|webp|pdf|mp4|mov)\b",
    re.IGNORECASE,
)
# A word, digits included, so that "W2611340" and "3ngay" are dropped whole. Letters of other scripts end it: in
# "2024年是什么" and "iPhone15有货吗" only the part before the Han character goes.
_WORD = re.compile(rf"[0-9_{_LATIN}]+(?:'[{_LATIN}]+)?")
_VIETNAMESE = re.compile("[ơưđ\u1ea0-\u1ef9]")  # not ă, which Romanian has too
_LOANED_KANA = "のノ・ー"  # Chinese shop names and dashes

# Characters that make about one word, so that scripts can be compared with each other and with Latin words.
SCRIPTS: dict[str, tuple[re.Pattern[str], float]] = {
    name: (re.compile(f"[{ranges}]"), chars)
    for name, ranges, chars in (
        ("Thai", "\u0e01-\u0e3a\u0e40-\u0e4e", 4.0),
        ("Han", "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af", 1.5),
        ("Kana", "\u3041-\u30ff", 2.0),
        ("Hangul", "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3", 2.5),
        ("Cyrillic", "\u0400-\u04ff", 5.0),
        ("Arabic", "\u0620-\u06ff", 4.0),
        ("Lao", "\u0e81-\u0edf", 4.0),
        ("Khmer", "\u1780-\u17ff", 4.0),
        ("Burmese", "\u1000-\u109f", 4.0),
        ("Hebrew", "\u0590-\u05ff", 4.0),
        ("Devanagari", "\u0900-\u097f", 4.0),
        ("Bengali", "\u0980-\u09ff", 4.0),
        ("Tamil", "\u0b80-\u0bff", 5.0),
    )
}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Said in a shop in any language: greetings, sizes, loans of commerce, brands, places. They change nothing.
SAYS_NOTHING = _set("""
    ok oke okay okey okie oki okela yes yep no hi hii hello helo hey alo bye thanks thank thankyou thx tks ty sorry
    pls plz haha hehe hihi huhu lol wow hmm oh uh um ad admin shop store ship shipping freeship size sale off order
    cod vip app web link email mail inbox ib check voucher code coupon combo set feedback review model full box fake
    auth authentic hot new free online live chat bot video photo id qr pin usb wifi sim led pro max mini plus ultra
    lite series edition case cover xs s m l xl xxl xxxl fit form oversize freesize unisex cotton polyester jean
    jeans denim short shorts legging hoodie blazer vest sneaker sneakers top bag t shirt tshirt pc laptop tablet
    smartphone smartwatch bluetooth kg g mg cm mm ml usd vnd vnđ thb rmb cny eur jpy gbp baht dong iphone ipad imac
    macbook airpods magsafe apple samsung galaxy xiaomi redmi huawei oppo vivo realme sony lg asus lenovo dell hp
    canon nike adidas puma uniqlo zara hm gucci dior chanel prada lv shein levi levis casio anker logitech jbl
    kindle gopro dji android ios windows google facebook fb messenger zalo line whatsapp instagram ig tiktok youtube
    wechat alipay paypal visa mastercard amex jcb unionpay momo zalopay vnpay promptpay truemoney kbank scb shopee
    lazada tiki taobao tmall jd pinduoduo amazon ebay aliexpress dhl ups ems fedex ghn ghtk spx jt kerry sf vnpost
    jade lane vietnam viet thailand thai china hanoi saigon hcm hcmc bangkok phuket pattaya chiangmai danang
    shanghai beijing guangzhou shenzhen taiwan hongkong hong kong singapore malaysia japan korea usa uk
""")

# Frequent words of each. Those that are frequent in both ("the", "can", "may", "hang") are in both, and tell nothing.
ENGLISH = _set("""
    i me my mine you your he him his she her it its we us our they them their this that these those there here who
    whom whose which what where when why how the an some any all each every more most much many other another such
    own same is are were am be been being i'm it's i've i'd i'll you're they're we're don't doesn't didn't can't
    won't isn't aren't wasn't haven't hasn't couldn't wouldn't shouldn't do does did done have has had would should
    could must shall may might can not to of in on for from with without by at as and or but so if because about
    into after before until while between during through over against under both than then also just only too very
    really still yet a u ur im ive dont doesnt didnt cant whats wheres please want need get got give take make use
    find look go see know tell help ask buy sell pay send return refund cancel change cost open close arrive come came
    work works keep call try wear think said back out down again now never always right wrong good bad big small new
    old first last next time week month year people nothing something anything nobody long hang let men day song ten
    one two
""")
VIETNAMESE = _set("""
    toi tui minh em anh chi ban cua la va voi nhung nhieu khong hong khum hok ko hk hem chua roi duoc dc bao lau gi
    nao sao dau khi neu thi ma nay kia do day vay vi nen cho tu den ra vao len xuong lai di ve o mua tra doi giao
    nhan gui hang hoa hoan tien gia dat huy phi bn nhiu bnh mk mn nv sp sdt ntn vs cai chiec ao quan giay dep dam
    mau xanh trang vang tim nau con co het kho giam khuyen mai uu dai nguoi nuoc ngoai thanh toan the thoi han khoan
    vien kiem tinh ngay tuan thang nam gio phut truoc sau trong tren duoi giua moi tat ca cac mot nhat rat qua lam
    hon kem hay hoac nhe nha nhi a da thua cam on xin chao muon can biet hoi giup xem chon thay sua loi hu rach hanh
    chinh sach dieu kien ho tro lien he dia dien thoai khach phai bi dang se tung nhu theo boi tai cung deu van it
    hai ba bon bay tam chin muoi tram nghin trieu dong loai kich thuoc rong chat luong vai that gap nhanh cham som
    tre lo quen thieu du cu khac giong nguyen nua luon an no me so to them than ten in long men may song noi viec
    duong thuong goi ben dung cach lan bang vua
""")

_OF_ONE = ENGLISH ^ VIETNAMESE

_RIMES = (
    "a|ac|ach|ai|am|an|ang|anh|ao|ap|at|au|ay|e|ec|ech|em|en|eng|enh|eo|ep|et|eu|i|ia|ich|iec|iem|ien|ieng|iep|iet|ieu|im|in|inh"
    "|ip|it|iu|o|oa|oac|oach|oai|oam|oan|oang|oanh|oat|oay|oc|oe|oen|oeo|oet|oi|om|on|ong|oong|op|ot|u|ua|uan|uang|uat|uay|uc"
    "|ue|uech|uenh|ui|um|un|ung|uoc|uoi|uom|uon|uong|uop|uot|uou|up|ut|uu|uy|uya|uych|uyen|uyet|uynh|uyt|y|yem|yen|yet|yeu"
)
_SYLLABLE = re.compile(f"(?:ngh|ng|nh|ch|gh|gi|kh|ph|qu|th|tr|[bcdghklmnpqrstvx])?(?:{_RIMES})")
_PLAINLY = re.compile("ng|nh|kh|.*(?:ie[cmnptu]|uo|uye|[aeiy]nh)")  # of them, those that English hardly has


def clean(text: str) -> str:
    """Compatibility forms folded, addresses and lone surrogates out, and no longer than is useful."""
    text = text[:MAX_CHARS].encode("utf-8", "ignore").decode("utf-8").replace("’", "'")
    return _ADDRESS.sub(" ", unicodedata.normalize("NFKC", text)[:MAX_CHARS])


def script(text: str) -> tuple[str, float, float] | None:
    """The script that decides, other than Latin: (name, its share among such scripts, its size in words)."""
    if text.isascii():
        return None
    sizes = {name: len(pattern.findall(text)) / chars for name, (pattern, chars) in SCRIPTS.items()}
    total = sum(sizes.values())
    if not total:
        return None
    if sizes["Kana"]:
        kana = [c for c in SCRIPTS["Kana"][0].findall(text) if c not in _LOANED_KANA]
        han = len(SCRIPTS["Han"][0].findall(text))
        winner, loser = ("Kana", "Han") if not han or len(kana) >= 0.08 * (len(kana) + han) else ("Han", "Kana")
        sizes[winner] += sizes.pop(loser)
    name = max(sizes, key=lambda script: sizes[script])
    return name, sizes[name] / total, sizes[name]


def telling_words(text: str) -> tuple[list[str], bool]:
    """The Latin words of a cleaned text that may tell its language, lower-case, and whether they may change it.

    No digits in them, no brands, no loans. Names tell little: words with a capital are left out, but for the first and
    frequent ones; what is only a name, or a single word without Vietnamese letters, may not.
    """
    words = [found.removesuffix("'s") for found in _WORD.findall(text.lower() if text.isupper() else text)]
    telling = [w for w in words if w.replace("'", "").isalpha() and w.lower() not in SAYS_NOTHING][:MAX_WORDS]
    lower = [w.lower() for w in telling]
    plain = [low for i, low in enumerate(lower) if not i or low == telling[i] or low in _OF_ONE]
    several = sum(len(w) > 1 for w in plain) >= 2
    marked = any(len(w) > 1 and w.islower() and _VIETNAMESE.search(w) for w in telling)
    return plain if several else lower, several or marked


def vietnamese_letters(words: list[str]) -> int:
    """In how many words there are letters that only Vietnamese has."""
    return sum(bool(_VIETNAMESE.search(word)) for word in words)


def carry(words: list[str], other_size: float) -> bool:
    """Whether Latin words carry the sentence that text of another script, this many words long, is only quoted in.

    Names of products do not: it takes frequent English or Vietnamese words.
    """
    frequent = sum(word in ENGLISH or word in VIETNAMESE for word in words) + vietnamese_letters(words)
    return frequent >= 2 and len(words) >= 3 and len(words) + 2 * frequent > 2.5 * other_size


def without_quotes(words: list[str]) -> list[str]:
    """An English sentence without the words that it only names: "is the bánh tráng back" -> is, the, back."""
    plain = [word for word in words if word.isascii()]
    return plain if english_words(words) >= max(2, len(words) - len(plain)) else words


def english_words(words: list[str]) -> int:
    """How many are frequent English words that are not also Vietnamese without marks."""
    return sum(word in _OF_ONE and word in ENGLISH for word in words)


def vietnamese_votes(words: list[str]) -> float:
    """Each word votes for Vietnamese, marks or not, or against it; a frequent word counts as three others."""
    votes = 0.0
    for word in words:
        if word in VIETNAMESE or word in ENGLISH:
            votes += 1.5 * ((word in VIETNAMESE) - (word in ENGLISH))
        elif not word.isascii():
            votes += 1.5 * bool(_SYLLABLE.fullmatch(_bare(word)))
        elif len(word) > 1:
            votes += (1.0 if _PLAINLY.match(word) else 0.5) if _SYLLABLE.fullmatch(word) else -0.5
    return votes


def _bare(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word.replace("đ", "d")) if not unicodedata.combining(c))
