"""The gate's report as an HTML page."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.report.gate.forest import forest, reach_of
from flagrelease.report.gate.html import html
from flagrelease.report.gate.markdown import markdown
from flagrelease.report.gate.page import Page, Source, Told
from flagrelease.report.gate.plain import plain
from tests.report.pages import EVERY, a_page, a_row

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}</style>\u202egnp.exe\u2066\u200b\x1b[2J'


class Tags(HTMLParser):
    """Every tag with its attributes, and everything that is shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.shown += data


def everywhere(text: str) -> Page:
    """A page whose every text is this one."""
    return a_page(
        title=text,
        summary=text,
        reasons=(Told(text=text, tasks=(text,), id=text),),
        rows=(a_row(task=text, tier="supporting"),),
        settle=(text,),
        findings=(Told(text=text, id=text, weight="note", tasks=(text, text)),),
        asides=(text,),
        waiver=text,
        suite=text,
        facts=((text, text),),
        sources=(Source(side=text, path=text, kind=text, sha256=text),),
    )


def attributes(page: str) -> Iterator[tuple[str, str]]:
    for _, found in Tags(page).tags:
        yield from ((name, value or "") for name, value in found.items())


def test_nothing_is_loaded_from_anywhere_and_nothing_runs() -> None:
    text = html(a_page())
    names = {name for name, _ in attributes(text)}
    assert names & {"src", "href", "srcset", "style", "xlink:href", "action", "data"} == set()
    assert [name for name in names if name.startswith("on")] == []
    assert {tag for tag, _ in Tags(text).tags} & {"script", "link", "img", "iframe", "object", "form", "base"} == set()
    assert "url(" not in text
    assert "@import" not in text


def test_the_page_s_own_policy_names_its_one_style_by_its_hash() -> None:
    text = html(a_page())
    policy = re.search(r'Policy" content="([^"]*)"', text)
    assert policy is not None
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    found = policy[1].replace("&#39;", "'")
    assert found == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_markup_in_any_text_is_shown_and_is_none() -> None:
    tags, clean = (Tags(html(page)).tags for page in (everywhere(EVIL), everywhere("quiz")))
    assert [tag for tag, _ in tags] == [tag for tag, _ in clean]
    assert "<script>alert(1)</script>" in Tags(html(everywhere(EVIL))).shown
    assert "49" not in Tags(html(everywhere("{{ 7*7 }}"))).shown.replace("30 / 27", "")[:400]


def test_no_text_can_turn_the_writing_direction_hide_or_steer_a_terminal() -> None:
    for text in (html(everywhere(EVIL)), markdown(everywhere(EVIL))):
        assert not set("\u202e\u2066\u200b\x1b") & set(text)
        assert "\N{REPLACEMENT CHARACTER}" in text


@given(st.text(max_size=60))
def test_any_name_leaves_the_page_s_structure_as_it_is(text: str) -> None:
    name = f"x{text}"
    page, clean = (a_page(rows=(a_row(task=one),), title=one, curve=None) for one in (name, "x"))
    assert [tag for tag, _ in Tags(html(page)).tags] == [tag for tag, _ in Tags(html(clean)).tags]
    assert markdown(page).count("\n") == markdown(clean).count("\n")


@given(st.text(max_size=200))
def test_plain_text_is_one_line_of_what_can_be_seen(text: str) -> None:
    found = plain(text)
    assert found == plain(found)
    assert "\n" not in found
    assert found.isprintable()


def test_marks_do_not_pile_up_over_other_lines() -> None:
    assert plain("a" + "\u0301" * 50) == "a\u0301\u0301"
    assert len(plain("y" * 5000)) <= 2000


@pytest.mark.parametrize("name", ["forest", "curve"])
def test_each_plot_is_well_formed_and_described(name: str) -> None:
    text = html(a_page())
    (plot,) = re.findall(
        rf'<svg viewBox="0 0 400 [0-9.]+" role="img" aria-labelledby="{name}-.*?</svg>', text, re.DOTALL
    )
    root = ET.fromstring(plot)
    assert root.attrib["aria-labelledby"] == f"{name}-title {name}-desc"
    assert {one.attrib["id"] for one in root if one.tag in ("title", "desc")} == {f"{name}-title", f"{name}-desc"}


def test_the_forest_s_description_says_every_line_in_words() -> None:
    text = html(a_page())
    assert "quiz: PASS, difference -0.33 points, interval -1.72 to +1.05, margin 3." in text
    assert (
        "open: INCONCLUSIVE, difference -2.00 points, interval -5.00 to +1.00 of two unpaired scores, margin 3" in text
    )
    assert "void: INVALID, without a difference" in text


def test_a_verdict_can_be_told_without_colour() -> None:
    glyphs = [line.glyph for line in forest(EVERY).lines]
    assert len(set(glyphs)) == len(EVERY)
    text = html(a_page())
    for row in EVERY:
        assert text.count(f">{row.decision}</text>") == 1
        assert f"{row.decision}</td>" in text


