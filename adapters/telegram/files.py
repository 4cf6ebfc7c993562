"""Files that came with a message."""

from telegram import Audio, Bot, Document, Message, Video, Voice
from telegram.error import BadRequest

from adapters.telegram.failures import provider_errors, says
from core.conversation import Attachment
from core.errors import UploadRefused
from core.library.uploads import check_size

DOWNLOAD_TIMEOUT_S = 120.0

Media = Document | Video | Audio | Voice


def attachment_of(message: Message, bot: Bot, largest_bytes: int) -> Attachment | None:
    """The file of a message, or else of the message that it replies to."""
    media = _media(message) or (_media(message.reply_to_message) if message.reply_to_message else None)
    if media is None:
        return None
    name = getattr(media, "file_name", None) or type(media).__name__.lower()
    size_bytes = media.file_size or 0

    async def read() -> bytes:
        check_size(name, size_bytes, largest_bytes)
        return await _download(bot, media, name)

    return Attachment(name, size_bytes, read)


def _media(message: Message) -> Media | None:
    return message.document or message.video or message.audio or message.voice


async def _download(bot: Bot, media: Media, name: str) -> bytes:
    with provider_errors():
        try:
            file = await bot.get_file(media.file_id)
        except BadRequest as error:
            if not says(error, "file is too big"):
                raise
            raise UploadRefused(
                f"Telegram hands bots files of at most 20 MB, and {name} is larger. Please send a link to it "
                "instead, or split it."
            ) from error
        return bytes(await file.download_as_bytearray(read_timeout=DOWNLOAD_TIMEOUT_S))
