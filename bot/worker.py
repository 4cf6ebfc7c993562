"""Takes jobs from the queue and runs core functions; any number of these, on any number of machines."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog
from pgqueuer import PgQueuer
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.models import Job

from bot.closing import Closing
from bot.items import ItemWork, once_there_is_room
from bot.payouts import PayoutWork
from bot.reindexing import ReindexWork
from core.asking.engine import Engine
from core.asking.summing import Summing
from core.errors import DatabaseError
from core.ids import CreatorId, SessionId, StudentId
from core.library.freshness import Recheck
from core.library.ingestion import Interrupted
from core.library.learning import Learning
from core.library.respelling import Respelling
from core.members.directory import Directory
from core.members.memberships import Following
from core.members.tier_roles import TierRoles
from core.rewards.awarding import MOST_ATTEMPTS as MOST_TRIES
from core.rewards.awarding import Awarding, NotJudged
from core.rewards.shop import Purchases
from core.study.studying import Studying
from core.webhooks import Webhooks

log = structlog.get_logger()

MOST_ATTEMPTS: Final = 5
AT_ONCE: Final = 4
HEARTBEAT: Final = timedelta(seconds=20)
STOPS_WITHIN_S: Final = 6.0
LOOK_AGAIN: Final = timedelta(seconds=5)
"""New jobs announce themselves; one that was put off is found by looking."""


class Housekeeping(Protocol):
    """What is tidied up now and then."""

    async def tidy(self, creator_id: CreatorId) -> None:
        """Delete for good what was removed long ago."""
        ...

    async def sweep(self, creator_id: CreatorId) -> None:
        """Delete kept files that nothing refers to any more."""
        ...

    async def put_recheck(self, creator_id: CreatorId) -> None:
        """Have a creator's links looked at again."""
        ...

    async def tidy_deployment(self) -> None:
        """Delete delivered messages, expired codes, and folders of processes that died."""
        ...


