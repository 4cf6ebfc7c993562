"""What `chronos check` finds, and how the shell ends."""

import importlib.util
import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner

from adapters.web.server import build_web, serve
from bot import checks
from bot.app import Deployment
from bot.checks import _creators_library, _http, _media, _speech, _video_sites, _whop, check_all
from bot.main import cli
from bot.model_checks import unpriced
from bot.settings import Settings, load_settings
from core.errors import ConfigurationError, ProviderError
from core.library.store import NewSource
from core.library.transcript import Segment, Transcript
from tests.wire.fake_whop import API_KEY, FakeWhop
from tests.wire.s3_server import s3_server


async def test_material_in_a_language_that_the_model_does_not_read_is_named(deployment: Deployment) -> None:
    creator = await deployment.directory.add_creator("zeichnen", "Zeichnen", None)
    spoken = Transcript((Segment(0.0, 2.0, "Wir zeichnen eine Kugel."),))
    await deployment.shelf.add(creator.id, [NewSource(spoken, "Kugel", language="de")], None)
    (finding,) = await _creators_library(deployment, creator)
    assert "zeichnen is partly in de" in finding.words
    assert finding.line.startswith("!")
    assert not finding.failed


async def test_a_library_whose_embedder_cannot_be_had_is_a_failure(deployment: Deployment) -> None:
    creator = await deployment.directory.add_creator("drawing", "Drawing", None)
    async with deployment.database.creator(creator.id) as connection:
        await connection.execute(
            "INSERT INTO corpora (creator_id, version, embedder) VALUES ($1, 1, 'another')", creator.id
        )
    (finding,) = await _creators_library(deployment, creator)
    assert finding.failed
    assert "The search model another is not known here" in finding.words


def test_an_answer_model_without_a_price_is_named_where_a_budget_is_set() -> None:
    prices = {"openai:dear": {"input": 1.0, "output": 4.0}, "openai:free": {}, "unknown": {"input": 1.0}}
    models = {"answer": ["openai:dear", "openai:unknown", "openai:free"], "prices": prices}
    (finding,) = unpriced(Settings.model_validate({"models": models}))
    assert finding.words.startswith("openai:unknown has no price in models.prices")
    assert finding.line.startswith("!")
    assert not finding.failed
    assert unpriced(Settings.model_validate({"models": models, "limits": {"model_usd_per_day": 0}})) == []


async def test_a_database_that_is_away_is_said_once(tmp_path: Path) -> None:
    nowhere = {"database": {"url": "postgresql://nobody@127.0.0.1:1/nothing"}, "storage": {"data_dir": str(tmp_path)}}
    findings = await check_all(Settings.model_validate(nowhere | {"http": {"port": 0}}))
    assert [finding.subject for finding in findings if finding.failed] == ["database"]


async def test_an_embedder_without_a_key_is_said_once(database_url: str, tmp_path: Path) -> None:
    given = {"database": {"url": database_url}, "storage": {"data_dir": str(tmp_path)}, "http": {"port": 0}}
    findings = await check_all(Settings.model_validate(given | {"models": {"embed": "openai:any"}}))
    assert [finding.subject for finding in findings if finding.failed] == ["embedder"]


async def test_links_that_work_on_this_machine_only_are_a_warning_where_a_platform_is_configured() -> None:
    given = {"http": {"port": 0}, "telegram": {"bot_token": "1:made-up"}}
    _, finding = await _http(Settings.model_validate(given))
    assert finding.line.startswith("!")
    assert "set http.public_url" in finding.words
    (finding,) = await _http(Settings.model_validate({"http": {"port": 0}}))
    assert finding.state == "ok"


async def test_a_port_that_another_program_has_is_a_failure() -> None:
    async with serve(web.Application(), "127.0.0.1", 0) as address:
        with pytest.raises(ConfigurationError, match=r"http\.port: \d+ is taken"):
            await _http(_listening_at(address))


async def test_a_port_that_a_running_chronos_has_is_fine() -> None:
    async def health() -> dict[str, object]:
        return {"status": "failing", "version": "0.1.0", "platforms": {}}

    async with serve(build_web(health=health), "127.0.0.1", 0) as address:
        (finding,) = await _http(_listening_at(address))
    assert finding.state == "ok"
    assert "a Chronos runs there" in finding.words


def _listening_at(address: str) -> Settings:
    return Settings.model_validate({"http": {"port": int(address.rpartition(":")[2])}})


