"""Answers that a vendor's model words: what all vendors share of it, from the stream to the draft."""

import time
from abc import abstractmethod
from typing import Generic

from adapters.models.estimates import estimated
from adapters.models.prompts import length_bytes
from adapters.models.streamed import Event, Reader
from adapters.models.vendor_calls import Client, Stream, VendorModel
from adapters.models.vendor_failures import Overdue
from core.asking.writing import Draft, Heard, Task, unheard
from core.errors import ProviderError


class VendorAnswerModel(VendorModel[Client], Generic[Client, Event]):
    """A vendor's answer model; each vendor says how a task is asked and read."""

    @abstractmethod
    async def request(self, client: Client, task: Task) -> Stream[Event]:
        """Ask for an answer from the task's evidence, as a stream; what the SDK raises is translated."""

    @abstractmethod
    def reader(self, task: Task) -> Reader[Event]:
        """What reads one answer to a task."""

    async def write(self, task: Task, heard: Heard = unheard) -> Draft:
        """Word an answer; see :class:`core.asking.writing.AnswerModel`."""
        reader, began_s, first_word_ms, came = self.reader(task), time.perf_counter(), 0.0, False

        async def take(event: Event) -> None:
            nonlocal first_word_ms, came
            came = True
            completed = reader.take(event)
            if reader.begun and not first_word_ms:
                first_word_ms = 1000 * (time.perf_counter() - began_s)
            for sentence in completed:
                await heard(sentence)

        try:
            await self._vendor.follow(lambda client: self.request(client, task), take)
            written = reader.written()
        except ProviderError as error:
            used = reader.usage
            if not reader.counted and (came or isinstance(error, Overdue)):
                used = estimated(length_bytes(task), reader.received_bytes, used)
            error.usage, error.first_word_ms = self.priced(used, reader.model, reader.cost_usd), first_word_ms
            raise
        usage = self.priced(reader.usage, reader.model, reader.cost_usd)
        return Draft(written.covered, written.sentences, reader.model or self.name, usage, first_word_ms)
