"""Translations are found by their keys, and what is wrong with them is noticed."""

import json
from pathlib import Path
import shutil
from typing import Any

import pytest

from scripts import texts

TITLE = "integration.config.step.user.title"
NAME = "images.services.create_image.name"
KEYS = ["images.fields.prompt.description", TITLE, NAME]
ENGLISH, SOURCES = texts.english()


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let a test change copies of the sources and of the generated files."""
    for name in ("SOURCES", "GENERATED"):
        monkeypatch.setattr(texts, name, shutil.copytree(getattr(texts, name), tmp_path / name))
    # An older Home Assistant has other common texts.
    (texts.GENERATED / "en.json").write_text(texts.as_json(texts.nest(ENGLISH)))


def change(file: Path, key: str, text: str | None) -> None:
    """Set a text of a file, or remove it."""
    content = texts.load(file)
    content.pop(key, None)
    file.write_text(texts.as_json(texts.nest(content | ({} if text is None else {key: text}))))


def translate(key: str, text: str | None, language: str = "de") -> None:
    """Set a translation, or remove it."""
    file, _, rest = key.partition(".")
    change(texts.SOURCES / language / f"{file}.json", rest, text)


def shown(source: str) -> str:
    """Return a key under which Home Assistant shows the text that is translated under a key."""
    return next(key for key, value in SOURCES.items() if value == source)


def written(files: dict[Path, str], language: str = "de") -> dict[str, Any]:
    """Return the texts that are generated for a language."""
    return texts.flatten(json.loads(files[texts.GENERATED / f"{language}.json"]))


def test_translations_have_no_problems() -> None:
    # An older Home Assistant has other common texts.
    common = texts.place("de", "integration.common.")
    assert [text for text in texts.generate()[1] if not text.startswith(common)] == []


@pytest.mark.usefixtures("copies")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("text", [None, ""])
def test_translation_missing(key: str, text: str | None) -> None:
    translate(key, text)
    # It cannot be accepted; English stands in.
    files, problems = texts.generate(is_accepted=True)
    assert problems == [f"{texts.place('de', key)} is missing: {ENGLISH[shown(key)]!r}"]
    assert written(files)[shown(key)] == ENGLISH[shown(key)]


@pytest.mark.usefixtures("copies")
@pytest.mark.parametrize(
    "key", ["images.services.draw.name", "images.fields.gone.name", "gone.services.draw.name"]
)
def test_translation_left_over(key: str) -> None:
    translate(key, "Rest")
    files, problems = texts.generate()
    assert problems == [f"{texts.place('de', key)} is left over: 'Rest'"]
    # The text may belong under another key: nothing removes it until somebody says so.
    assert all(path.parent == texts.GENERATED for path in files)
    file, _, rest = key.partition(".")
    files, problems = texts.generate(is_accepted=True)
    assert not problems
    content = files[texts.SOURCES / "de" / f"{file}.json"]
    # A file with nothing left is to go.
    assert rest not in texts.flatten(json.loads(content)) if file == "images" else not content


@pytest.mark.usefixtures("copies")
@pytest.mark.parametrize("key", KEYS)
def test_translation_outdated(key: str) -> None:
    for shown_at, source in SOURCES.items():
        if source == key:
            change(texts.GENERATED / "en.json", shown_at, "As it was before")
    files, problems = texts.generate()
    now = f"'As it was before' is now {ENGLISH[shown(key)]!r}"
    assert problems == [f"{texts.place('de', key)} is outdated: {now}"]
    # Otherwise the next run would no longer know.
    assert not any(path.parent == texts.GENERATED for path in files)
    translate(key, "Neu")
    files, problems = texts.generate()
    assert not problems
    assert written(files)[shown(key)] == "Neu"


@pytest.mark.usefixtures("copies")
def test_translation_outdated_can_be_accepted() -> None:
    change(texts.SOURCES / "en.json", TITLE.removeprefix("integration."), "Add your service")
    assert "is outdated" in " ".join(texts.generate()[1])
    files, problems = texts.generate(is_accepted=True)
    assert not problems
    for path, content in files.items():
        path.write_text(content)
    assert not texts.generate()[1]


@pytest.mark.usefixtures("copies")
@pytest.mark.parametrize("text", ["Ohne", "{wer}", "{host} und noch einmal {host}"])
def test_translation_with_other_placeholders(text: str) -> None:
    key = "integration.config.step.reauth_confirm.description"
    translate(key, text)
    (problem,) = texts.generate()[1]
    assert problem.startswith(f"{texts.place('de', key)} has other placeholders than '{{host}}")


@pytest.mark.usefixtures("copies")
def test_language_from_folder() -> None:
    shutil.copytree(texts.SOURCES / "de", texts.SOURCES / "fr")
    translate(NAME, "Dessiner une image", "fr")
    files, problems = texts.generate()
    assert not problems
    assert written(files, "fr") == written(files) | {shown(NAME): "Dessiner une image"}


def test_errors_of_forms_are_plain_text() -> None:
    """The frontend shows them as they are: a link would be brackets."""
    errors = {key: text for key, text in ENGLISH.items() if ".error." in key}
    assert errors
    assert [key for key, text in errors.items() if "](" in text] == []


@pytest.mark.parametrize(
    ("key", "source"),
    [
        # What the row alone says, in the file of its group.
        ("services.create_image.name", "images.services.create_image.name"),
        (
            "services.create_image_edit.fields.image.description",
            "images.services.create_image_edit.fields.image.description",
        ),
        # What has a name in the module of the group, in one that it imports, or in a common one.
        ("services.create_image.fields.prompt.name", "images.fields.prompt.name"),
        ("services.delete_vector_store_file.fields.file_id.name", "files.fields.file_id.name"),
        ("services.create_image.fields.timeout.name", "fields.fields.timeout.name"),
        (
            "services.create_image.fields.model.description",
            "common_fields.fields.model_or_default.description",
        ),
        # What is in a tuple that has a name.
        (
            "selector.tool.fields.parameters.description",
            "object_fields.fields.function.parameters.description",
        ),
        (
            "services.create_model_response.sections.advanced.name",
            "common_fields.sections.advanced.name",
        ),
        # What refers to another text, by itself or with the whole of which it is a part.
        (
            "config.step.reconfigure.data.service_kind",
            "integration.config.step.user.data.service_kind",
        ),
        (
            "config_subentries.stt.step.reconfigure.data.model",
            "integration.config_subentries.conversation.step.user.data.model",
        ),
        # What is Home Assistant's.
        ("config.step.user.data.api_key", "integration.common.config_flow.data.api_key"),
        # What is only in part.
        ("config.error.unknown", "integration.config.error.unknown"),
    ],
)
def test_source_key(key: str, source: str) -> None:
    assert SOURCES[key] == source


@pytest.mark.usefixtures("copies")
def test_reference_missing_raises() -> None:
    reference = "[%key:component::openai_api::config::step::gone::title%]"
    change(texts.SOURCES / "en.json", "config.step.user.title", reference)
    with pytest.raises(KeyError, match=r"config\.step\.gone\.title"):
        texts.generate()


@pytest.mark.usefixtures("copies")
def test_duplicate_key_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "source_key", lambda key, text: "images.services.draw.name")
    assert any("stands for" in problem for problem in texts.generate()[1])


@pytest.mark.usefixtures("copies")
@pytest.mark.parametrize("text", [" ", "See https://example.com", "<b>Bold</b>", "{} is empty"])
def test_english_text_rejected_by_home_assistant(text: str) -> None:
    change(texts.SOURCES / "en.json", "title", text)
    assert any(problem.startswith("integration.title:") for problem in texts.generate()[1])