@dataclass(frozen=True, slots=True)
class Tasks:
    """What the jobs of this release do; every one may run twice."""

    items: ItemWork
    engine: Engine
    directory: Directory
    housekeeping: Housekeeping
    links: Recheck
    names: Respelling
    reindexing: ReindexWork
    awarding: Awarding
    payouts: PayoutWork
    webhooks: Webhooks
    closing: Closing
    learning: Learning
    studying: Studying
    purchases: Purchases
    following: Following | None
    roles: TierRoles
    summing: Summing
    stop: asyncio.Event

    async def calibrate(self, payload: dict[str, int]) -> None:
        """Find a creator's cut-off for the present library."""
        await self.engine.recalibrate(CreatorId(payload["creator_id"]))

    async def tidy(self, payload: dict[str, int]) -> None:
        """Tidy up for every creator."""
        await self.housekeeping.tidy_deployment()
        await self._for_each(self._tidied)

    async def _tidied(self, creator_id: CreatorId) -> None:
        await self.housekeeping.tidy(creator_id)
        await self.awarding.acts.purge(creator_id)
        await self.awarding.flags.look(creator_id, datetime.now(UTC))
        await self.learning.take_turn(creator_id, self.stop)

    async def refresh(self, payload: dict[str, int]) -> None:
        """Have every creator's links looked at again, each in a job of its own."""
        await self._for_each(self.housekeeping.put_recheck)

    async def sweep(self, payload: dict[str, int]) -> None:
        """Delete every creator's files that nothing refers to any more."""
        await self._for_each(self.housekeeping.sweep)

    async def recheck(self, payload: dict[str, int]) -> None:
        """Look at a creator's links again."""
        await self.links.all_due(CreatorId(payload["creator_id"]), self.stop)

    async def respell(self, payload: dict[str, int]) -> None:
        """Apply a creator's glossary to what is searchable."""
        await self.names.all_misspelt(CreatorId(payload["creator_id"]), self.stop)

    async def reindex(self, payload: dict[str, int]) -> None:
        """Do a turn of moving a creator's library to another embedder."""
        creator_id = CreatorId(payload["creator_id"])
        await self.reindexing.take_turn(creator_id, payload["run"], payload["turn"])

    async def learn(self, payload: dict[str, int]) -> None:
        """Make searchable what a creator's staff wrote down."""
        await self.learning.take_turn(CreatorId(payload["creator_id"]), self.stop)

    async def sum_up(self, payload: dict[str, int]) -> None:
        """Sum up a long session."""
        await self.summing.sum_up(
            CreatorId(payload["creator_id"]), StudentId(payload["student_id"]), SessionId(payload["session_id"])
        )

    async def study(self, payload: dict[str, int]) -> None:
        """Make the study material of a creator's sources."""
        await self.studying.take_turn(CreatorId(payload["creator_id"]), self.stop)

    async def award(self, payload: dict[str, int]) -> None:
        """Judge what a creator's students did."""
        await self._all_judged(CreatorId(payload["creator_id"]))

    async def _all_judged(self, creator_id: CreatorId) -> None:
        """Judge what is due; an act that failed for the last time holds up no other."""
        while True:
            try:
                return await self.awarding.all_due(creator_id, self.stop)
            except NotJudged as error:
                if error.attempts < MOST_TRIES:
                    raise
                log.error("an act is stepped over until the nightly check", reason=str(error), exc_info=error)

    async def streaks(self, payload: dict[str, int]) -> None:
        """Settle every creator's days that have ended where the students are."""
        at = datetime.now(UTC)
        await self._for_each(lambda creator_id: self.awarding.settle(creator_id, at, self.stop))

    async def webhook(self, payload: dict[str, int]) -> None:
        """Work on what another service told us."""
        await self.webhooks.work_on(payload["webhook_id"])

    async def shop(self, payload: dict[str, int]) -> None:
        """Do what is due in a creator's shop."""
        await self.purchases.all_due(CreatorId(payload["creator_id"]), datetime.now(UTC))

    async def expire(self, payload: dict[str, int]) -> None:
        """End what is over, for every creator."""
        await self._for_each(lambda creator_id: self.purchases.all_due(creator_id, datetime.now(UTC)))

    async def follow(self, payload: dict[str, int]) -> None:
        """Have a student's enrolments follow their memberships, and their roles the enrolments."""
        student_id = StudentId(payload["student_id"])
        if self.following is not None:
            await self.following.store.settle(student_id, at=datetime.now(UTC))
        await self.roles.follow(student_id)

    async def tier_roles(self, payload: dict[str, int]) -> None:
        """Have the roles of a creator's students follow their tiers."""
        await self.roles.follow_all(CreatorId(payload["creator_id"]))

    async def grace(self, payload: dict[str, int]) -> None:
        """Pause those whose grace is over."""
        if self.following is not None:
            await self.following.end_grace(datetime.now(UTC))

    async def memberships(self, payload: dict[str, int]) -> None:
        """Read all memberships anew."""
        if self.following is not None:
            changes = await self.following.reconcile(datetime.now(UTC))
            log.info("memberships were read anew", changes=changes)

    async def reconcile(self, payload: dict[str, int]) -> None:
        """Check every creator's books, and judge what was left behind."""
        await self._for_each(self._reconciled)

    async def _reconciled(self, creator_id: CreatorId) -> None:
        await self.payouts.check_books(creator_id, self.awarding.check)
        await self.awarding.acts.try_again(creator_id)
        await self._all_judged(creator_id)
        await self.roles.follow_all(creator_id)

    async def redeem(self, payload: dict[str, int]) -> None:
        """Move a creator's redemptions on."""
        await self.payouts.all_due(CreatorId(payload["creator_id"]), self.stop)

    async def pay_out(self, payload: dict[str, int]) -> None:
        """Move every creator's redemptions on, and ask what became of those whose end is not known."""

        async def all_due(creator_id: CreatorId) -> None:
            await self.payouts.all_due(creator_id, self.stop)

        await self._for_each(all_due)

    async def close_day(self, payload: dict[str, int]) -> None:
        """Add up what was earned before today, and end seasons."""
        await self._for_each(lambda creator_id: self.closing.day(creator_id, datetime.now(UTC)))

    async def close_week(self, payload: dict[str, int]) -> None:
        """Tell every creator's staff of the week before."""
        await self._for_each(lambda creator_id: self.closing.week(creator_id, datetime.now(UTC)))

    async def _for_each(self, do: Callable[[CreatorId], Awaitable[None]]) -> None:
        """Do something for every creator; what fails for one is said and holds up no other.

        Raises:
            ExceptionGroup: of all that failed, so that the job is tried again.
        """
        failed: list[Exception] = []
        for creator in await self.directory.creators():
            try:
                await do(creator.id)
            except (DatabaseError, Interrupted):
                raise
            except Exception as error:
                log.error("a creator's turn failed", creator=creator.handle, reason=str(error), exc_info=error)
                failed.append(error)
        if failed:
            raise ExceptionGroup("the turns of some creators failed", failed)


