"""A document for reading and printing: PDF, by reportlab, with WenQuanYi Micro Hei embedded.

The font has Latin, Greek, Cyrillic, Hangul, kana and Chinese letters in 5 MB; of it a file holds what it shows.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from html import escape
from importlib import resources

from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate
from reportlab.platypus import Paragraph as Block

from sayit.gateway.documents.layout import Layout, Paragraph, Run

_FONT = "WenQuanYiMicroHei"
_FILE = resources.files("paperang_p2_fonts_cjk") / "fonts" / "wqy-microhei.ttc"
_GREY = "#767676"
_MARGIN = 20 * mm
#: Stands for a sign that the font lacks.
_UNKNOWN = "\N{WHITE SQUARE}"
#: Where the text stands, right of the times.
_INDENT = 17 * mm


class UnknownLettersError(Exception):
    """The font lacks letters of this text."""


def write(layout: Layout) -> bytes:
    """The file.

    Raises:
        UnknownLettersError: with some of the letters.
    """
    font = TTFont(_FONT, str(_FILE), subfontIndex=0)
    pdfmetrics.registerFont(font)
    known = frozenset(font.face.charToGlyph)
    unknown = sorted(letter for letter in set("".join(_everything(layout))) if ord(letter) not in known)
    if any(unicodedata.category(letter).startswith("L") for letter in unknown):
        raise UnknownLettersError("".join(unknown)[:10])
    shown = str.maketrans(dict.fromkeys(unknown, _UNKNOWN))
    file = io.BytesIO()
    # invariant: the same text is the same file.
    _Template(file, title=layout.title, author="SayIt", lang=layout.language or None, invariant=1).build(
        list(_story(layout, shown))
    )
    return file.getvalue()


class _Template(BaseDocTemplate):  # type: ignore[misc]  # reportlab has no types
    """Pages with their numbers, and the headings as bookmarks."""

    def __init__(self, file: io.BytesIO, **settings: object) -> None:
        sides = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), _MARGIN)
        super().__init__(file, pagesize=A4, **sides, **settings)
        frame = Frame(self.leftMargin, self.bottomMargin, self.width, self.height, id="text")
        self.addPageTemplates(PageTemplate(frames=[frame], onPage=_number))

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802  # reportlab's name
        """Notes where a heading stands."""
        if isinstance(flowable, Block) and flowable.style.name == "heading":
            text = flowable.getPlainText()
            self.canv.bookmarkPage(text)
            self.canv.addOutlineEntry(text, text)


def _number(canvas: Canvas, template: BaseDocTemplate) -> None:
    canvas.setFont(_FONT, 8)
    canvas.setFillGray(0.46)
    canvas.drawCentredString(A4[0] / 2, _MARGIN / 2, str(template.page))


def _everything(layout: Layout) -> Iterator[str]:
    yield from (layout.title, layout.facts, layout.note)
    for one in layout.paragraphs:
        yield one.mark
        yield from (_composed(run.text) for run in one.runs)


def _story(layout: Layout, shown: dict[int, str]) -> Iterator[Flowable]:
    plain = ParagraphStyle("plain", fontName=_FONT, fontSize=10.5, leading=16, spaceAfter=6)
    title = ParagraphStyle("title", plain, fontSize=18, leading=24, spaceAfter=4)
    facts = ParagraphStyle("facts", plain, fontSize=8.5, leading=12, textColor=_GREY, spaceAfter=12)
    heading = ParagraphStyle("heading", plain, fontSize=13, leading=18, spaceBefore=8, spaceAfter=6, keepWithNext=1)
    timed = {"bulletFontName": _FONT, "bulletFontSize": 8, "bulletColor": _GREY, "leftIndent": _INDENT}
    spaced = ParagraphStyle("spaced", plain, **timed)
    # Lines of Chinese and Japanese end anywhere but before marks; those of all others between words.
    unspaced = ParagraphStyle("unspaced", spaced, wordWrap="CJK")
    yield Block(_marked_up(layout.title, shown), title)
    yield Block(_marked_up(layout.facts, shown), facts)
    for one in layout.paragraphs:
        if one.heading:
            yield Block(one.heading, heading)
        style = unspaced if layout.language[:2] in {"ja", "zh"} or layout.language == "yue" else spaced
        yield Block(_text(one, shown), style, bulletText=one.time)
    if layout.note:
        yield Block(_marked_up(layout.note, shown), ParagraphStyle("note", facts, spaceBefore=12, alignment=TA_CENTER))


def _text(paragraph: Paragraph, shown: dict[int, str]) -> str:
    # The font has one weight: a speaker's name has a colour.
    mark = f'<font color="#1b5e8c">{_marked_up(paragraph.mark, shown)}</font>&nbsp; ' if paragraph.mark else ""
    return mark + "".join(_run(run, shown) for run in paragraph.runs)


def _run(run: Run, shown: dict[int, str]) -> str:
    text = _marked_up(run.text, shown)
    return f'<u color="#b26a00" width="0.6" offset="-2">{text}</u>' if run.unsure else text


def _marked_up(text: str, shown: dict[int, str]) -> str:
    return escape(_composed(text).translate(shown), quote=False)


def _composed(text: str) -> str:
    """With each syllable of Hangul, and each letter and its accent, as one letter, which is what fonts have."""
    return unicodedata.normalize("NFC", text)
