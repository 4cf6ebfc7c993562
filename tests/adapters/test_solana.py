"""CHRONOS on chain, exactly once: the real programs, and a node that loses answers, transactions and blockhashes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from spl.token.constants import TOKEN_PROGRAM_ID
from spl.token.instructions import get_associated_token_address

from adapters.services.solana import SolanaTransfers, checked_address, keypair_of
from core.errors import ConfigurationError, ProviderError, Refused
from core.ids import CreatorId, StudentId
from core.rewards.redemption import Attempt, Fate, Found, Rail, Redemption, State
from tests.wire.fake_solana import TREASURY, Chain, FakeSolana, Loss, serving


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.fixture
async def node(chain: Chain) -> AsyncIterator["Transfer"]:
    fake = FakeSolana(chain)
    async with serving(fake) as url:
        payout = SolanaTransfers(str(chain.treasury), str(chain.mint), url, 0)
        yield Transfer(fake, payout)
        await payout.close()


@dataclass
class Transfer:
    """A redemption of 700 on its way to somebody new, with what is kept of it."""

    node: FakeSolana
    payout: SolanaTransfers
    person: Keypair = field(default_factory=Keypair)
    kept: list[Attempt] = field(default_factory=list)
    chronos: int = 700

    @property
    def redemption(self) -> Redemption:
        return Redemption(
            1, CreatorId(1), f"2-{self.person.pubkey()}"[:18].lower(), StudentId(2), Rail.SOLANA, self.chronos, 700,
            "USD", str(self.person.pubkey()), State.SENDING, datetime.now(UTC),
            attempt=self.kept[-1] if self.kept else None,
        )  # fmt: skip

    async def keep(self, attempt: Attempt) -> Attempt:
        self.kept.append(attempt)
        return attempt

    async def send(self) -> Found:
        return await self.payout.send(self.redemption, self.keep)

    async def look(self) -> Found:
        return await self.payout.look(self.redemption)

    @property
    def held(self) -> int:
        return self.node.chain.held_by(self.person.pubkey())


async def test_tokens_arrive_with_an_account_of_their_own_and_the_redemptions_name(node: Transfer) -> None:
    node.node.final = False
    assert (await node.send()).fate is Fate.PENDING
    assert (await node.look()).fate is Fate.PENDING
    node.node.final = True
    found = await node.look()
    assert (found.fate, found.ref, found.receipt) == (Fate.SETTLED, *[node.kept[0]["signature"]] * 2)
    assert node.held == 700
    assert f"chronos {node.redemption.key}".encode() in node.node.sent[0]


async def test_an_answer_that_is_lost_leads_to_the_same_bytes_and_one_transfer(node: Transfer) -> None:
    node.node.losses.append(Loss.ANSWER)
    with pytest.raises(ProviderError):
        await node.send()
    assert (await node.send()).fate is Fate.PENDING
    assert (await node.look()).fate is Fate.SETTLED
    assert (len(node.kept), len(set(node.node.sent)), node.held) == (1, 1, 700)


async def test_a_transaction_that_gets_lost_is_sent_again_as_it_is_while_it_may_still_count(node: Transfer) -> None:
    node.node.losses.append(Loss.TRANSACTION)
    await node.send()
    assert node.held == 0
    assert (await node.look()).fate is Fate.UNKNOWN
    assert (await node.send()).fate is Fate.PENDING
    assert (await node.look()).fate is Fate.SETTLED
    assert (len(node.kept), len(node.node.sent), len(set(node.node.sent)), node.held) == (1, 2, 1, 700)


async def test_only_what_expired_unseen_is_signed_anew(node: Transfer) -> None:
    node.node.losses.append(Loss.TRANSACTION)
    await node.send()
    node.node.chain.expire()
    assert (await node.look()).fate is Fate.MISSING
    assert (await node.send()).fate is Fate.PENDING
    assert (await node.look()).fate is Fate.SETTLED
    assert (len(node.kept), node.held) == (2, 700)


async def test_what_was_executed_is_never_signed_anew_however_late_it_is_seen(node: Transfer) -> None:
    node.node.losses.append(Loss.ANSWER)
    with pytest.raises(ProviderError):
        await node.send()
    node.node.chain.expire()
    assert (await node.look()).fate is Fate.SETTLED
    with pytest.raises(ProviderError):  # the node refuses the old bytes, and nothing new is signed
        await node.send()
    assert (len(node.kept), node.held) == (1, 700)


async def test_of_two_workers_that_sign_the_second_sends_what_the_first_kept(node: Transfer) -> None:
    await node.send()

    async def another_was_quicker(_: Attempt) -> Attempt:
        return node.kept[0]

    late = replace(node.redemption, attempt=None)
    assert (await node.payout.send(late, another_was_quicker)).fate is Fate.PENDING
    assert (len(set(node.node.sent)), node.held) == (1, 700)


async def test_an_empty_treasury_and_an_account_of_a_program_are_seen_before_anything_is_signed(
    node: Transfer,
) -> None:
    node.chronos = TREASURY + 1
    assert (await node.send()).fate is Fate.POSTPONED
    mint = replace(node.redemption, chronos=5, destination=str(node.node.chain.mint))
    assert (await node.payout.send(mint, node.keep)).fate is Fate.FAILED
    assert (node.kept, node.node.sent) == ([], [])


def test_an_address_is_checked_in_words() -> None:
    person = str(Keypair().pubkey())
    assert checked_address(f" {person}\n") == person
    account = get_associated_token_address(Pubkey.from_string(person), TOKEN_PROGRAM_ID)
    for wrong, why in (
        ("hello", "32 to 44"), (person[:-6], "32 to 44"), ("0x" + "a" * 40, "32 to 44"), ("", "32 to 44"),
        (str(TOKEN_PROGRAM_ID), "program"), (str(Pubkey.default()), "program"), (person, "program"),
        (str(account), "no key of its own"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=why):
            checked_address(wrong, mint=person)


def test_the_key_is_taken_as_numbers_or_as_base58_and_nothing_else() -> None:
    key = Keypair()
    assert keypair_of(str(key)) == keypair_of(str(list(bytes(key)))) == key
    for wrong in ("", "[1, 2]", "[a]", "not a key"):
        with pytest.raises(ConfigurationError, match=r"solana\.keypair"):
            keypair_of(wrong)
