"""Reports and comparisons as tables for people; also the rows of docs/quality.md."""

from __future__ import annotations

from collections.abc import Sequence

from sayit.cli import printer
from sayit.eval.comparison import Compared
from sayit.eval.report import Report, Scored, groups
from sayit.eval.statistics import rate

_HEAD = (
    "RECORDINGS",
    "COUNT",
    "AUDIO",
    "WORDS",
    "WER % (95 %)",
    "SPACED WER %",
    "CER % (95 %)",
    "LOST/DOUBLED",
    "INVENTED/H",
    "COMPUTE RTF",
)


def show_report(found: Report, *, markdown: bool) -> None:
    """Prints a row for every group and every recording."""
    rows = [_row(name, members) for name, members in groups(found.recordings).items()]
    rows += [_row(one.name, [one]) for one in found.recordings]
    if markdown:
        print("\n".join(_markdown([_HEAD, *rows])))
        return
    printer.table(_HEAD, rows)
    audio_s = sum(one.duration_s for one in found.recordings)
    print(", ".join(f"{name} {value}" for name, value in found.configuration.items()), end="; ")
    print(f"normaliser {found.normaliser}; {audio_s:.0f} s of audio in {found.wall_s:.0f} s", end="")
    print(f" (real-time factor {found.wall_s / audio_s:.3f})" if audio_s else "")
    for name, code in found.failed.items():
        print(f"{name}: failed [{code}]")


def show_comparison(compared: Sequence[Compared], *, as_json: bool) -> None:
    """Prints a row for every group and measure."""
    printer.table_or_json(
        compared,
        ("RECORDINGS", "COUNT", "MEASURE", "FIRST %", "SECOND %", "DIFFERENCE (95 %)", "P", "SIGNIFICANT"),
        lambda one: (
            one.group,
            str(one.recordings),
            one.measure,
            f"{100 * one.difference.first:.2f}",
            f"{100 * one.difference.second:.2f}",
            _change(one),
            f"{one.difference.p:.4f}",
            "yes" if one.difference.significant else "no",
        ),
        as_json=as_json,
    )


def _row(name: str, members: Sequence[Scored]) -> tuple[str, ...]:
    audio_s = sum(one.duration_s for one in members)
    met = [one for one in members if one.lost is not None and one.boundaries]
    silent_s = sum(one.silence_s for one in members if one.invented is not None)
    invented = sum(one.invented or 0 for one in members)
    compute_s = sum(one.compute_s for one in members)
    return (
        name,
        str(len(members)),
        f"{audio_s:.0f} s",
        str(sum(one.words for one in members)),
        _rate(members, "word_errors", "words"),
        _rate(members, "spaced_word_errors", "words", interval=False),
        _rate(members, "character_errors", "characters"),
        f"{sum(one.lost or 0 for one in met)}/{sum(one.doubled or 0 for one in met)}" if met else "-",
        f"{3600 * invented / silent_s:.0f}" if silent_s else "-",
        f"{compute_s / audio_s:.3f}" if audio_s else "-",
    )


def _rate(members: Sequence[Scored], errors: str, units: str, *, interval: bool = True) -> str:
    """The rate of these figures in percent, with its interval where there is one."""
    found = rate([getattr(one, errors) for one in members], [getattr(one, units) for one in members])
    percent = "-" if found.value is None else f"{100 * found.value:.1f}"
    if not interval or found.low is None or found.high is None:
        return percent
    return f"{percent} ({100 * found.low:.1f}–{100 * found.high:.1f})"


def _change(one: Compared) -> str:
    found = one.difference
    change = f"{100 * (found.second - found.first):+.2f}"
    if found.low is None or found.high is None:
        return change
    return f"{change} ({100 * found.low:+.2f} … {100 * found.high:+.2f})"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]
