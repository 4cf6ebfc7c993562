"""Forms filled by Anthropic's Messages API, which holds its models to a JSON schema."""

from typing import TYPE_CHECKING

from adapters.models.anthropic_calls import FINISHED, AnthropicModel, usage_of
from adapters.models.vendor_forms import Said, VendorFormModel, material_of, rules_of
from core.asking.forms import Form

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic


class AnthropicFormModel(AnthropicModel, VendorFormModel["AsyncAnthropic"]):
    """Fills forms with a Claude model."""

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
        return Said(text, usage_of(reply.usage), problem=problem)