def test_marks_lie_where_the_figures_are_and_never_outside() -> None:
    plot = forest(EVERY)
    line = plot.lines[0]
    assert line.low is not None
    assert line.high is not None
    assert line.at is not None
    assert line.margin_low < line.low < line.at < plot.zero < line.high < line.margin_high
    for one in plot.lines:
        marks = [x for x in (one.low, one.high, one.at, one.margin_low, one.margin_high) if x is not None]
        assert all(12 <= x <= 388 for x in marks)
    odd = plot.lines[3]
    assert (odd.starts, odd.ends) == (True, False)


@given(
    st.floats(-1, 1),
    st.floats(0, 1),
    st.floats(0.001, 0.05),
)
def test_any_figures_can_be_drawn(difference: float, half: float, margin: float) -> None:
    row = a_row(difference=difference, interval=(max(-1, difference - half), min(1, difference + half)), margin=margin)
    assert reach_of([row]) > margin
    page = a_page(rows=(row,), curve=None)
    assert "nan" not in html(page)
    (block,) = re.findall(r"```text\n(.*?)```", markdown(page), re.DOTALL)
    assert len(block.splitlines()) == 2


def test_a_page_without_tasks_curve_or_findings_is_a_page() -> None:
    page = a_page(rows=(), curve=None, findings=(), settle=(), reasons=(), sources=())
    assert "What this policy lets through" not in html(page)
    assert markdown(page).startswith("# NO-GO: ")


def test_the_table_has_what_a_card_has_to_say() -> None:
    shown = Tags(html(a_page())).shown
    for text in ("900 and 897 / 900", "48.33", "−0.33 [−1.72, +1.05]", "30 / 27", "3.00", "n (scored / expected)"):
        assert text in shown


def test_the_curve_s_table_has_the_counted_chances() -> None:
    shown = Tags(html(a_page())).shown
    assert "every task is worse byidentical−1−2−3−5−10" in shown
    assert "GO87.959.023.94.90.00.0" in shown
    assert "it is GO in 4.9 %" in shown


def test_thousands_of_files_are_counted_and_not_all_named() -> None:
    files = tuple(Source(side="target", path=f"f{n}", kind="own", sha256="0" * 64) for n in range(5000))
    for text in (html(a_page(sources=files)), markdown(a_page(sources=files))):
        assert text.count("0" * 64) == 100
        assert re.search(r"4,?900 more files", text)


def test_all_tasks_at_once_are_not_named_one_by_one() -> None:
    names = tuple(row.task for row in EVERY)
    page = a_page(reasons=(Told(text="no items", tasks=names),))
    assert "all 6 critical tasks: no items" in Tags(html(page)).shown.replace("all 6 tasks", "all 6 critical tasks")
    assert "- **all 6 tasks**: no items" in markdown(page)


def test_the_plot_in_characters_has_the_margin_the_interval_and_the_difference() -> None:
    (block,) = re.findall(r"```text\n(.*?)```", markdown(a_page()), re.DOTALL)
    axis, passed, *_, opened, void = block.splitlines()
    assert axis.split()[len(axis.split()) // 2] == "0"
    assert re.fullmatch(r"quiz +! *\[─*●.*\] +PASS", passed)
    assert "·" in opened
    assert re.fullmatch(r"void +! +\| +INVALID", void)
    assert passed.index("!") == void.index("!")


def test_markdown_s_tables_have_equal_rows_whatever_a_text_says() -> None:
    text = markdown(everywhere("a|b\n| c | d |"))
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_a_waiver_and_what_all_tasks_show_are_said_on_both() -> None:
    page = a_page(waiver="Let through by waiver of <b>me</b>", suite="suite: over 6 tasks the mean is -0.10")
    shown, text = Tags(html(page)).shown, markdown(page)
    assert "Let through by waiver of <b>me</b>" in shown
    assert "> Let through by waiver of \\<b\\>me" in text
    assert shown.count("the mean is -0.10") == text.count("the mean is -0.10") == 1


@pytest.mark.parametrize(
    ("difference", "worst", "said"),
    [
        (-0.0033, -0.0033, "−0.33 [−1.72, +1.05]"),
        (-0.0033, -0.0111, "−0.33 [−1.72, +1.05], at worst −1.11"),
        (None, -0.0144, "at worst −1.44"),
    ],
)
def test_the_worst_case_is_shown_where_it_is_another_one(difference: float | None, worst: float, said: str) -> None:
    row = a_row(difference=difference, worst=worst, interval=(-0.0172, 0.0105) if difference else None)
    assert said in Tags(html(a_page(rows=(row,)))).shown
    assert f"| {said.replace('−', '-')} |" in markdown(a_page(rows=(row,)))
