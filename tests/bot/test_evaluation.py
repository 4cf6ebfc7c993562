"""`chronos eval` on files that are wrong: one line that names the file and the line, before any work begins."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.main import cli

VIDEO = {"creator": "ann", "video_id": "v1", "segments": [{"start": 0, "end": 5, "text": "A sphere has a shadow."}]}
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
QUESTION = {"id": "q1", "creator": "ann", "question": "What has a shadow?"}


def written(path: Path, *lines: object) -> Path:
    shown = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(shown) + "\n", encoding="utf-8")
    return path


def evaluated(folder: Path, predictions: Path, *options: str, database: str = NOWHERE) -> Result:
    """Run it; without a database nothing gets as far as that."""
    given = [
        f"--{name}={path}"
        for name, path in (
            ("corpus", folder / "corpus.jsonl"), ("questions", folder / "questions.jsonl"),
            ("predictions", predictions),
        )
    ]  # fmt: skip
    return CliRunner().invoke(cli, ["eval", *given, *options], env={"CHRONOS_DATABASE__URL": database})


def one_line(result: Result) -> str:
    """The reason, held to be all that was said."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.output.startswith("chronos: ")
    assert result.output.count("\n") == 1
    return result.output


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"creator": "ann"', "not valid JSON"),
        ("[1, 2]", "not an object"),
        ("[" * 100_000, "nested too deeply"),
        ({"video_id": "v2", "segments": []}, '"creator" is missing'),
        ({**VIDEO, "video_id": " "}, '"video_id" is missing'),
        ({**VIDEO, "video_id": "v2", "segments": "none"}, "segments"),
        ({**VIDEO, "video_id": "v2", "segments": [{"start": "x", "text": "words"}]}, "must be numbers"),
    ],
)
def test_a_wrong_line_of_the_corpus_is_named(tmp_path: Path, line: object, reason: str) -> None:
    written(tmp_path / "corpus.jsonl", VIDEO, "", line)
    written(tmp_path / "questions.jsonl", QUESTION)
    said = one_line(evaluated(tmp_path, tmp_path / "out.jsonl"))
    assert "corpus.jsonl" in said
    assert "line 3" in said.lower()
    assert reason in said
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("id,question", "not valid JSON"),
        ("null", "not an object"),
        ({"creator": "ann", "question": "Why?"}, '"id" is missing'),
        ({"id": True, "creator": "ann", "question": "Why?"}, '"id" is missing'),
        ({"id": "q2", "question": "Why?"}, '"creator" is missing'),
        ({"id": "q2", "creator": "ann"}, '"question" is missing'),
        ({"id": "q2", "creator": "ann", "question": 7}, '"question" is missing or not a text'),
        ({"id": "q2", "creator": "bob", "question": "Why?"}, "'bob', who is not in the corpus"),
    ],
)
def test_a_wrong_line_of_the_questions_is_named(tmp_path: Path, line: object, reason: str) -> None:
    written(tmp_path / "corpus.jsonl", VIDEO)
    written(tmp_path / "questions.jsonl", QUESTION, line)
    said = one_line(evaluated(tmp_path, tmp_path / "out.jsonl"))
    assert "questions.jsonl, line 2: " in said
    assert reason in said


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    written(tmp_path / "corpus.jsonl", VIDEO)
    tmp_path.joinpath("questions.jsonl").write_bytes(b"\xff\xfe\xfa")
    assert "questions.jsonl is not text" in one_line(evaluated(tmp_path, tmp_path / "out.jsonl"))


def test_predictions_that_cannot_be_written_are_known_before_the_work(tmp_path: Path) -> None:
    written(tmp_path / "corpus.jsonl", VIDEO)
    written(tmp_path / "questions.jsonl", QUESTION)
    assert "out.jsonl" in one_line(evaluated(tmp_path, tmp_path / "no such folder" / "out.jsonl"))
    assert str(tmp_path) in one_line(evaluated(tmp_path, tmp_path))


def test_predictions_never_overwrite_what_is_evaluated(tmp_path: Path) -> None:
    questions = written(tmp_path / "questions.jsonl", QUESTION)
    written(tmp_path / "corpus.jsonl", VIDEO)
    assert "another file" in one_line(evaluated(tmp_path, questions))
    assert json.loads(questions.read_text(encoding="utf-8")) == QUESTION


def test_predictions_are_replaced_only_by_what_is_complete(tmp_path: Path) -> None:
    written(tmp_path / "corpus.jsonl", VIDEO)
    written(tmp_path / "questions.jsonl", QUESTION)
    out = written(tmp_path / "out.jsonl", "what was there")
    assert "database" in one_line(evaluated(tmp_path, out))
    assert out.read_text(encoding="utf-8") == "what was there\n"
    assert {file.name for file in tmp_path.iterdir()} == {"corpus.jsonl", "questions.jsonl", "out.jsonl"}


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "corpus.jsonl", VIDEO)
    written(tmp_path / "questions.jsonl", "", "")
    assert "holds no questions." in one_line(evaluated(tmp_path, tmp_path / "out.jsonl"))
    written(tmp_path / "questions.jsonl", {**QUESTION, "core": False})
    assert "holds no questions that --core asks" in one_line(evaluated(tmp_path, tmp_path / "out.jsonl", "--core"))


def test_core_leaves_out_what_is_marked_so_and_an_empty_question_is_refused_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHRONOS_STORAGE__DATA_DIR", str(tmp_path / "data"))
    written(tmp_path / "corpus.jsonl", VIDEO)
    marked = {**QUESTION, "id": "marked", "core": True}, {**QUESTION, "id": "left out", "core": False}
    written(tmp_path / "questions.jsonl", QUESTION, *marked, {**QUESTION, "id": "empty", "question": ""})
    out = written(tmp_path / "out.jsonl", "what was there")
    result = evaluated(tmp_path, out, "--core", database="")
    assert result.exit_code == 0, result.output
    predictions = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [prediction["id"] for prediction in predictions] == ["q1", "marked", "empty"]
    assert predictions[2]["outcome"] == "refused"
    assert predictions[2]["abstained"]
