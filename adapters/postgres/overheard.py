"""Noting on PostgreSQL what was overheard in communities: one look at who is who, then a transaction a creator."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from adapters.postgres.acts import record_act, take_back
from adapters.postgres.database import Connection, Database
from adapters.postgres.directory import ENROL, remember
from adapters.postgres.jobs import AWARD, put_job
from adapters.postgres.tariffs import tariff_of
from core.conversation import Person, Place
from core.errors import DatabaseError
from core.ids import CreatorId, StudentId
from core.overheard import Deleted, Fact, Reacted, Said
from core.rewards.acts import Act
from core.rewards.listening import Contribution, contributions, message_key
from core.rewards.rules import MESSAGE, NOTHING, REACTION, Rewards

GONE: Final = "the message was deleted"
WITHDRAWN: Final = "the reaction was taken away"

COMMUNITIES: Final = """
    SELECT m.platform, m.external_id, m.staff_role, c.id AS creator_id, c.owner_id, c.contributions,
           c.who_may_ask = 'everyone' AS open
      FROM communities m JOIN creators c ON c.id = m.creator_id
     WHERE (m.platform, m.external_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
"""
IDENTITIES: Final = """
    SELECT platform, external_id, student_id FROM identities
     WHERE (platform, external_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
"""
ENROLMENTS: Final = """
    SELECT creator_id, student_id, status = 'active' AS active FROM enrolments
     WHERE creator_id = ANY ($1) AND student_id = ANY ($2)
"""
NOTE: Final = """
    INSERT INTO learning_acts (creator_id, student_id, rule, key, done_at, words, characters, fingerprint, evidence)
    SELECT $1, n.student_id, $2, n.key, n.done_at, n.words, n.characters, n.fingerprint,
           jsonb_build_object('message', n.key)
      FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::int[], $7::int[], $8::bigint[])
           AS n (student_id, key, done_at, words, characters, fingerprint)
    ON CONFLICT (creator_id, key) DO NOTHING RETURNING id
"""
AUTHOR: Final = """
    SELECT student_id FROM learning_acts
     WHERE creator_id = $1 AND evidence ->> 'message' = $2 AND given_by IS NULL
       AND verdict IS DISTINCT FROM 'taken_back'
     ORDER BY id LIMIT 1
"""
EARNED_BY: Final = """
    SELECT key FROM learning_acts WHERE creator_id = $1 AND evidence ->> 'message' = ANY ($2)
"""
IS_ACTIVE: Final = "SELECT status = 'active' FROM enrolments WHERE creator_id = $1 AND student_id = $2"


@dataclass(frozen=True, slots=True)
class _Community:
    creator_id: CreatorId
    owner_id: StudentId | None
    staff_role: str
    open: bool
    listens: bool

    def is_staff(self, person: Person, student_id: StudentId) -> bool:
        """Whether the creator's own staff speaks, which earns nothing here."""
        has_role = bool(self.staff_role) and self.staff_role in person.roles
        return student_id == self.owner_id or person.manages or has_role


@dataclass(frozen=True, slots=True)
class _Scene:
    """Who is who in a batch: the communities that are listened to, the people, and who may earn with whom."""

    communities: Mapping[tuple[str, str], _Community]
    people: Mapping[tuple[str, str], StudentId]
    members: Mapping[tuple[CreatorId, StudentId], bool]

    def community(self, place: Place) -> _Community | None:
        return self.communities.get((place.platform, place.community))

    def member(self, place: Place, person: Person) -> StudentId | None:
        """The student behind an account, where their enrolment is active."""
        community, student_id = self.community(place), self.people.get((person.platform, person.external_id))
        if community is None or student_id is None:
            return None
        return student_id if self.members.get((community.creator_id, student_id)) else None


class PostgresNotebook:
    """See :class:`core.rewards.listening.Notebook`."""

    def __init__(self, database: Database, defaults: Rewards) -> None:
        self._database = database
        self._defaults = defaults

    async def note(self, facts: Sequence[Fact]) -> None:
        """Note a batch; of what was written only how much, and a fingerprint."""
        written = await asyncio.to_thread(contributions, facts)
        followed = [fact for fact in facts if not isinstance(fact, Said)]
        async with self._database.system() as connection:
            scene = await _scene(connection, written, followed)
        try:
            for creator_id in {community.creator_id for community in scene.communities.values()}:
                async with self._database.creator(creator_id) as connection:
                    await _note(connection, creator_id, written, scene)
                    await self._follow(connection, creator_id, followed, scene)
        except asyncpg.ForeignKeyViolationError as error:
            raise DatabaseError("somebody was erased while their messages were noted") from error

    async def _follow(
        self, connection: Connection, creator_id: CreatorId, facts: Sequence[Deleted | Reacted], scene: _Scene
    ) -> None:
        """Take back what was earned by what is gone, and note reactions where they are paid."""
        here = [fact for fact in facts if _is_of(scene, fact.place, creator_id)]
        if not here:
            return
        pays = bool((await tariff_of(connection, creator_id, self._defaults)).rules.get(REACTION, NOTHING).amount)
        for fact in here:
            if isinstance(fact, Deleted):
                await _take_back(connection, creator_id, fact)
            elif giver := scene.member(fact.place, fact.person):
                await _react(connection, creator_id, fact, giver, pays=pays)


async def _scene(
    connection: Connection, written: Sequence[Contribution], followed: Sequence[Deleted | Reacted]
) -> _Scene:
    said = [each.said for each in written]
    communities = await _communities(connection, [*(each.place for each in said), *(f.place for f in followed)])
    heard = [each for each in said if _listens(communities.get((each.place.platform, each.place.community)))]
    reacted = [fact for fact in followed if isinstance(fact, Reacted)]
    people = await _people(connection, [*(each.person for each in heard), *(each.person for each in reacted)])
    creators = list({community.creator_id for community in communities.values()})
    rows = await connection.fetch(ENROLMENTS, creators, list(people.values()))
    members = {(CreatorId(row["creator_id"]), StudentId(row["student_id"])): row["active"] for row in rows}
    scene = _Scene(communities, people, members)
    for fact in heard:
        community = communities[fact.place.platform, fact.place.community]
        if community.open and not fact.person.manages:
            await _welcome(connection, community.creator_id, fact.person, people, members)
    return scene


def _listens(community: _Community | None) -> bool:
    return community is not None and community.listens


async def _communities(connection: Connection, places: Iterable[Place]) -> dict[tuple[str, str], _Community]:
    wanted = sorted({(place.platform, place.community) for place in places})
    rows = await connection.fetch(COMMUNITIES, *_columns(wanted))
    return {
        (row["platform"], row["external_id"]): _Community(
            CreatorId(row["creator_id"]), row["owner_id"], row["staff_role"], row["open"], row["contributions"]
        )
        for row in rows
    }


async def _people(connection: Connection, persons: Iterable[Person]) -> dict[tuple[str, str], StudentId]:
    wanted = sorted({(person.platform, person.external_id) for person in persons})
    rows = await connection.fetch(IDENTITIES, *_columns(wanted))
    return {(row["platform"], row["external_id"]): StudentId(row["student_id"]) for row in rows}


def _columns(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [first for first, _ in pairs], [second for _, second in pairs]


async def _welcome(
    connection: Connection, creator_id: CreatorId, person: Person, people: dict[tuple[str, str], StudentId],
    members: dict[tuple[CreatorId, StudentId], bool],
) -> None:  # fmt: skip
    """Enrol who takes part for the first time where everyone may; who was paused or ended stays so."""
    account = (person.platform, person.external_id)
    if account not in people:
        found = await remember(connection, person)
        if found is None:
            return  # somebody else's transaction is first; the next message counts
        people[account] = StudentId(found)
    key = (creator_id, people[account])
    if key not in members:
        await connection.execute(ENROL, *key)
        members[key] = await connection.fetchval(IS_ACTIVE, *key)


async def _note(
    connection: Connection, creator_id: CreatorId, written: Sequence[Contribution], scene: _Scene
) -> None:
    rows = [row for each in written if (row := _row(creator_id, each, scene))]
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    if await connection.fetch(NOTE, creator_id, MESSAGE, *columns):
        await put_job(connection, AWARD, creator_id)


def _row(creator_id: CreatorId, written: Contribution, scene: _Scene) -> tuple[object, ...] | None:
    said, wording = written.said, written.wording
    community, student_id = scene.community(said.place), scene.member(said.place, said.person)
    if community is None or student_id is None or community.creator_id != creator_id:
        return None
    if not community.listens or community.is_staff(said.person, student_id):
        return None
    key = message_key(said.place, said.message_id)
    return (student_id, key, said.at, wording.words, wording.characters, wording.fingerprint)


def _is_of(scene: _Scene, place: Place, creator_id: CreatorId) -> bool:
    community = scene.community(place)
    return community is not None and community.creator_id == creator_id


async def _take_back(connection: Connection, creator_id: CreatorId, gone: Deleted) -> None:
    keys = [message_key(gone.place, message_id) for message_id in gone.message_ids]
    for row in await connection.fetch(EARNED_BY, creator_id, keys):
        await take_back(connection, creator_id, row["key"], GONE)


async def _react(
    connection: Connection, creator_id: CreatorId, fact: Reacted, giver: StudentId, *, pays: bool
) -> None:
    message = message_key(fact.place, fact.message_id)
    key = f"reaction:{message}:{giver}"
    if not fact.stands:
        await take_back(connection, creator_id, key, WITHDRAWN)
        return
    author = await connection.fetchval(AUTHOR, creator_id, message)
    if pays and author not in {None, giver}:
        await record_act(
            connection,
            Act(creator_id, StudentId(author), REACTION, key, fact.at, evidence={"message": message}, given_by=giver),
        )
