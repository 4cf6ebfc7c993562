"""Mistakes in the configuration: all named at once, each key once, in words that say what it takes."""

from pathlib import Path

import pytest

from bot.settings import load_settings
from core.errors import ConfigurationError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mistakes(file: str = "") -> dict[str, str]:
    """What is said of each key."""
    Path("config.toml").write_text(file, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    heading, *lines = str(raised.value).splitlines()
    assert heading == "The configuration has mistakes:"
    named = [line.strip().partition(": ") for line in lines]
    assert len({key for key, _, _ in named}) == len(named)
    return {key: words for key, _, words in named}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CHRONOS_DISCORD_BOT_TOKEN", "CHRONOS_DISCORD__BOT_TOKEN"),
        ("CHRONOS_HTPP__PORT", "CHRONOS_HTTP__PORT"),
        ("CHRONOS_HTTP_PORT", "CHRONOS_HTTP__PORT"),
        ("chronos_http__prot", "CHRONOS_HTTP__PORT"),
    ],
)
def test_a_variable_that_sets_nothing_is_named_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert mistakes() == {name: f"there is no such variable; did you mean {meant}?"}


def test_every_variable_that_sets_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_HTPP__PORT", "1")
    monkeypatch.setenv("CHRONOS_WEATHER", "fine")
    monkeypatch.setenv("CHRONOS_HTTP__PORT", "many")
    assert mistakes().keys() == {"CHRONOS_HTPP__PORT", "CHRONOS_WEATHER", "http.port"}


def test_variables_that_others_set_are_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.toml").write_text("[http]\nport = 8081\n", encoding="utf-8")
    monkeypatch.setenv("CHRONOS_CONFIG", "other.toml")
    monkeypatch.setenv("CHRONOS_SERVICE_HOST", "10.0.0.7")
    monkeypatch.setenv("CHRONOS_PORT", "tcp://10.0.0.7:8080")
    monkeypatch.setenv("CHRONOS_PORT_8080_TCP_ADDR", "10.0.0.7")
    monkeypatch.setenv("CHRONOS_WEB_SERVICE_PORT_HTTP", "8080")
    assert load_settings().http.port == 8081


@pytest.mark.parametrize(
    ("variable", "value", "key", "takes"),
    [
        ("CHRONOS_MODELS__ANSWER", "openai:x", "models.answer", "a list of texts"),
        ("CHRONOS_MODELS__ANSWER", "[1, 2]", "models.answer", "a list of texts"),
        ("CHRONOS_MODELS__PRICES", "dear", "models.prices", "a table"),
        ("CHRONOS_HTTP__PORT", "abc", "http.port", "a whole number from 0 to at most 65535"),
        ("CHRONOS_HTTP__PORT", "", "http.port", "a whole number from 0 to at most 65535"),
        ("CHRONOS_MODELS__TIMEOUT_S", "0", "models.timeout_s", "a number above 0"),
        ("CHRONOS_LIMITS__FILE_MB", "2001", "limits.file_mb", "a whole number above 0 to at most 2000"),
        ("CHRONOS_OPERATOR__REGISTRATION", "all", "operator.registration", "one of open, invite, closed"),
        ("CHRONOS_HTTP__PUBLIC_URL", "foo", "http.public_url", "an address that starts with https:// or http://"),
        ("CHRONOS_OPENAI__BASE_URL", "http://", "openai.base_url", "an address that starts with https:// or http://"),
        ("CHRONOS_MODELS__EMBED", "banana", "models.embed", "local or openai:NAME"),
    ],
)
def test_a_value_that_a_key_does_not_take_is_met_with_what_it_takes(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, key: str, takes: str
) -> None:
    monkeypatch.setenv(variable, value)
    (said,) = mistakes().items()
    assert said[0] == key
    assert said[1].startswith(f"it takes {takes}")


def test_all_mistakes_of_a_file_are_named_at_once() -> None:
    found = mistakes("""
        [http]
        public_url = "foo"
        prot = 1
        [telegram]
        mode = "pigeon"
        [models]
        answer = ["banana", "openai:", "openai:right"]
        [models.prices."openai:right"]
        input = -1
        output = "dear"
        [operators]
        contact = "me"
    """)
    assert found.keys() == {
        "http.public_url", "http.prot", "telegram.mode", "models.answer", "models.prices.openai:right.input",
        "models.prices.openai:right.output", "operators",
    }  # fmt: skip
    assert "'banana', 'openai:' cannot write answers" in found["models.answer"]
    assert found["http.prot"] == "there is no such setting; did you mean http.port?"
    assert found["models.prices.openai:right.output"] == "it takes a number from 0"


def test_a_webhook_without_an_address_is_refused_beside_other_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_LIMITS__FILE_MB", "0")
    for address in ("", "http://chronos.example.org"):
        monkeypatch.setenv("CHRONOS_HTTP__PUBLIC_URL", address)
        found = mistakes('[telegram]\nmode = "webhook"\n')
        assert found.keys() == {"telegram", "limits.file_mb"}
        assert "needs http.public_url, an https:// address" in found["telegram"]
    monkeypatch.setenv("CHRONOS_LIMITS__FILE_MB", "1")
    monkeypatch.setenv("CHRONOS_TELEGRAM__API_URL", "http://10.0.0.7:8081")
    assert load_settings().telegram.mode == "webhook"


def test_a_secret_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.toml").write_text("[discord]\nbot_token = 12345678\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert "12345678" not in str(raised.value)
    assert "discord.bot_token: it takes a text" in str(raised.value)
