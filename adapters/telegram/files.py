"""Files that came with a message, and how they are fetched from a Bot API server."""

from contextlib import aclosing
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiohttp
import structlog
from telegram import Audio, Bot, Document, Message, PhotoSize, Video, VideoNote, Voice
from telegram.error import BadRequest
from yarl import URL

from adapters.telegram.failures import provider_errors, says
from core.conversation import Attachment
from core.errors import ProviderBusy, ProviderError, UploadRefused
from core.library.saving import PIECE_BYTES, Pieces, pieces_of, save_pieces
from core.sent_files import may_be_a_source

log = structlog.get_logger()

# A local Bot API server answers only when it has fetched the whole file from Telegram itself.
SLOWEST_BYTES_PER_S: Final = 1_000_000
PATIENCE_S: Final = 60.0
QUIET: Final = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=PATIENCE_S)

Media = Document | Video | Audio | Voice | VideoNote | PhotoSize


class Files:
    """Makes attachments that are streamed from the Bot API server, or copied where a local one has its folder here.

    Args:
        bot: asks the server where a file is.
        address: what stands before a file's path in its link; it holds the token.
        largest_file_bytes: what is taken.
    """

    def __init__(self, bot: Bot, address: str, largest_file_bytes: int) -> None:
        self._bot = bot
        self._address = address
        self._largest_file_bytes = largest_file_bytes

    def attachment_of(self, message: Message) -> Attachment | None:
        """The file or picture of a message, or else the file of the message that it replies to."""
        answered = message.reply_to_message
        media = _media(message) or _picture(message) or (_media(answered) if answered else None)
        return None if media is None else self._attachment(media)

    def sent_with(self, message: Message) -> list[Attachment]:
        """The file of a message, if it could become a source."""
        media = _media(message)
        return [self._attachment(media)] if media and could_be_source(message) else []

    def answered_by(self, message: Message) -> list[Attachment]:
        """The file of the message that a person replies to, if it could become a source and is not from a bot."""
        answered = message.reply_to_message
        if answered is None or answered.from_user is None or answered.from_user.is_bot:
            return []
        return self.sent_with(answered)

    def _attachment(self, media: Media) -> Attachment:
        unnamed = "photo.jpg" if isinstance(media, PhotoSize) else type(media).__name__.lower()
        name = getattr(media, "file_name", None) or unnamed
        size_bytes = media.file_size or 0

        async def save(path: Path) -> None:
            await save_pieces(
                self._pieces(media, name), path,
                name=name, size_bytes=size_bytes, largest_bytes=self._largest_file_bytes,
            )  # fmt: skip

        return Attachment(name, size_bytes, save)

    async def _pieces(self, media: Media, name: str) -> Pieces:
        file_path = await self._path(media, name)
        local = Path(file_path).is_absolute()
        pieces = self._copied(file_path, name) if local else _streamed(f"{self._address}/{quote(file_path)}")
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _path(self, media: Media, name: str) -> str:
        """Where the server has a file: below its address or, on a local server, in its own folder."""
        patience_s = PATIENCE_S + (media.file_size or 0) / SLOWEST_BYTES_PER_S
        with provider_errors():
            try:
                file = await self._bot.get_file(media.file_id, read_timeout=patience_s)
            except BadRequest as error:
                if not says(error, "file is too big"):
                    raise
                raise _too_large_for_telegram(name, media.file_size or 0) from error
        return (file.file_path or "").removeprefix(f"{self._address}/")

    async def _copied(self, file_path: str, name: str) -> Pieces:
        try:
            async with aclosing(pieces_of(Path(file_path))) as pieces:
                async for piece in pieces:
                    yield piece
        except OSError as error:
            masked = file_path.replace(self._bot.token, "(bot_token)")
            log.error(
                "a file of the local Bot API server cannot be read: its folder must be there for this program too, "
                "under the same path and readable",
                path=masked, reason=error.strerror,
            )  # fmt: skip
            raise UploadRefused(
                f"Telegram's server here has {name}, but I cannot read its folder. Please tell the operator (the log "
                "says which), or send a link to the file instead."
            ) from error


def could_be_source(message: Message) -> bool:
    """Whether a message brings a file that could become a source; no picture, moving or not, is one."""
    media = _media(message)
    return media is not None and message.animation is None and may_be_a_source(getattr(media, "mime_type", None))


def _media(message: Message) -> Media | None:
    return message.document or message.video or message.audio or message.voice or message.video_note


def _picture(message: Message) -> Media | None:
    """The largest size of a picture; it is taken only by a command that stands beside it."""
    return max(message.photo, key=lambda size: size.width * size.height, default=None)


async def _streamed(url: str) -> Pieces:
    """The content behind a link as it comes; errors never show the link, since it holds the token."""
    headers = {"Accept-Encoding": "identity"}
    try:
        async with (
            aiohttp.ClientSession(timeout=QUIET, headers=headers, trust_env=True) as session,
            session.get(URL(url, encoded=True)) as response,
        ):
            if response.status != HTTPStatus.OK:
                raise ProviderError(f"Telegram did not hand over a file: it answers {response.status}")
            async for piece in response.content.iter_chunked(PIECE_BYTES):
                yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ProviderBusy(f"Telegram did not hand over a whole file: {type(error).__name__}") from None


def _too_large_for_telegram(name: str, size_bytes: int) -> UploadRefused:
    size = f"has {size_bytes / 1e6:.0f} MB" if size_bytes else "is larger"
    return UploadRefused(
        f"Telegram hands bots files of at most 20 MB, and {name} {size}. Please send a link to it instead. "
        "With a Bot API server of its own (telegram.api_url) the operator can lift this limit to 2 GB."
    )
