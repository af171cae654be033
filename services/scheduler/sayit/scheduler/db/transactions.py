"""A store's methods: each is one transaction, which reads or writes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from sayit.scheduler.db.engine import Database, Work
from sayit.scheduler.jobs.records import ChooseChunks, JobRecord

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(kw_only=True)
class Rules:
    """What transactions go by that others decide. All stores share one."""

    #: Seconds that an ended job is kept.
    result_ttl_s: float
    #: The order of dispatch.
    choose: ChooseChunks
    #: Those of tenants that have their own; None: kept until they are deleted.
    tenant_ttl_s: Mapping[str, float | None] = field(default_factory=dict)
    #: Tenants whose jobs go after they were read where their options do not say; "*": all.
    delete_after_read: Collection[str] = ()
    #: Seconds for which a text that was read can be read again.
    read_again_s: float = 60.0
    #: Where the ends of a tenant's jobs are told, beside where a job says; "*": those of tenants without their own.
    receivers: Mapping[str, str] = field(default_factory=dict)
    #: Seconds that the audit log is kept; 0: there is none.
    audit_s: float = 0.0
    #: Seconds that the usage of ended jobs is kept; 0: it is not noted.
    usage_s: float = 0.0

    def expiry_s(self, tenant: str, now_s: float) -> float | None:
        """When a job of this tenant that ends now is deleted; None: when a client does so."""
        ttl_s = self.tenant_ttl_s.get(tenant, self.result_ttl_s)
        return None if ttl_s is None else now_s + ttl_s

    def goes_when_read(self, job: JobRecord) -> bool:
        """Whether a job is deleted after its text was read."""
        asked = job.options.delete_after_read
        return bool({job.tenant, "*"}.intersection(self.delete_after_read)) if asked is None else asked

    def adopt(self, now: Rules) -> None:
        """Takes over all of another's."""
        vars(self).update(vars(now))


class Store:
    """What is kept on a database."""

    def __init__(self, database: Database, rules: Rules) -> None:
        self._database = database
        self._rules = rules


S = TypeVar("S", bound=Store)
_Method = Callable[Concatenate[S, P], Coroutine[Any, Any, R]]


def _transaction(
    work: Callable[Concatenate[S, Connection, P], R], run: Callable[[Database, Work[R]], Coroutine[Any, Any, R]]
) -> _Method[S, P, R]:
    @functools.wraps(work)
    async def method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await run(self._database, lambda connection: work(self, connection, *args, **kwargs))

    return method


def reads(work: Callable[Concatenate[S, Connection, P], R]) -> _Method[S, P, R]:
    """A store's method that is one transaction, which reads."""
    return _transaction(work, lambda database, of_method: database.read(of_method))


def writes(work: Callable[Concatenate[S, Connection, P], R]) -> _Method[S, P, R]:
    """A store's method that is one transaction, which writes and is durable when it returns."""
    return _transaction(work, lambda database, of_method: database.write(of_method))


def writes_lightly(work: Callable[Concatenate[S, Connection, P], R]) -> _Method[S, P, R]:
    """A store's method that is one transaction, which writes what may be lost together with the machine's power."""
    return _transaction(work, lambda database, of_method: database.write(of_method, durable=False))
