"""CHRONOS on Solana, exactly once: signed once, kept before it is sent, and only those bytes are ever sent again.

A new transaction is signed only when the chain is past the last block in which the old one could have been taken up,
and its status, read after that with the whole history, says that it was not.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, TypeVar

from solana.exceptions import SolanaRpcException
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized
from solana.rpc.core import RPCException
from solana.rpc.models import TxOpts
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.rpc.errors import SendTransactionPreflightFailureMessage
from solders.signature import Signature
from solders.system_program import ID as SYSTEM_PROGRAM
from solders.transaction import Transaction
from solders.transaction_status import TransactionConfirmationStatus, TransactionStatus
from spl.memo.constants import MEMO_PROGRAM_ID
from spl.memo.instructions import create_memo
from spl.memo.models import MemoParams
from spl.token.constants import ASSOCIATED_TOKEN_PROGRAM_ID, TOKEN_2022_PROGRAM_ID, TOKEN_PROGRAM_ID, WRAPPED_SOL_MINT
from spl.token.instructions import (
    create_idempotent_associated_token_account,
    get_associated_token_address,
    transfer_checked,
)
from spl.token.models import TransferCheckedParams

from core.errors import ConfigurationError, ProviderBusy, ProviderError, Refused
from core.rewards.redemption import Attempt, Fate, Found, Keep, Redemption

T = TypeVar("T")

OFFICIAL: Final = "https://api.mainnet-beta.solana.com"
ANSWERS_WITHIN_S: Final = 30.0
EMPTY: Final = "our account on Solana does not hold enough."
NO_WALLET: Final = "that address is an account of a program, not a person's wallet."
ON_CHAIN: Final = "the chain refused it."
_PROGRAMS: Final = frozenset(
    {SYSTEM_PROGRAM, TOKEN_PROGRAM_ID, TOKEN_2022_PROGRAM_ID, ASSOCIATED_TOKEN_PROGRAM_ID, MEMO_PROGRAM_ID,
     WRAPPED_SOL_MINT}
)  # fmt: skip


def checked_address(text: str, mint: str = "") -> str:
    """A person's address as it is written on the chain.

    Raises:
        Refused: it is no address, or that of a program or a token; says which.
    """
    try:
        address = Pubkey.from_string(text.strip())
    except ValueError:
        raise Refused(
            "That is not a Solana address: one has 32 to 44 letters and digits, without 0, O, I and l. Copy it from "
            "your wallet's Receive page."
        ) from None
    if address in _PROGRAMS or str(address) == mint:
        raise Refused("That is the address of a program or a token. Copy your own from your wallet's Receive page.")
    if not address.is_on_curve():
        raise Refused(
            "That address has no key of its own (such as a token account): CHRONOS sent there could be lost. Copy "
            "the address from your wallet's Receive page."
        )
    return str(address)


def keypair_of(text: str) -> Keypair:
    """The key that pays: 64 numbers as in a key file of the Solana tools, or base58.

    Raises:
        ConfigurationError: it is neither.
    """
    try:
        return (
            Keypair.from_bytes(bytes(json.loads(text))) if text.startswith("[") else Keypair.from_base58_string(text)
        )
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            "solana.keypair takes the 64 numbers of a key file, or the key in base58."
        ) from error


class SolanaTransfers:
    """See :class:`core.rewards.redemption.Payout`."""

    sends_again_for: timedelta | None = None

    def __init__(self, keypair: str, mint: str, base_url: str, decimals: int) -> None:
        self._keypair = keypair_of(keypair)
        try:
            self._mint = Pubkey.from_string(mint)
        except ValueError:
            raise ConfigurationError(f"solana.mint takes the token's address, not {mint!r}.") from None
        self._decimals = decimals
        self._treasury = get_associated_token_address(self._keypair.pubkey(), self._mint)
        self._url = base_url or OFFICIAL
        self._client: AsyncClient | None = None

    async def send(self, redemption: Redemption, keep: Keep) -> Found:
        """Sign where nothing is signed that may still count, keep it, then send what is kept."""
        attempt = redemption.attempt
        if attempt is None or await self._expired(attempt):
            if refusal := await self._refusal(redemption):
                return refusal
            attempt = await keep(await self._signed(redemption))
        await self._broadcast(attempt)
        return Found(Fate.PENDING, str(attempt["signature"]))

    async def look(self, redemption: Redemption) -> Found:
        """What the chain says of what was signed; nothing is known of it while it may still be taken up."""
        attempt = redemption.attempt
        if attempt is None:
            return Found(Fate.MISSING)
        signature = str(attempt["signature"])
        height = await self._height()
        status = await self._status(attempt)  # read after the height: then nothing can come any more
        if status is None:
            expired = height > int(attempt["last_valid_block_height"])
            return Found(Fate.MISSING if expired else Fate.UNKNOWN)
        if status.err is not None:
            final = status.confirmation_status == TransactionConfirmationStatus.Finalized
            return Found(Fate.FAILED if final else Fate.PENDING, signature, ON_CHAIN if final else "")
        final = status.confirmation_status == TransactionConfirmationStatus.Finalized
        return Found(Fate.SETTLED if final else Fate.PENDING, signature, receipt=signature if final else "")

    async def close(self) -> None:
        """Give the connections back."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _expired(self, attempt: Attempt) -> bool:
        height = await self._height()
        return height > int(attempt["last_valid_block_height"]) and await self._status(attempt) is None

    async def _refusal(self, redemption: Redemption) -> Found | None:
        """Why it cannot be sent, seen before anything is signed."""
        client = await self._opened()
        receiver = await _asked(client.get_account_info(Pubkey.from_string(redemption.destination), Confirmed))
        if receiver.value is not None and receiver.value.owner != SYSTEM_PROGRAM:
            return Found(Fate.FAILED, reason=NO_WALLET)
        try:
            balance = await _asked(client.get_token_account_balance(self._treasury, Confirmed))
        except ProviderError:
            return Found(Fate.POSTPONED, reason=EMPTY)
        return Found(Fate.POSTPONED, reason=EMPTY) if int(balance.value.amount) < self._units(redemption) else None

    async def _signed(self, redemption: Redemption) -> Attempt:
        client = await self._opened()
        latest = (await _asked(client.get_latest_blockhash(Finalized))).value
        payer = self._keypair.pubkey()
        message = Message.new_with_blockhash(self._instructions(redemption), payer, latest.blockhash)
        transaction = Transaction([self._keypair], message, Hash.from_string(str(latest.blockhash)))
        return {
            "signature": str(transaction.signatures[0]),
            "signed": base64.b64encode(bytes(transaction)).decode(),
            "last_valid_block_height": latest.last_valid_block_height,
        }

    def _instructions(self, redemption: Redemption) -> list[Instruction]:
        """The receiver's token account where there is none, the transfer, and the redemption's name beside it."""
        payer, receiver = self._keypair.pubkey(), Pubkey.from_string(redemption.destination)
        transfer = TransferCheckedParams(
            program_id=TOKEN_PROGRAM_ID, source=self._treasury, mint=self._mint,
            dest=get_associated_token_address(receiver, self._mint), owner=payer, amount=self._units(redemption),
            decimals=self._decimals,
        )  # fmt: skip
        memo = MemoParams(program_id=MEMO_PROGRAM_ID, signer=payer, message=f"chronos {redemption.key}".encode())
        return [
            create_idempotent_associated_token_account(payer, receiver, self._mint),
            transfer_checked(transfer),
            create_memo(memo),
        ]

    def _units(self, redemption: Redemption) -> int:
        units: int = redemption.chronos * 10**self._decimals
        return units

    async def _broadcast(self, attempt: Attempt) -> None:
        """Send the kept bytes; that the chain has them already is no failure."""
        client = await self._opened()
        try:
            signed = base64.b64decode(str(attempt["signed"]), validate=True)
        except binascii.Error as error:
            raise ProviderError("What was signed for Solana cannot be read") from error
        options = TxOpts(skip_preflight=False, preflight_commitment=Confirmed, max_retries=0)
        try:
            with _in_words():
                await client.send_raw_transaction(signed, options)
        except ProviderError as error:
            if not _is_known(error.__cause__):
                raise

    async def _height(self) -> int:
        client = await self._opened()
        height: int = (await _asked(client.get_block_height(Finalized))).value
        return height

    async def _status(self, attempt: Mapping[str, Any]) -> TransactionStatus | None:
        client = await self._opened()
        signature = Signature.from_string(str(attempt["signature"]))
        return (await _asked(client.get_signature_statuses([signature], search_transaction_history=True))).value[0]

    async def _opened(self) -> AsyncClient:
        if self._client is None:
            self._client = await asyncio.to_thread(
                AsyncClient, self._url, timeout=ANSWERS_WITHIN_S, max_transport_retries=0
            )
        return self._client


async def _asked(call: Awaitable[T]) -> T:
    with _in_words():
        return await call


@contextmanager
def _in_words() -> Iterator[None]:
    """A node that fails or refuses leaves the outcome unknown."""
    try:
        yield
    except SolanaRpcException as error:
        raise ProviderBusy(f"Solana did not answer ({type(error.__cause__).__name__})") from error
    except RPCException as error:
        raise ProviderError(f"Solana refused: {str(error)[:200]}") from error


def _is_known(error: BaseException | None) -> bool:
    """Whether a node says that the chain has these very bytes already."""
    said = error.args[0] if isinstance(error, RPCException) and error.args else None
    if not isinstance(said, SendTransactionPreflightFailureMessage):
        return False
    return "AlreadyProcessed" in str(said.data.err)
