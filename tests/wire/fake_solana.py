"""A node of Solana as it is on the wire, around a machine with the real programs.

It can execute a transaction and drop the answer, lose one that it said it took, and let blockhashes expire.
"""

import base64
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from aiohttp import web
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import CreateAccountParams, create_account
from solders.transaction import Transaction, VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata
from spl.token.constants import MINT_LEN, TOKEN_PROGRAM_ID
from spl.token.instructions import (
    create_idempotent_associated_token_account,
    get_associated_token_address,
    initialize_mint2,
    mint_to_checked,
)
from spl.token.models import InitializeMint2Params, MintToCheckedParams

BLOCKS_A_HASH_LASTS: Final = 150
TREASURY: Final = 100_000


class Loss(Enum):
    """What goes wrong with a transaction that is sent."""

    ANSWER = "it is executed, and nobody is told"
    TRANSACTION = "it is taken, and never executed"


class Chain:
    """A chain with one token of no decimals, all of which a treasury holds."""

    def __init__(self) -> None:
        self.machine = LiteSVM()
        self.treasury = Keypair()
        self.height = 1000
        self.machine.airdrop(self.treasury.pubkey(), 10**10)
        self.mint = self._new_token()

    def _new_token(self) -> Pubkey:
        mint, payer = Keypair(), self.treasury.pubkey()
        account = CreateAccountParams(
            from_pubkey=payer, to_pubkey=mint.pubkey(), space=MINT_LEN, owner=TOKEN_PROGRAM_ID,
            lamports=self.machine.minimum_balance_for_rent_exemption(MINT_LEN),
        )  # fmt: skip
        token = InitializeMint2Params(
            decimals=0, mint=mint.pubkey(), mint_authority=payer, program_id=TOKEN_PROGRAM_ID
        )
        issued = MintToCheckedParams(
            program_id=TOKEN_PROGRAM_ID, mint=mint.pubkey(), mint_authority=payer, amount=TREASURY, decimals=0,
            dest=get_associated_token_address(payer, mint.pubkey()),
        )  # fmt: skip
        message = Message.new_with_blockhash(
            [
                create_account(account),
                initialize_mint2(token),
                create_idempotent_associated_token_account(payer, payer, mint.pubkey()),
                mint_to_checked(issued),
            ],
            payer,
            self.machine.latest_blockhash(),
        )
        done = self.machine.send_transaction(Transaction([self.treasury, mint], message, message.recent_blockhash))
        assert not isinstance(done, FailedTransactionMetadata), done
        return mint.pubkey()

    def held_by(self, owner: Pubkey) -> int:
        """The tokens of a person."""
        account = self.machine.get_account(get_associated_token_address(owner, self.mint))
        return 0 if account is None else int.from_bytes(bytes(account.data)[64:72], "little")

    def expire(self) -> None:
        """Let so many blocks pass that no blockhash of before counts any more."""
        self.machine.expire_blockhash()
        self.height += BLOCKS_A_HASH_LASTS + 1


