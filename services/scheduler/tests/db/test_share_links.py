"""Share links, and texts that jobs are found by, in the database."""

from __future__ import annotations

import pytest

from sayit.chassis.api_keys import new_secret, parts_of
from sayit.scheduler.db import share_links
from sayit.scheduler.db.stores import Stores
from sayit.speech.corrections import Corrections
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.share_links import SHARED

from .helper import accepted, completed, stores


async def test_a_link_is_a_key_to_one_job_until_it_ends(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made for a finished job of the tenant, which is kept until then; only a hash is stored; others see nothing."""
    async with stores(database_url, result_ttl_s=60.0) as s:
        s.rules.audit_s = 60.0
        await completed(s)
        secret = new_secret()
        link = await s.share_links.create_link("t", "j", secret, valid_for_s=600.0)
        assert (await s.jobs.get_job("t", "j")).expires_s == link.expires_at_s
        [stored] = await s.share_links.look_up([link.id, "unknown"])
        assert (stored.key.tenant, stored.key.scopes) == ("t", (SHARED,))
        assert stored.admits((parts_of(secret.text) or ("", ""))[1])
        assert await s.share_links.job_of("t", link.id) == "j"
        assert await s.share_links.list_links("t", "j") == [link]
        await s.share_links.note_use([link.id])
        [used] = await s.share_links.list_links("t", "j")
        assert used.last_used_at_s
        refusals = {
            ErrorKind.JOB_NOT_FOUND: s.share_links.create_link("u", "j", new_secret(), valid_for_s=60.0),
            ErrorKind.LINK_NOT_FOUND: s.share_links.revoke_link("t", "j", "unknown"),
        }
        for kind, refused in refusals.items():
            assert await _kind(refused) is kind
        assert await _kind(s.share_links.job_of("u", link.id)) is ErrorKind.LINK_NOT_FOUND
        monkeypatch.setattr(share_links, "MAX_LINKS", 1)
        one_more = s.share_links.create_link("t", "j", new_secret(), valid_for_s=60.0)
        assert await _kind(one_more) is ErrorKind.TOO_MANY_LINKS
        await s.share_links.revoke_link("t", "j", link.id)
        short = await s.share_links.create_link("t", "j", new_secret(), valid_for_s=-1.0)
        for ended in (link, short):
            assert await _kind(s.share_links.job_of("t", ended.id)) is ErrorKind.LINK_NOT_FOUND
        assert await s.share_links.list_links("t", "j") == []
        await accepted(s, "running")
        unfinished = s.share_links.create_link("t", "running", new_secret(), valid_for_s=60.0)
        assert await _kind(unfinished) is ErrorKind.JOB_NOT_FINISHED
        gone = await s.share_links.create_link("t", "j", new_secret(), valid_for_s=60.0)
        await s.jobs.delete_job("t", "j")
        assert await s.share_links.look_up([gone.id]) == []
        actions = ["job.share", "job.unshare", "job.share", "job.share", "job.delete"]
        rows = await s.audit.rows(since_s=0.0)
        assert [row["action"] for row in rows if row["action"] != "job.create"] == actions


async def _kind(refused: object) -> ErrorKind:
    with pytest.raises(SayItError) as caught:
        await refused  # type: ignore[misc]
    return caught.value.kind


async def test_jobs_are_found_by_what_was_said(database_url: str) -> None:
    """All words, or parts of them, in any case and composition, in the newest version; signs of patterns are signs."""
    async with stores(database_url) as s:
        await completed(s, "a", text="Quince  Marmalade, 100% 커피를 마신다")
        await completed(s, "b", text="Tea with a quince_jam")
        await completed(s, "c", text="quince", tenant="u")
        assert await _found(s, "QUINCE") == ["b", "a"]
        assert await _found(s, "marma \u1106\u1161\u1109\u1175\u11ab\u1103\u1161") == ["a"]
        assert await _found(s, "100%") == ["a"]
        assert await _found(s, "quince_") == ["b"]
        assert await _found(s, "quince, tea") == []
        await s.corrections.add("t", "a", "k", Corrections(version=1, names={"1": "Kim"}), text="Plum")
        assert await _found(s, "quince") == ["b"]
        assert await _found(s, "plum") == ["a"]


async def _found(s: Stores, text: str) -> list[str]:
    jobs = await s.jobs.list_jobs("t", states=(), labels={}, created_after_s=0.0, before=None, limit=9, text=text)
    return [job.id for job in jobs]
