"""Writes what follows from the catalogue's rows: services.yaml, icons.json, the translations.

`--check` writes nothing and fails when a file is stale or a text has no translation.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
import json
from pathlib import Path
import re
import sys
from typing import Any

import homeassistant  # It decides what `import voluptuous` means.
import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import docs_blueprints  # noqa: E402

from custom_components.openai_api.action import ActionDescription, FieldDescription, Section  # noqa: E402
from custom_components.openai_api.actions import ACTION_GROUPS, ACTIONS  # noqa: E402
from custom_components.openai_api.services import form_fields  # noqa: E402
import docs  # noqa: E402

INTEGRATION = ROOT / "custom_components" / "openai_api"
TRANSLATIONS = ROOT / "translations"
ICONS = ROOT / "scripts" / "icons.json"
"""Of what no row describes: triggers, conditions, entities."""
SECTIONS = {
    Section.ADVANCED: ("More settings", "mdi:tune-variant"),
    Section.REQUEST: ("Request", "mdi:web"),
}
_PLACEHOLDER = re.compile(r"{(\w*)}")
_COMMON = re.compile(r"\[%key:(common::[\w:]+)%\]")
_FORBIDDEN = re.compile(r"https?://|<[^>]+>|\[%key")

type Texts = dict[str, Any]


def in_section(action: ActionDescription, section: Section | None) -> list[FieldDescription]:
    """Return the fields of an action that stand in a section, or outside any."""
    return [field for field in form_fields(action) if field.section is section]


def described_field(field: FieldDescription) -> Texts:
    """Return what services.yaml says of a field.

    There is no `default`: the frontend copies defaults into the data as soon as an action is
    picked, also those of fields that nobody has switched on. A required boolean is not marked,
    for the frontend would answer it with false by itself.
    """
    is_marked = field.required and "boolean" not in field.selector
    found: Texts = {"required": True} if is_marked else {}
    # Every browser loads them all: those of ids, which are made up, and of fields that may be
    # left out stand in the docs.
    is_id = field.key.endswith("_id")
    if field.required and not is_id and (example := field.example) is not None:
        # The frontend reads examples as YAML.
        found["example"] = json.dumps(example) if isinstance(example, dict | list) else example
    return {**found, "selector": dict(field.selector)}


def described_action(action: ActionDescription) -> Texts:
    """Return what services.yaml says of an action."""
    fields: Texts = {field.key: described_field(field) for field in in_section(action, None)}
    for section in SECTIONS:
        if members := in_section(action, section):
            fields[section.value] = {
                "collapsed": True,
                "fields": {field.key: described_field(field) for field in members},
            }
    return {"fields": fields}


def action_texts(action: ActionDescription) -> Texts:
    """Return the English texts of an action."""
    found: Texts = {
        "name": action.name,
        "description": action.description,
        "fields": {
            field.key: {"name": field.name, "description": field.description}
            for field in form_fields(action)
        },
    }
    sections = {
        section.value: {"name": name}
        for section, (name, _) in SECTIONS.items()
        if in_section(action, section)
    }
    return found | ({"sections": sections} if sections else {})


def object_field_texts() -> Texts:
    """Return the English texts of the parts of objects, by the translation keys of their forms.

    Every browser loads them, so those that no form shows are left out.
    """
    return {
        field.selector["object"]["translation_key"]: {
            "fields": {
                part.key: {"name": part.name, "description": part.description}
                for part in field.fields
            }
        }
        for action in ACTIONS
        for field in form_fields(action)
        if field.fields
    }


def source_strings() -> Texts:
    """Return all English texts: those written by hand, and those of the rows."""
    texts: Texts = json.loads((TRANSLATIONS / "en.json").read_text())
    steps = texts["config"]["step"]
    steps |= {key: _as_in(steps["user"], step) for key, step in steps.items()}
    for subentry in texts["config_subentries"].values():
        steps = subentry["step"]
        if "reconfigure" in steps:
            steps["reconfigure"] = _as_in(steps["user"], steps["reconfigure"])
    texts = _with_common(texts)
    services = {action.key: action_texts(action) for action in ACTIONS}
    selectors = {**texts["selector"], **object_field_texts()}
    return {**texts, "selector": selectors, "services": services}


def _as_in(other: Any, texts: Any) -> Any:
    """Return texts with those of another form where they refer to it."""
    if isinstance(texts, str):
        return other if texts == "[%user%]" else texts
    # What the other form lacks cannot be referred to.
    return {
        key: _as_in(other.get(key) if isinstance(other, dict) else None, value)
        for key, value in texts.items()
    }


def _with_common(texts: Any) -> Any:
    """Return texts with Home Assistant's own in place of the references to them.

    Home Assistant resolves references only for the integrations that it ships.
    """
    if isinstance(texts, str):
        return _COMMON.sub(lambda match: common(match[1]), texts)
    return {key: _with_common(value) for key, value in texts.items()}


def common(key: str) -> str:
    """Return one of Home Assistant's common texts; KeyError if it has none of that key."""
    strings = Path(homeassistant.__file__).parent / "strings.json"
    found: Any = json.loads(strings.read_text())
    for part in key.split("::"):
        found = found[part]
    return str(found)