@dataclass
class FakeSolana:
    """The node."""

    chain: Chain
    losses: deque[Loss] = field(default_factory=deque)
    sent: list[bytes] = field(default_factory=list)
    """The signed bytes of every call that sends, whatever became of it."""
    on_call: Callable[[str], None] | None = None
    after_sending: Callable[[], None] | None = None
    final: bool = True
    """Whether what was executed is final at once."""
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        method, parameters = asked["method"], asked.get("params", [])
        if self.on_call is not None:
            self.on_call(method)
        try:
            result = getattr(self, f"_{method}")(request, *parameters)
        except _RpcError as error:
            body = {"jsonrpc": "2.0", "id": asked["id"], "error": error.body}
        else:
            body = {"jsonrpc": "2.0", "id": asked["id"], "result": result}
        if request.transport is None or request.transport.is_closing():
            raise web.HTTPServiceUnavailable
        return web.json_response(body)

    def _getLatestBlockhash(self, _: web.Request, *__: object) -> dict[str, Any]:  # noqa: N802 - as it is called
        last = self.chain.height + BLOCKS_A_HASH_LASTS
        return self._in_context(
            {"blockhash": str(self.chain.machine.latest_blockhash()), "lastValidBlockHeight": last}
        )

    def _getBlockHeight(self, _: web.Request, *__: object) -> int:  # noqa: N802 - as it is called
        return self.chain.height

    def _getAccountInfo(self, _: web.Request, key: str, *__: object) -> dict[str, Any]:  # noqa: N802 - as it is called
        account = self.chain.machine.get_account(Pubkey.from_string(key))
        if account is None:
            return self._in_context(None)
        data = bytes(account.data)
        return self._in_context({
            "lamports": account.lamports, "owner": str(account.owner), "executable": account.executable,
            "rentEpoch": 0, "space": len(data), "data": [base64.b64encode(data).decode(), "base64"],
        })  # fmt: skip

    def _getTokenAccountBalance(self, _: web.Request, key: str, *__: object) -> dict[str, Any]:  # noqa: N802 - as called
        account = self.chain.machine.get_account(Pubkey.from_string(key))
        if account is None:
            raise _RpcError(-32602, "Invalid param: could not find account")
        amount = int.from_bytes(bytes(account.data)[64:72], "little")
        return self._in_context(
            {"amount": str(amount), "decimals": 0, "uiAmount": float(amount), "uiAmountString": str(amount)}
        )

    def _getSignatureStatuses(  # noqa: N802 - as it is called
        self, _: web.Request, signatures: list[str], options: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        assert options is not None, "the whole history must be searched"
        assert options["searchTransactionHistory"], "the whole history must be searched"
        return self._in_context([self._status(signature) for signature in signatures])

    def _status(self, signature: str) -> dict[str, Any] | None:
        found = self.chain.machine.get_transaction(Signature.from_string(signature))
        if found is None:
            return None
        err = {"InstructionError": [0, {"Custom": 1}]} if isinstance(found, FailedTransactionMetadata) else None
        return {
            "slot": 1, "confirmations": None, "err": err, "status": {"Err": err} if err else {"Ok": None},
            "confirmationStatus": "finalized" if self.final else "confirmed",
        }  # fmt: skip

    def _sendTransaction(self, request: web.Request, text: str, options: dict[str, Any]) -> str:  # noqa: N802 - as called
        assert options["encoding"] == "base64"
        signed = base64.b64decode(text)
        self.sent.append(signed)
        transaction = VersionedTransaction.from_bytes(signed)
        loss = self.losses.popleft() if self.losses else None
        if loss is Loss.TRANSACTION:
            return str(transaction.signatures[0])
        done = self.chain.machine.send_transaction(transaction)
        if isinstance(done, FailedTransactionMetadata):
            raise _refused(done)
        if self.after_sending is not None:
            self.after_sending()
        if loss is Loss.ANSWER and request.transport is not None:
            request.transport.abort()
        return str(transaction.signatures[0])

    def _in_context(self, value: object) -> dict[str, Any]:
        return {"context": {"slot": self.chain.height, "apiVersion": "3.0.0"}, "value": value}


@asynccontextmanager
async def serving(node: FakeSolana) -> AsyncIterator[str]:
    """The node on loopback; yields its address."""
    app = web.Application()
    app.router.add_post("/", node.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class _RpcError(Exception):
    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message, **({} if data is None else {"data": data})}


def _refused(done: FailedTransactionMetadata) -> _RpcError:
    """What a node says that tries a transaction before it takes it."""
    name = str(done.err()).rsplit(".", 1)[-1].split("(")[0]
    err: object = (
        name if name in {"AlreadyProcessed", "BlockhashNotFound"} else {"InstructionError": [1, {"Custom": 1}]}
    )
    data = {"err": err, "logs": [], "accounts": None, "unitsConsumed": 0, "returnData": None}
    return _RpcError(-32002, f"Transaction simulation failed: {name}", data)
