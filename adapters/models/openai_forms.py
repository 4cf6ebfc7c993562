"""Forms filled by OpenAI's Responses API, in a strict schema."""

from typing import TYPE_CHECKING

from adapters.models.openai_calls import OpenAIModel, unfinished, usage_of
from adapters.models.vendor_failures import failure_of
from adapters.models.vendor_forms import REASONING_TOKENS, Said, VendorFormModel, material_of, rules_of
from core.asking.forms import Form

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.responses import Response


class OpenAIFormModel(OpenAIModel, VendorFormModel["AsyncOpenAI"]):
    """Fills forms with an OpenAI model."""

    async def ask(self, client: "AsyncOpenAI", form: Form) -> Said:
        """Ask for the form in its strict schema."""
        reply = await client.responses.create(
            model=self.model,
            instructions=rules_of(form),
            input=material_of(form),
            max_output_tokens=form.most_tokens + REASONING_TOKENS,
            store=False,
            text={"format": {"type": "json_schema", "name": "form", "strict": True, "schema": dict(form.schema)}},
        )
        if reply.error is not None:
            raise failure_of(self.title, reply.error.code, reply.error.message)
        return Said(reply.output_text, usage_of(reply), problem=_problem(reply))


def _problem(reply: "Response") -> str:
    """Why it is of no use: stopped early, or declined."""
    if reason := unfinished(reply):
        return f"did not fill the form ({reason})"
    parts = [part for item in reply.output if item.type == "message" for part in item.content]
    return "refused to fill the form" if any(part.type == "refusal" for part in parts) else ""