def register(queue: PgQueuer, tasks: Tasks) -> None:
    """Bind the jobs' names to what they do."""
    worker = str(queue.qm.queue_manager_id)

    async def ingest(_: dict[str, int]) -> None:
        await tasks.items.take_turn(worker)

    for name, run in (
        ("ingest", ingest), ("calibrate", tasks.calibrate), ("tidy", tasks.tidy), ("refresh", tasks.refresh),
        ("sweep", tasks.sweep),
        ("reconcile", tasks.reconcile), ("webhook", tasks.webhook), ("shop", tasks.shop), ("expire", tasks.expire),
        ("close_day", tasks.close_day), ("close_week", tasks.close_week), ("follow", tasks.follow),
        ("grace", tasks.grace), ("tier_roles", tasks.tier_roles),
    ):  # fmt: skip
        queue.entrypoint(name)(_handler(name, run, tasks.stop))
    # These may last, and what people wait for must not wait behind them.
    for name, run in (
        ("recheck", tasks.recheck), ("respell", tasks.respell), ("reindex", tasks.reindex),
        ("redeem", tasks.redeem), ("payouts", tasks.pay_out), ("award", tasks.award), ("streaks", tasks.streaks),
        ("memberships", tasks.memberships), ("learn", tasks.learn), ("study", tasks.study), ("sum_up", tasks.sum_up),
    ):  # fmt: skip
        queue.entrypoint(name, concurrency_limit=1)(_handler(name, run, tasks.stop))


def _handler(
    name: str, run: Callable[[dict[str, int]], Awaitable[None]], stop: asyncio.Event
) -> Callable[[Job], Awaitable[None]]:
    async def handle(job: Job) -> None:
        payload = json.loads(job.payload or b"{}")

        async def once() -> None:
            await run(payload)

        with structlog.contextvars.bound_contextvars(job=name, job_id=job.id, **payload):
            try:
                await once_there_is_room(once, stop, _nothing)
            except Interrupted:
                raise RetryRequested(delay=timedelta(0), reason="this process is stopping") from None
            except Exception as error:  # noqa: BLE001 - whatever it is, the queue goes on
                _again_or_give_up(job, error)

    return handle


async def _nothing() -> None:
    """Nobody waits to be told."""


def _again_or_give_up(job: Job, error: Exception) -> None:
    """Ask for another attempt; after the last, let the job go: what it was for is seen again by the clock."""
    if job.attempts + 1 >= MOST_ATTEMPTS:
        log.error("a job was given up", reason=str(error), exc_info=error)
        return
    delay_s = min(2.0 ** (job.attempts + 1), 300.0) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
    log.warning("a job will be tried again", reason=str(error), delay_s=round(delay_s, 1))
    raise RetryRequested(delay=timedelta(seconds=delay_s), reason=str(error))


async def work(queue: PgQueuer, stop: asyncio.Event) -> None:
    """Work until ``stop`` is set; what is under way then is put back and goes on in another process."""
    running = asyncio.create_task(
        queue.run(dequeue_timeout=LOOK_AGAIN, batch_size=1, max_concurrent_tasks=AT_ONCE,
                  heartbeat_timeout=HEARTBEAT)
    )  # fmt: skip
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    queue.shutdown.set()
    stopping.cancel()
    with suppress(TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(running, STOPS_WITHIN_S)
