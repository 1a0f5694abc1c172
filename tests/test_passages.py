"""Policy files become passages; what is wrong in them is named with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rag.passages import MAX_CHARS, Passage, fingerprint, read_policies, split

FRONT = "---\ntitle: Returns\nregion: all\n---\n"


def put(folder: Path, source: str, text: str | bytes) -> None:
    path = folder / source
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def read_one(folder: Path, text: str | bytes) -> list[Passage]:
    put(folder, "en/returns.md", text)
    passages, problems = read_policies(folder)
    assert problems == []
    return passages


def test_every_heading_makes_a_passage(tmp_path: Path) -> None:
    front = (
        "---\ntitle: Đổi trả\ntopic: returns\nregion: [vn, TH]\neffective_from: 2026-01-01\n"
        "effective_until: 2026-12-31\nowner: a@jadelane.example\n---\n"
    )
    body = "## Bao lâu?\n30 ngày.\n\n- còn tem\n## Ai trả phí?\n### Việt Nam\n60.000 ₫\n"
    put(tmp_path, "vi/returns.md", front + body)
    passages, problems = read_policies(tmp_path)
    assert problems == []
    assert passages[0] == Passage(
        id="vi/returns#1",
        policy="returns",
        section=1,
        language="vi",
        title="Đổi trả",
        heading="Bao lâu?",
        text="30 ngày.\n\n- còn tem",
        region=("VN", "TH"),
        effective_from=date(2026, 1, 1),
        effective_until=date(2026, 12, 31),
        source="vi/returns.md",
    )
    assert passages[0].embedded_text == "Đổi trả › Bao lâu?\n30 ngày.\n\n- còn tem"
    assert [(p.id, p.text) for p in passages[1:]] == [("vi/returns#2", "### Việt Nam\n60.000 ₫")]


def test_text_before_the_first_heading_is_section_0(tmp_path: Path) -> None:
    passages = read_one(tmp_path, FRONT + "# Returns\nWe are glad to help.\n## When\n30 days.\n")
    assert [(p.id, p.heading, p.text) for p in passages] == [
        ("en/returns#0", "", "We are glad to help."),
        ("en/returns#1", "When", "30 days."),
    ]
    assert passages[0].embedded_text == "Returns\nWe are glad to help."


def test_hashes_in_code_fences_are_text(tmp_path: Path) -> None:
    body = "## One\n```\n## not a heading\n```\n~~~ sh\n## nor this\n```\n~~~\n```inline```\n## Two ##\nb\n#hashtag\n"
    passages = read_one(tmp_path, FRONT + body)
    assert [p.heading for p in passages] == ["One", "Two"]
    assert "## not a heading" in passages[0].text and "## nor this" in passages[0].text
    assert passages[1].text == "b\n#hashtag"


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_windows_and_old_mac_files_with_bom_read_the_same(tmp_path: Path, newline: str) -> None:
    text = FRONT + "## When\n30 days.\nUnused.\n"
    plain = read_one(tmp_path, text)
    assert read_one(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", newline).encode()) == plain


def test_norway_is_a_country(tmp_path: Path) -> None:
    (passage,) = read_one(tmp_path, "---\ntitle: Yes\nregion: [NO]\n---\n## A\nb\n")
    assert (passage.title, passage.region) == ("Yes", ("NO",))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "empty"),
        ("## A\nb\n", 1, "must begin with front matter"),
        ("---\ntitle: A\n## A\nb\n", 1, "no closing line ---"),
        ("---\ntitle: A\nregion: [VN\nowner: a\n---\n## A\nb\n", 4, "not valid YAML"),
        ("---\ntitle: A\nowner: 'a\nregion: all\n---\n## A\nb\n", 3, "not valid YAML"),
        ("---\n\ttitle: A\n---\n## A\nb\n", 2, "not valid YAML"),
        ("---\ntitle: A: b\n---\n## A\nb\n", 2, "not valid YAML"),
        ("---\ntitle: A\nowner: a\x07\n---\n## A\nb\n", 3, "U+0007"),
        ("---\n- title\n---\n## A\nb\n", 2, "key: value"),
        ("---\nregion: all\n---\n## A\nb\n", 1, "title: is missing"),
        ("---\ntitle: ''\n---\n## A\nb\n", 2, "title: "),
        ("---\ntitle: A\nregoin: all\n---\n## A\nb\n", 3, "regoin: unknown key"),
        ("---\ntitle: A\nregion: all\ntitle: B\n---\n## A\nb\n", 4, "title: written twice"),
        ("---\ntitle: A\ntopic: refunds\n---\n## A\nb\n", 3, "topic: must be the file's name, 'returns'"),
        ("---\ntitle: A\nregion: Vietnam\n---\n## A\nb\n", 3, "region: write all, or a list"),
        ("---\ntitle: A\nregion:\n  - VN\n  - THA\n---\n## A\nb\n", 3, "region: write all, or a list"),
        ("---\ntitle: A\nregion: []\n---\n## A\nb\n", 3, "region: write all, or a list"),
        ("---\ntitle: A\n\neffective_from: 2026-02-30\n---\n## A\nb\n", 4, "'2026-02-30' is not a date"),
        (
            "---\ntitle: A\neffective_until: 2026-01-01\neffective_from: 2026-01-02\n---\n## A\nb\n",
            3,
            "effective_until: is before effective_from (2026-01-02)",
        ),
        ("---\ntitle: A\n---\n\n", 3, "no section"),
        (b"---\ntitle: A\n---\n## A\nb\xe9\n", 5, "not UTF-8 (byte 0xe9)"),
    ],
)
def test_bad_file_is_named_with_its_line_and_the_rest_is_read(
    tmp_path: Path, text: str | bytes, line: int, message: str
) -> None:
    put(tmp_path, "en/returns.md", text)
    put(tmp_path, "en/shipping.md", FRONT + "## When\n3 days.\n")
    passages, (problem,) = read_policies(tmp_path)
    assert [p.id for p in passages] == ["en/shipping#1"]
    assert (problem.source, problem.line) == ("en/returns.md", line)
    assert message in problem.message
    assert str(problem).startswith(f"en/returns.md:{line}: ")


def test_every_bad_key_of_a_file_is_named(tmp_path: Path) -> None:
    put(tmp_path, "en/returns.md", "---\ntitle: A\nregion: x\nfoo: 1\n---\n## A\nb\n")
    assert [p.line for p in read_policies(tmp_path)[1]] == [3, 4]


def test_section_without_text_is_named_and_keeps_its_number(tmp_path: Path) -> None:
    put(tmp_path, "en/returns.md", FRONT + "## One\n\n## Two\ntext\n")
    passages, (problem,) = read_policies(tmp_path)
    assert [p.id for p in passages] == ["en/returns#2"]
    assert (problem.line, problem.message) == (5, "section 'One' has no text")


def test_folder_and_file_names_are_checked(tmp_path: Path) -> None:
    for source in ("drafts/returns.md", "en/My Returns.md", "zh-TW/returns.md"):
        put(tmp_path, source, FRONT + "## A\nb\n")
    passages, problems = read_policies(tmp_path)
    assert [p.id for p in passages] == ["zh-TW/returns#1"]
    assert [(p.source, p.line) for p in problems] == [("drafts/returns.md", 1), ("en/My Returns.md", 1)]


def test_hidden_files_other_files_and_links_out_of_the_folder_are_ignored(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    put(tmp_path, "secret.md", FRONT + "## Secret\nx\n")
    for source in ("en/.returns.md", ".git/returns.md", "en/notes.txt", "README.md", "en/deep/returns.md"):
        put(policies, source, FRONT + "## Hidden\nx\n")
    put(policies, "en/real.md", FRONT + "## Real\nx\n")
    (policies / "en" / "out.md").symlink_to(tmp_path / "secret.md")
    (policies / "en" / "dead.md").symlink_to(policies / "nowhere.md")
    (policies / "en" / "loop.md").symlink_to(policies / "en" / "loop.md")
    (policies / "en" / "within.md").symlink_to(policies / "en" / "real.md")
    passages, problems = read_policies(policies)
    assert ([p.id for p in passages], problems) == (["en/real#1", "en/within#1"], [])


def test_missing_folder_is_a_problem(tmp_path: Path) -> None:
    passages, (problem,) = read_policies(tmp_path / "nowhere")
    assert passages == [] and "no such folder" in problem.message


def test_long_section_is_cut_at_paragraphs_into_parts_of_one_section(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {n}. " + "A sentence of some length stands here. " * 12 for n in range(5)]
    passages = read_one(tmp_path, FRONT + "## Long\n" + "\n\n".join(paragraphs) + "\n## Next\nx\n")
    assert [p.id for p in passages] == [
        *("en/returns#1", "en/returns#1.2", "en/returns#1.3", "en/returns#1.4", "en/returns#1.5"),
        "en/returns#2",
    ]
    assert [p.text for p in passages[:5]] == [p.strip() for p in paragraphs]
    assert {p.section for p in passages[:5]} == {1} and {p.heading for p in passages[:5]} == {"Long"}


@pytest.mark.parametrize("unit", ["Đổi trả trong 30 ngày. ", "可以在30天内退货。", "คืนสินค้าได้ภายในสามสิบวัน ", "x"])
def test_splitting_loses_nothing_and_keeps_the_limit(unit: str) -> None:
    text = (unit * 3000)[:20_000].strip()
    parts = list(split(text, MAX_CHARS))
    assert all(MAX_CHARS // 2 < len(part) <= MAX_CHARS for part in parts[:-1])
    assert "".join("".join(parts).split()) == "".join(text.split())
    if unit != "x":
        assert all(unit.strip().endswith(part[-1]) for part in parts[:-1])


def test_content_hash_changes_with_whatever_search_or_display_uses(tmp_path: Path) -> None:
    front = "---\ntitle: {}\nregion: {}\neffective_from: {}\nowner: {}\n---\n## {}\n{}\n"
    base = ["T", "all", "2026-01-01", "a", "H", "x"]
    seen = {read_one(tmp_path, front.format(*base))[0].content_hash}
    for place, other in ((0, "U"), (1, "[VN]"), (2, "2026-01-02"), (4, "I"), (5, "y")):
        changed = [other if i == place else value for i, value in enumerate(base)]
        seen.add(read_one(tmp_path, front.format(*changed))[0].content_hash)
    assert len(seen) == 6
    owner = read_one(tmp_path, front.format("T", "all", "2026-01-01", "b", "H", "x"))
    assert owner[0].content_hash in seen


def test_fingerprint_changes_with_any_policy_file_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "en/returns.md", FRONT + "## A\nb\n")
    first = fingerprint(tmp_path)
    put(tmp_path, "en/notes.txt", "x")
    assert fingerprint(tmp_path) == first
    put(tmp_path, "en/shipping.md", FRONT + "## A\nb\n")
    second = fingerprint(tmp_path)
    (tmp_path / "en" / "new.md").write_text(FRONT + "## A\nc\n")  # as editors save: a new file over the old one
    (tmp_path / "en" / "new.md").replace(tmp_path / "en" / "returns.md")
    third = fingerprint(tmp_path)
    (tmp_path / "en" / "shipping.md").unlink()
    assert len({first, second, third, fingerprint(tmp_path)}) == 4


@pytest.mark.parametrize(
    ("today", "region", "expected"),
    [
        (date(2026, 11, 1), "VN", True),
        (date(2026, 11, 14), "vn", True),
        (date(2026, 10, 31), "VN", False),
        (date(2026, 11, 15), "VN", False),
        (date(2026, 11, 5), "TH", False),
        (date(2026, 11, 5), "", True),
    ],
)
def test_in_force_on_both_end_days_and_in_its_countries(
    tmp_path: Path, today: date, region: str, expected: bool
) -> None:
    front = "---\ntitle: A\nregion: [VN]\neffective_from: 2026-11-01\neffective_until: 2026-11-14\n---\n"
    (passage,) = read_one(tmp_path, front + "## A\nb\n")
    assert passage.in_force(today, region) is expected
