"""What the `sayit vocabulary` commands do with a suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sayit.cli import printing
from sayit.cli.connection import Connection
from sayit.cli.exits import Exit, Failure
from sayit.cli.wording import note
from sayit.speech.vocabularies import Vocabulary


def lines(file: Iterable[str] | None) -> list[str]:
    """A file's lines that are not empty.

    Raises:
        Failure: it is no text.
    """
    try:
        return [line.strip() for line in file or () if line.strip()]
    except UnicodeDecodeError:
        raise Failure(Exit.USAGE, "--file: it is no UTF-8 text") from None


def put(connection: Connection, name: str, words: Sequence[str], prompt: str, *, as_json: bool) -> None:
    """Stores a vocabulary and says what is in it."""
    stored = connection.call(lambda client: client.put_vocabulary(name, words, prompt))
    if as_json:
        printing.as_json(stored)
    else:
        print(f"{stored.name}: {_size(stored)}")


def get(connection: Connection, name: str, *, as_json: bool) -> None:
    """Prints a vocabulary's words on standard output; its text goes to standard error, for it is no word."""
    found = connection.call(lambda client: client.get_vocabulary(name))
    if as_json:
        printing.as_json(found)
        return
    if found.prompt:
        note(f"prompt: {found.prompt}")
    for word in found.words:
        print(word)


def show_list(connection: Connection, *, as_json: bool) -> None:
    """Prints all vocabularies."""
    found = list(connection.call(lambda client: client.list_vocabularies()))
    if as_json:
        printing.as_json(found)
        return
    printing.table(
        ("NAME", "WORDS", "PROMPT", "CHANGED"),
        ((one.name, str(len(one.words)), one.prompt[:40] or "-", printing.moment(one.updated_at_s)) for one in found),
    )


def delete(connection: Connection, name: str) -> None:
    """Deletes a vocabulary."""
    connection.call(lambda client: client.delete_vocabulary(name))
    print(f"{name}: deleted")


def _size(vocabulary: Vocabulary) -> str:
    return f"{len(vocabulary.words)} words" + (" and a prompt" if vocabulary.prompt else "")