def test_a_secrets_relative_path_starts_from_the_folder_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    for folder in (kept, elsewhere):
        folder.mkdir()
        folder.joinpath("openai.key").write_text(f"key in {folder.name}\n", encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    file = kept / "config.toml"
    file.write_text('[openai]\napi_key = "file:openai.key"\n', encoding="utf-8")
    for path in (file, Path("../kept/config.toml")):
        assert load_settings(path).openai.api_key.get_secret_value() == "key in kept"
    file.write_text(f'[openai]\napi_key = "file:{elsewhere / "openai.key"}"\n', encoding="utf-8")
    assert load_settings(file).openai.api_key.get_secret_value() == "key in elsewhere"
    monkeypatch.setenv("CHRONOS_OPENAI__API_KEY", "file:openai.key")
    assert load_settings(file).openai.api_key.get_secret_value() == "key in kept"
    assert load_settings().openai.api_key.get_secret_value() == "key in elsewhere"


@pytest.mark.parametrize("arguments", [["ask"], ["nonsense"], ["ask", "--creator"], ["run", "--role", "king"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, arguments).exit_code == 2


def test_a_wrong_setting_ends_with_1_and_names_every_mistake(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[http]\nport = "abc"\n[discord]\nbogus = 1\n', encoding="utf-8")
    result = CliRunner().invoke(cli, ["--config", str(file), "check"])
    assert result.exit_code == 1
    assert "http.port" in result.stderr
    assert "discord.bogus" in result.stderr
    assert "Traceback" not in result.output


async def test_the_folder_of_media_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    settings = Settings.model_validate({"storage": {"data_dir": str(tmp_path)}})
    (finding,) = await _media(settings)
    assert finding.line == "✓ media        in that folder: a file was put, read and deleted"
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


async def test_a_bucket_that_is_missing_or_refuses_our_key_is_said_with_what_to_set(tmp_path: Path) -> None:
    with s3_server() as server:
        server.make("media")
        storage = {
            "data_dir": str(tmp_path), "s3_endpoint": server.endpoint, "s3_bucket": "media", "s3_region": "us-east-1",
            "s3_access_key": "ours", "s3_secret_key": "secret",
        }  # fmt: skip
        (finding,) = await _media(Settings.model_validate({"storage": storage}))
        assert (finding.state, finding.words) == ("ok", "the S3 bucket media: a file was put, read and deleted")
        with pytest.raises(ProviderError, match=r"elsewhere .*does not exist; .* set storage\.s3_bucket"):
            await _media(Settings.model_validate({"storage": storage | {"s3_bucket": "elsewhere"}}))
        server.tell("moto-api/reset-auth", "POST", b"0")
        with pytest.raises(ProviderError, match=r"refuses our key; set storage\.s3_access_key"):
            await _media(Settings.model_validate({"storage": storage}))


async def test_a_check_names_what_is_wrong_with_the_bucket_in_a_line(tmp_path: Path, database_url: str) -> None:
    with s3_server() as server:
        given = {
            "storage": {"data_dir": str(tmp_path), "s3_endpoint": server.endpoint, "s3_bucket": "nowhere"},
            "database": {"url": database_url}, "http": {"port": 0}, "models": {"transcribe": ""},
        }  # fmt: skip
        findings = await check_all(Settings.model_validate(given))
    (failed,) = (finding for finding in findings if finding.failed)
    assert failed.line.startswith("✗ media        The S3 bucket nowhere")


@pytest.mark.parametrize(
    ("models", "state", "words"),
    [
        ({"transcribe": ""}, "off", "only what has captions"),
        ({"transcribe": "local"}, "ok", "local:whisper-base, on this machine"),
        ({"transcribe": "openai:whisper-1"}, "ok", "openai:whisper-1, asked with the first recording"),
    ],
)
async def test_who_listens_is_said(tmp_path: Path, models: dict[str, str], state: str, words: str) -> None:
    given = {"models": models, "openai": {"api_key": "k"}, "storage": {"data_dir": str(tmp_path)}}
    (finding,) = await _speech(Settings.model_validate(given))
    assert finding.state == state
    assert words in finding.words


async def test_a_recogniser_that_is_not_installed_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    (finding,) = await _speech(Settings.model_validate({"storage": {"data_dir": str(tmp_path)}}))
    assert finding.line.startswith("! speech       the local recogniser is not installed")


async def test_a_missing_yt_dlp_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = await _video_sites(Settings())
    assert finding.words.startswith("yt-dlp 20")

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(checks, "version", missing)
    (finding,) = await _video_sites(Settings())
    assert finding.line.startswith("! video sites  yt-dlp is not installed")


async def test_whether_memberships_can_be_read_and_what_they_lack_is_said() -> None:
    async with FakeWhop() as fake:
        fake.sell("mem_1", "prod_other")
        given = {"api_key": API_KEY, "base_url": fake.base_url}
        products = [{"product": "prod_gold", "creator": "school"}]
        for more, state, words in (
            ({"api_key": ""}, "off", "no whop.api_key"),
            ({}, "warning", "not set yet: whop.products, whop.webhook_secret, whop.client_id, http.public_url"),
            ({"products": products}, "warning", "prod_other give nothing"),
        ):
            (finding,) = await _whop(Settings.model_validate({"whop": {**given, **more}}))
            assert (finding.state, words in finding.words) == (state, True), finding.words
        with pytest.raises(ProviderError, match="401"):
            await _whop(Settings.model_validate({"whop": {**given, "api_key": "another"}}))
