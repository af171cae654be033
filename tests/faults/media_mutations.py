"""Seeded damage to valid files: flipped bits, cut ends, spliced halves, lying headers."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .media_corpus import BadFile

#: Numbers that break size computations.
_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 2**63 - 1)
#: Names of structures whose fields matter more than the audio after them.
_MARKS = (
    b"fmt ", b"data", b"RIFF", b"fact", b"fLaC", b"OggS", b"OpusHead", b"OpusTags", b"ID3", b"Xing", b"Info",
    b"moov", b"mvhd", b"trak", b"tkhd", b"mdia", b"mdhd", b"hdlr", b"minf", b"dinf", b"dref", b"stbl", b"stsd", b"mp4a",
    b"esds", b"alac", b"stts", b"stsc", b"stsz", b"stco", b"co64", b"elst", b"edts", b"udta", b"meta", b"ilst", b"moof",
    b"mfhd", b"traf", b"tfhd", b"tfdt", b"trun", b"mvex", b"trex", b"mfra", b"ftyp", b"mdat", b"free", b"avcC",
    b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75", b"\xa3", b"\xae", b"\xff\xf1",
)  # fmt: skip


def mutations(seeds: dict[str, bytes], *, seed: int, count: int) -> Iterator[BadFile]:
    """The same damaged files for the same seed number, whatever the count."""
    names = sorted(seeds)
    for index in range(count):
        rng = random.Random(seed * 1_000_003 + index)
        name = names[index % len(names)]
        content = bytearray(seeds[name])
        damages = rng.sample(_DAMAGES, k=rng.choice((1, 1, 1, 2, 3)))
        for damage in damages:
            if content:
                content = damage(rng, content, seeds)
        kinds = "+".join(damage.__name__.strip("_") for damage in damages)
        yield BadFile(name=f"{seed}/{index} {name}:{kinds}", content=bytes(content), errors=None)


def _flip_bits(rng: random.Random, content: bytearray, _seeds: dict[str, bytes]) -> bytearray:
    for _ in range(rng.choice((1, 4, 32, 256))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def _flip_header_bits(rng: random.Random, content: bytearray, _seeds: dict[str, bytes]) -> bytearray:
    for _ in range(rng.choice((1, 2, 8))):
        content[rng.randrange(min(len(content), 512))] ^= 1 << rng.randrange(8)
    return content


def _overwrite(rng: random.Random, content: bytearray, _seeds: dict[str, bytes]) -> bytearray:
    start, length = _run(rng, content)
    filler = rng.choice((b"\0", b"\xff", None))
    content[start : start + length] = rng.randbytes(length) if filler is None else filler * length
    return content


def _cut_end(rng: random.Random, content: bytearray, _seeds: dict[str, bytes]) -> bytearray:
    return content[: rng.randrange(len(content))]


def _remove(rng: random.Random, content: bytearray, _seeds: dict[str, bytes]) -> bytearray:
    start, length = _run(rng, content)
    del content[start : start + length]
    return content


def _repeat(rng: random.Random, content: bytearray, _seeds: dict[str, bytes]) -> bytearray:
    start, length = _run(rng, content)
    content[start:start] = content[start : start + length] * rng.choice((1, 2, 50))
    return content[:500_000]


def _splice(rng: random.Random, content: bytearray, seeds: dict[str, bytes]) -> bytearray:
    other = seeds[rng.choice(sorted(seeds))]
    return content[: rng.randrange(len(content))] + other[rng.randrange(len(other)) :]


def _edit_field(rng: random.Random, content: bytearray, _seeds: dict[str, bytes]) -> bytearray:
    """Writes a telling number beside a structure's name, or anywhere near the start."""
    for _ in range(rng.choice((1, 1, 3))):
        mark = content.find(rng.choice(_MARKS), rng.randrange(len(content)) if rng.random() < 0.3 else 0)
        base = rng.randrange(min(64, len(content))) if mark < 0 else mark + rng.randrange(-4, 40)
        size = rng.choice((1, 2, 4, 4, 8))
        value = rng.choice(_EDGES) if rng.random() < 0.7 else rng.getrandbits(size * 8)
        order = rng.choice(("big", "little"))
        base = max(0, min(base, len(content) - size))
        content[base : base + size] = (value % 256**size).to_bytes(size, order)[: len(content) - base]
    return content


def _run(rng: random.Random, content: bytearray) -> tuple[int, int]:
    start = rng.randrange(len(content))
    return start, min(rng.choice((1, 4, 64, 1_024, 8_192)), len(content) - start)


_DAMAGES = (_flip_bits, _flip_header_bits, _overwrite, _cut_end, _remove, _repeat, _splice, _edit_field, _edit_field)
