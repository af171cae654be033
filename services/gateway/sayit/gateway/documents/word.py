"""A document for word processors: DOCX, by python-docx."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import docx
from docx.document import Document
from docx.enum.text import WD_UNDERLINE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph as WordParagraph

from sayit.gateway.documents.layout import Layout, Paragraph

_GREY = RGBColor(0x76, 0x76, 0x76)
#: Fonts that word processors bring for letters of full width; where one is missing they take what they have.
_FONTS: Mapping[str, str] = MappingProxyType({"ko": "Malgun Gothic", "ja": "Yu Gothic", "zh": "Microsoft YaHei"})
#: Every part of the file has this time, or the same text would not be the same file; the earliest that ZIP knows.
_PART_TIME = (1980, 1, 1, 0, 0, 0)


def write(layout: Layout) -> bytes:
    """The file."""
    document = docx.Document()
    _describe(document, layout)
    document.add_paragraph(layout.title, style="Title")
    _facts(document, layout.facts)
    for one in layout.paragraphs:
        if one.heading:
            _turned(document.add_heading(one.heading, level=1), layout)
        _add(document, one, layout)
    if layout.note:
        _facts(document, layout.note)
    file = io.BytesIO()
    document.save(file)
    return _reproducible(file)


def _describe(document: Document, layout: Layout) -> None:
    """Page, fonts and properties."""
    properties = document.core_properties
    made = datetime.fromtimestamp(layout.time_s, UTC)
    properties.title, properties.language = layout.title, layout.language
    properties.author, properties.comments, properties.created, properties.modified = "SayIt", "", made, made
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    normal = document.styles["Normal"]
    normal.font.size = Pt(11)
    normal.paragraph_format.space_after = Pt(8)
    properties_of_runs = normal.element.get_or_add_rPr()
    properties_of_runs.get_or_add_rFonts().set(qn("w:eastAsia"), _FONTS.get(layout.language[:2], "Malgun Gothic"))
    language = OxmlElement("w:lang")
    for attribute in ("w:val", "w:eastAsia", "w:bidi"):
        language.set(qn(attribute), layout.language or "en")
    properties_of_runs.append(language)
    number = OxmlElement("w:fldSimple")
    number.set(qn("w:instr"), "PAGE")
    section.footer.paragraphs[0]._p.append(number)  # noqa: SLF001  # python-docx has no fields


def _add(document: Document, paragraph: Paragraph, layout: Layout) -> None:
    written = document.add_paragraph()
    time = written.add_run(paragraph.time)
    time.font.size, time.font.color.rgb = Pt(9), _GREY
    runs = [time, written.add_run("  ")]
    if paragraph.mark:
        mark = written.add_run(f"{paragraph.mark}  ")
        mark.bold = True
        runs.append(mark)
    for run in paragraph.runs:
        text = written.add_run(run.text)
        if run.unsure:
            text.font.underline = WD_UNDERLINE.DOTTED
        runs.append(text)
    _turned(written, layout)
    if layout.right_to_left:
        for one in runs:
            one.font.rtl = True


def _turned(paragraph: WordParagraph, layout: Layout) -> None:
    """From right to left where the language is written so."""
    if layout.right_to_left:
        paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))  # noqa: SLF001  # python-docx has no name for it


def _facts(document: Document, text: str) -> None:
    run = document.add_paragraph().add_run(text)
    run.font.size, run.font.color.rgb = Pt(9), _GREY


def _reproducible(file: io.BytesIO) -> bytes:
    """The same archive without the time of its making."""
    target = io.BytesIO()
    with zipfile.ZipFile(file) as made, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for part in made.infolist():
            kept = zipfile.ZipInfo(part.filename, _PART_TIME)
            kept.compress_type = zipfile.ZIP_DEFLATED
            written.writestr(kept, made.read(part))
    return target.getvalue()
