"""Forms filled by Anthropic's Messages API, which holds its models to a JSON schema."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from adapters.models.vendor_calls import Access
from adapters.models.vendor_forms import Said, VendorFormModel, material_of, rules_of
from core.asking.answer import Usage
from core.asking.forms import Form

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import Usage as SpentTokens

FINISHED: Final = frozenset({"end_turn", "stop_sequence"})


class AnthropicFormModel(VendorFormModel["AsyncAnthropic"]):
    """Fills forms with a Claude model."""

    title = "Anthropic"
    official_url = "https://api.anthropic.com"

    def open_client(self, access: Access) -> "AsyncAnthropic":
        """Make the SDK's client."""
        from anthropic import AsyncAnthropic

        client = AsyncAnthropic(**asdict(access))
        _ = client.messages  # imported at first use: better in this thread than on the event loop
        return client

    async def ask(self, client: "AsyncAnthropic", form: Form) -> Said:
        """Ask for the form by its schema."""
        reply = await client.messages.create(
            model=self.model,
            max_tokens=form.most_tokens,
            system=rules_of(form),
            messages=[{"role": "user", "content": material_of(form)}],
            output_config={"format": {"type": "json_schema", "schema": dict(form.schema)}},
        )
        text = "".join(block.text for block in reply.content if block.type == "text")
        problem = "" if reply.stop_reason in FINISHED else f"did not fill the form ({reply.stop_reason})"
        return Said(text, _usage(reply.usage), problem=problem)


def _usage(usage: "SpentTokens") -> Usage:
    """Count what was read from a cache as part of the prompt; the vendor counts it beside the prompt."""
    cached = usage.cache_read_input_tokens or 0
    prompt = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
    return Usage(prompt_tokens=prompt, completion_tokens=usage.output_tokens, cached_tokens=cached)