def iter_strings(texts: Any) -> Iterator[str]:
    """Yield every text."""
    if isinstance(texts, str):
        yield texts
    else:
        for value in texts.values():
            yield from iter_strings(value)


def target_files(texts: Texts) -> dict[str, str]:
    """Return for each text the file of the translators' desk in which it belongs."""
    found: dict[str, str] = {}
    families = {action.key: family.key for family in ACTION_GROUPS for action in family.actions}
    parts = [("integration", {key: value for key, value in texts.items() if key != "services"})]
    parts += [(families[key], value) for key, value in texts["services"].items()]
    for family, part in parts:
        for text in iter_strings(part):
            found[text] = family if found.get(text, family) == family else "shared"
    return found


def translate(texts: Any, translated: dict[str, str]) -> Any:
    """Return the texts in another language."""
    if isinstance(texts, str):
        return translated.get(texts, texts)
    return {key: translate(value, translated) for key, value in texts.items()}


def load_translations(language: str, wanted: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return a language's texts by their English ones, and what is wrong with them."""
    words: dict[str, str] = {}
    for file in sorted((TRANSLATIONS / language).glob("*.json")):
        words |= json.loads(file.read_text())
    problems = [
        f"{language}: other placeholders in the translation of {text!r}"
        for text, translation in words.items()
        if Counter(_PLACEHOLDER.findall(text)) != Counter(_PLACEHOLDER.findall(translation))
    ]
    problems += [
        f"{language}/{place}.json: {text!r} has no translation"
        for text, place in wanted.items()
        if text not in words
    ]
    return words, problems


def prune_translations(
    language: str, wanted: dict[str, str], translated: dict[str, str]
) -> dict[Path, str]:
    """Return a language's files as they should be: each text in its place, none that is unused."""
    files: dict[str, dict[str, str]] = {}
    for text, place in wanted.items():
        if text in translated:
            files.setdefault(place, {})[text] = translated[text]
    return {
        TRANSLATIONS / language / f"{place}.json": as_json(texts) for place, texts in files.items()
    }


def text_problems(texts: Texts) -> list[str]:
    """Return the texts that Home Assistant's own checks would refuse."""
    return [
        f"{text!r} holds an address, a tag or an empty placeholder"
        for text in iter_strings(texts)
        if _FORBIDDEN.search(text) or "{}" in text or not text.strip()
    ]


class _Dumper(yaml.SafeDumper):
    """Writes every list and object in full, never as a reference to an earlier one."""

    def ignore_aliases(self, data: Any) -> bool:
        """Treat nothing as a repetition."""
        return True


def as_json(data: Texts) -> str:
    """Return the data as Home Assistant's own files are written."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def generate() -> tuple[dict[Path, str], list[str]]:
    """Return the contents of all generated files, and what is wrong with the texts."""
    texts = source_strings()
    problems = text_problems(texts)
    services = {action.key: described_action(action) for action in ACTIONS}
    icons = {
        action.key: {
            "service": action.icon,
            "sections": {
                section.value: icon
                for section, (_, icon) in SECTIONS.items()
                if in_section(action, section)
            },
        }
        for action in ACTIONS
    }
    files = {
        INTEGRATION / "services.yaml": "# Generated by scripts/generate; change the rows instead.\n"
        + yaml.dump(  # type: ignore[no-untyped-call]
            services, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
        ),
        INTEGRATION / "icons.json": as_json({**json.loads(ICONS.read_text()), "services": icons}),
        INTEGRATION / "translations" / "en.json": as_json(texts),
    }
    wanted = target_files(texts)
    for folder in sorted(path for path in TRANSLATIONS.iterdir() if path.is_dir()):
        words, found = load_translations(folder.name, wanted)
        problems += found
        files |= prune_translations(folder.name, wanted, words)
        files[INTEGRATION / "translations" / f"{folder.name}.json"] = as_json(
            translate(texts, words)
        )
    return files | docs.pages() | docs_blueprints.pages(), problems


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    is_check = parser.parse_args().check
    files, problems = generate()
    for path, content in files.items():
        if path.exists() and path.read_text() == content:
            continue
        if is_check:
            problems.append(f"{path.relative_to(ROOT)} is stale: run scripts/generate")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            print(f"wrote {path.relative_to(ROOT)}")
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
