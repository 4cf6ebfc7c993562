"""The unmodified yt-dlp asks our own YouTube, Vimeo, Loom and Wistia."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.timed_text import read_timed_text
from adapters.sources.video_sites import YtDlpVideoSites
from adapters.sources.youtube_captions import whisper_json
from adapters.sources.yt_dlp_calls import _described, _meaning
from core.errors import DiskFull, ProviderBusy, ProviderError, SourceGone, UploadRefused
from core.library.origins import (
    CaptionKind,
    CaptionTrack,
    DownloadLimits,
    LinkKind,
    Listing,
    VideoInfo,
    order_of_captions,
)
from core.library.transcript import Chapter
from tests.wire.fake_video_sites import FakeVideoSites, Json, LoomVideo, Response, YouTubeVideo

BREAD = "https://www.youtube.com/watch?v=breadbread1"
LOOM_ID = "43d05f362f734614a2e81b4694a3a523"
LOOM = f"https://www.loom.com/share/{LOOM_ID}"
SOUND = bytes(range(256)) * 2_000
SAID: list[Json] = [
    {"tStartMs": 0, "dDurationMs": 4000, "wpWinPosId": 1},
    {"tStartMs": 1000, "dDurationMs": 4000, "segs": [{"utf8": "knead"}, {"utf8": " the", "tOffsetMs": 400}]},
    {"tStartMs": 2900, "dDurationMs": 2100, "aAppend": 1, "segs": [{"utf8": "\n"}]},
    {"tStartMs": 3000, "dDurationMs": 3000, "segs": [{"utf8": "dough"}, {"utf8": " twice.", "tOffsetMs": 500}]},
    {"tStartMs": 6000, "dDurationMs": 3000, "segs": [{"utf8": "[Music]"}]},
    {"tStartMs": 9000, "dDurationMs": 2000, "segs": [{"utf8": "Then"}, {"utf8": " rest.", "tOffsetMs": 700}]},
]
WRITTEN: list[Json] = [{"tStartMs": 1000, "dDurationMs": 2500, "segs": [{"utf8": "Knead the\ndough twice."}]}]


@pytest.fixture
async def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeVideoSites]:
    async with FakeVideoSites(tmp_path) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
        yield running


@pytest.fixture
def reader(sites: FakeVideoSites) -> YtDlpVideoSites:
    return YtDlpVideoSites(DownloadLimits(10_000_000, wall_s=60.0), proxy=sites.proxy)


async def test_a_video_tells_its_title_length_language_chapters_and_captions(
    sites: FakeVideoSites, reader: YtDlpVideoSites
) -> None:
    captions = {(".en", "en", ""): WRITTEN, ("a.en", "en", "asr"): SAID, (".de", "de", ""): WRITTEN}
    sites.youtube["breadbread1"] = YouTubeVideo("Bread &amp; Butter", 61, captions=captions)
    info = await reader.look_up("https://youtu.be/breadbread1?t=5")
    assert isinstance(info, VideoInfo)
    assert (info.link, info.duration_s, info.language) == (BREAD, 61.0, "en")
    assert info.chapters == (Chapter(0.0, "Start"), Chapter(20.0, "Middle"), Chapter(40.0, "End"))
    offered = {(track.kind, track.language) for track in info.captions}
    human, heard, translated = CaptionKind.HUMAN, CaptionKind.AUTOMATIC, CaptionKind.TRANSLATED
    assert offered == {(human, "en"), (human, "de"), (heard, "en"), (translated, "de"), (translated, "fr")}
    assert [track.kind for track in order_of_captions(info.captions, info.language)] == [human, heard]


async def test_automatic_captions_say_every_word_once_at_its_time(
    sites: FakeVideoSites, reader: YtDlpVideoSites
) -> None:
    sites.youtube["breadbread1"] = YouTubeVideo("Bread", captions={("a.en", "en", "asr"): SAID})
    info = await reader.look_up(BREAD)
    assert isinstance(info, VideoInfo)
    asked = len(sites.asked)
    content = await reader.captions(BREAD, order_of_captions(info.captions, info.language)[0])
    assert len(sites.asked) == asked + 1
    segments = read_timed_text("captions", content)[0].segments
    assert [(each.start_s, each.text) for each in segments] == [(1.0, "knead the dough twice."), (9.0, "Then rest.")]


async def test_captions_that_expired_are_looked_up_again(sites: FakeVideoSites, reader: YtDlpVideoSites) -> None:
    sites.youtube["breadbread1"] = YouTubeVideo("Bread", captions={(".en", "en", ""): WRITTEN})
    old = "https://www.youtube.com/api/timedtext?v=breadbread1&vss=old&lang=en&fmt=json3"
    content = await reader.captions(BREAD, CaptionTrack(old, CaptionKind.HUMAN, "en"))
    segments = read_timed_text("captions", content)[0].segments
    assert [(each.start_s, each.end_s, each.text) for each in segments] == [(1.0, 3.5, "Knead the dough twice.")]
    with pytest.raises(UploadRefused, match="no such captions"):
        await reader.captions(BREAD, CaptionTrack(old, CaptionKind.HUMAN, "nl"))


async def test_the_sound_of_a_video_is_fetched(
    sites: FakeVideoSites, reader: YtDlpVideoSites, tmp_path: Path
) -> None:
    sites.youtube["breadbread1"] = YouTubeVideo("Bread", sound=SOUND)
    shares: list[float] = []

    async def report(share: float) -> None:
        shares.append(share)

    folder = tmp_path / "100% sure"
    folder.mkdir()
    await reader.download_audio(BREAD, folder / "out", report)
    assert [path.name for path in folder.iterdir()] == ["out"]
    assert (folder / "out").read_bytes() == SOUND
    assert shares[-1] == 1.0


async def test_too_much_sound_is_refused_and_leaves_nothing(sites: FakeVideoSites, tmp_path: Path) -> None:
    sites.youtube["breadbread1"] = YouTubeVideo("Bread", sound=SOUND)
    reader = YtDlpVideoSites(DownloadLimits(100_000, wall_s=60.0), proxy=sites.proxy)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UploadRefused, match="larger"):
        await reader.download_audio(BREAD, folder / "out")
    assert not list(folder.iterdir())


async def test_a_playlist_lists_its_videos(sites: FakeVideoSites, reader: YtDlpVideoSites) -> None:
    sites.youtube = {"breadbread1": YouTubeVideo("Bread", 61), "butterbutt2": YouTubeVideo("Butter", 62)}
    sites.playlists["PLbreakfast0"] = ("Breakfast", ["breadbread1", "butterbutt2"])
    link = "https://www.youtube.com/playlist?list=PLbreakfast0"
    listing = await reader.look_up(link)
    assert isinstance(listing, Listing)
    assert (listing.link, listing.kind, listing.title) == (link, LinkKind.PLAYLIST, "Breakfast")
    assert [(each.link, each.title, each.duration_s) for each in listing.entries] == [
        (BREAD, "Bread", 61.0),
        ("https://www.youtube.com/watch?v=butterbutt2", "Butter", 62.0),
    ]


def test_a_channel_lists_the_videos_of_all_its_tabs() -> None:
    """Each tab is a playlist in what yt-dlp gives."""

    def tab(*names: str) -> Json:
        return {"_type": "playlist", "entries": iter([{"url": f"https://youtu.be/{name}"} for name in names])}

    channel = {"_type": "playlist", "title": "Bakery", "entries": [tab("a", "b"), tab(), tab("c")]}
    entries = _described(channel)["listing"]["entries"]
    assert [each["link"][-1] for each in entries] == ["a", "b", "c"]


async def test_a_playlist_that_is_gone_is_refused(reader: YtDlpVideoSites) -> None:
    with pytest.raises(UploadRefused, match="removed, or never existed"):
        await reader.look_up("https://www.youtube.com/playlist?list=PLbreakfast0")


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("LOGIN_REQUIRED", "Private video", "private"),
        ("UNPLAYABLE", "Join this channel to get access to members-only content like this video", "members"),
        ("ERROR", "This video has been removed by the uploader", "removed"),
        ("LOGIN_REQUIRED", "Sign in to confirm your age", "age-restricted"),
        ("UNPLAYABLE", "The uploader has not made this video available in your country", "country"),
        ("LIVE_STREAM_OFFLINE", "This live event will begin in 3 hours.", "live broadcast"),
    ],
)
async def test_a_video_that_cannot_be_read_is_refused_with_its_reason(
    sites: FakeVideoSites, reader: YtDlpVideoSites, status: str, reason: str, words: str
) -> None:
    sites.youtube["breadbread1"] = YouTubeVideo("Bread", status=status, reason=reason)
    with pytest.raises(UploadRefused, match=words):
        await reader.look_up(BREAD)


async def test_a_broadcast_that_runs_is_refused(sites: FakeVideoSites, reader: YtDlpVideoSites) -> None:
    sites.youtube["breadbread1"] = YouTubeVideo("Bread", live=True)
    with pytest.raises(UploadRefused, match="live broadcast"):
        await reader.look_up(BREAD)


async def test_a_video_that_never_existed_is_refused(reader: YtDlpVideoSites) -> None:
    with pytest.raises(UploadRefused, match="removed, or never existed"):
        await reader.look_up(BREAD)


async def test_an_address_that_is_blocked_tells_the_operator_what_helps(
    sites: FakeVideoSites, reader: YtDlpVideoSites
) -> None:
    bot = "Sign in to confirm you\u2019re not a bot"
    sites.youtube["breadbread1"] = YouTubeVideo("Bread", status="LOGIN_REQUIRED", reason=bot)
    with pytest.raises(ProviderBusy, match="proxy") as raised:
        await reader.look_up(BREAD)
    assert raised.value.retry_after_s
    sites.blocked = True
    with pytest.raises(ProviderBusy, match="proxy"):
        await reader.look_up(LOOM)


async def test_a_proxy_that_is_away_is_no_fault_of_the_video() -> None:
    reader = YtDlpVideoSites(DownloadLimits(1_000_000), proxy="http://127.0.0.1:9")
    with pytest.raises(ProviderBusy, match="does not answer"):
        await reader.look_up(LOOM)


async def test_without_a_proxy_no_name_leads_to_this_machine() -> None:
    """Port 9 of localhost would refuse a connection; it must not even be tried."""
    reader = YtDlpVideoSites(DownloadLimits(1_000_000))
    track = CaptionTrack("http://localhost:9/captions.vtt", CaptionKind.HUMAN, "en")
    with pytest.raises(UploadRefused, match="private network"):
        await reader.captions(BREAD, track)


async def test_a_loom_recording_is_read_from_end_to_end(
    sites: FakeVideoSites, reader: YtDlpVideoSites, tmp_path: Path
) -> None:
    vtt = "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nHallo zusammen.\n"
    sites.loom[LOOM_ID] = LoomVideo("Rundgang", 90, captions=vtt, chapters="0:00 Start\n0:30 Ende", picture=SOUND)
    info = await reader.look_up(f"{LOOM}?t=4")
    assert isinstance(info, VideoInfo)
    assert (info.link, info.title, info.duration_s) == (LOOM, "Rundgang", 90.0)
    assert [chapter.title for chapter in info.chapters] == ["Start", "Ende"]
    (track,) = order_of_captions(info.captions, info.language)
    assert (track.kind, track.language) == (CaptionKind.AUTOMATIC, "")
    assert await reader.captions(LOOM, track) == vtt.encode()
    await reader.download_audio(LOOM, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == SOUND


async def test_a_vimeo_video_is_read_from_end_to_end(
    sites: FakeVideoSites, reader: YtDlpVideoSites, tmp_path: Path
) -> None:
    link = "https://vimeo.com/channels/clay/76979871"
    languages = ("de", "en", "en-x-autogen")
    sites.vimeo["76979871"] = {
        "video": {"title": "Kiln", "duration": 75},
        "request": {
            "files": {"progressive": [{"url": "https://cdn.vimeo.test/76979871.mp4", "quality": "360p"}]},
            "text_tracks": [{"lang": each, "url": f"https://cdn.vimeo.test/{each}.vtt"} for each in languages],
        },
    }
    vtt = b"WEBVTT\n\n00:01.000 --> 00:02.000\nen\n"
    sites.files["cdn.vimeo.test/76979871.mp4"] = Response(SOUND, media_type="video/mp4")
    sites.files["cdn.vimeo.test/en.vtt"] = Response(vtt, media_type="text/vtt")
    info = await reader.look_up(link)
    assert isinstance(info, VideoInfo)
    assert (info.link, info.title, info.duration_s) == ("https://vimeo.com/76979871", "Kiln", 75.0)
    first, second = order_of_captions(info.captions, info.language)
    assert (first.kind, first.language, second.kind) == (CaptionKind.HUMAN, "en", CaptionKind.AUTOMATIC)
    assert await reader.captions(link, first) == vtt
    await reader.download_audio(link, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == SOUND


async def test_a_vimeo_video_that_is_gone_is_refused(reader: YtDlpVideoSites) -> None:
    with pytest.raises(UploadRefused, match="removed"):
        await reader.look_up("https://vimeo.com/76979871/0a1b2c3d4e")


async def test_an_unlisted_vimeo_video_is_asked_for_with_its_key(
    sites: FakeVideoSites, reader: YtDlpVideoSites
) -> None:
    sites.vimeo["76979871"] = {"video": {"title": "Kiln"}, "request": {}}
    await reader.look_up("https://vimeo.com/76979871/0a1b2c3d4e")
    assert (sites.asked[0].path, sites.asked[0].query) == ("/video/76979871", {"h": ["0a1b2c3d4e"]})


async def test_a_private_loom_recording_is_refused(reader: YtDlpVideoSites) -> None:
    with pytest.raises(UploadRefused, match="private"):
        await reader.look_up(LOOM)


async def test_a_loom_recording_with_a_password_is_refused(sites: FakeVideoSites, reader: YtDlpVideoSites) -> None:
    sites.loom[LOOM_ID] = LoomVideo("Secret", problem="VideoPasswordMissingOrIncorrect")
    with pytest.raises(UploadRefused, match="password"):
        await reader.look_up(LOOM)


async def test_a_wistia_video_is_read_with_its_captions(sites: FakeVideoSites, reader: YtDlpVideoSites) -> None:
    link = "https://my-school.wistia.com/medias/807fafadvk"
    sites.wistia["807fafadvk"] = {
        "hashedId": "807fafadvk", "name": "Lesson", "duration": 12.5, "captions": [{"language": "eng"}],
        "assets": [{"type": "original", "url": "https://embed.wistia.com/a.mp4", "ext": "mp4", "status": 2}],
    }  # fmt: skip
    vtt = b"WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nHello.\n"
    sites.files["fast.wistia.net/embed/captions/807fafadvk.vtt"] = Response(vtt, media_type="text/vtt")
    info = await reader.look_up(link)
    assert isinstance(info, VideoInfo)
    page = "https://fast.wistia.net/embed/iframe/807fafadvk"
    assert (info.link, info.title, info.duration_s) == (page, "Lesson", 12.5)
    (track,) = info.captions
    assert (track.kind, track.language) == (CaptionKind.HUMAN, "eng")
    assert await reader.captions(link, track) == vtt


@pytest.mark.parametrize(
    "link", ["https://example.org/watch?v=breadbread1", "https://www.youtube.com/feed/history", "ytsearch:bread", ""]
)
async def test_no_other_site_is_asked(sites: FakeVideoSites, reader: YtDlpVideoSites, link: str) -> None:
    with pytest.raises(UploadRefused):
        await reader.look_up(link)
    assert not sites.asked


@pytest.mark.parametrize(
    "said",
    [
        "HTTP Error 503: Service Unavailable",
        "ERROR: [vimeo] 1: Unable to download JSON metadata: HTTP Error 502: Bad Gateway",
        "ERROR: [vimeo] 1: This request has been blocked due to its TLS fingerprint. Install a dependency",
        "ERROR: unable to download video data: HTTP Error 403: Forbidden",
        "ERROR: [youtube:tab] PL1: Unable to download API page: HTTP Error 403: Forbidden",
    ],
)
def test_what_may_pass_is_said_to_be_busy(said: str) -> None:
    assert _meaning(said)["busy"]


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("ERROR: [Wistia] a: Unable to download JSON metadata: HTTP Error 403", UploadRefused, "private"),
        ("ERROR: unable to write data: [Errno 27] File too large", UploadRefused, "larger"),
        ("ERROR: unable to write data: [Errno 28] No space left on device", DiskFull, "disk is full"),
        ("HTTP Error 404: Not Found", SourceGone, "removed"),
        ("ERROR: [youtube] a: This live event has ended.", UploadRefused, "removed"),
        ("ERROR: [youtube] -drm-private: something nobody has seen", ProviderError, "nobody has seen"),
        ("ERROR: [youtube] a: Requested format is not available.", ProviderError, "newer"),
    ],
)
def test_what_will_not_pass_is_said_with_its_reason(said: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        _meaning(said)


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: [youtube] a: Video unavailable. The uploader has not made this video available in your country",
        "ERROR: [youtube] a: Join this channel to get access to members-only content",
        "ERROR: unable to connect: not a public address",
    ],
)
def test_what_may_be_there_for_others_is_not_said_to_be_gone(said: str) -> None:
    with pytest.raises(UploadRefused) as refusal:
        _meaning(said)
    assert type(refusal.value) is UploadRefused


EVENT = st.dictionaries(
    st.sampled_from(["tStartMs", "dDurationMs", "segs"]),
    st.one_of(
        st.integers(),
        st.floats(),
        st.none(),
        st.lists(st.dictionaries(st.sampled_from(["utf8", "tOffsetMs"]), st.text() | st.integers() | st.floats())),
    ),
)


@given(
    st.one_of(st.binary(), st.lists(EVENT).map(lambda events: json.dumps({"events": events}).encode())), st.booleans()
)
def test_no_json3_ends_in_another_exception(content: bytes, automatic: bool) -> None:
    try:
        converted = whisper_json(content, automatic=automatic)
        read_timed_text("captions", converted)
    except UploadRefused:
        return
