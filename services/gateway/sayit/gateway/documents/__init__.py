"""Transcripts as documents for people: DOCX and PDF.

`layout.py` says what a document shows, `word.py` and `pdf.py` write it, `child.py` is the process that they run in,
and `writer.py` the gateway's handle on it.
"""
