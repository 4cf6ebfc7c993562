"""How the fake Bot API says no."""

from typing import Any


class BotApiError(Exception):
    """An answer with ``ok: false``: the HTTP status, Telegram's wording, and its parameters."""

    def __init__(self, status: int, description: str, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        """Return the JSON document that Telegram would answer with."""
        answer: dict[str, Any] = {"ok": False, "error_code": self.status, "description": self.description}
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


def bad_request(reason: str, parameters: dict[str, Any] | None = None) -> BotApiError:
    """Return a 400 in Telegram's wording."""
    return BotApiError(400, f"Bad Request: {reason}", parameters)


def forbidden(reason: str) -> BotApiError:
    """Return a 403 in Telegram's wording."""
    return BotApiError(403, f"Forbidden: {reason}")


def too_many_requests(retry_after_s: int) -> BotApiError:
    """Return a 429 that names the seconds to wait."""
    return BotApiError(429, f"Too Many Requests: retry after {retry_after_s}", {"retry_after": retry_after_s})
