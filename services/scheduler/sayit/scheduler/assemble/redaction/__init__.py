"""Redaction: personal data is taken out of a transcript before it is stored, and listed by kind and time. Pure.

`spoken_numbers` finds digits however they are said, `numbers` has the table of what is a number of which kind,
`addresses` finds e-mail addresses, `texts` all of it in one text, and `transcripts` applies that to segments and words.
"""
