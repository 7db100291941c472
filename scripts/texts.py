"""The texts of the integration, by key, and their translations.

English is written in the rows and in translations/en.json, another language in the files of its
folder in translations/. Both have the keys of Home Assistant, with few exceptions: what several
places show is translated once, under the key that `source_key` returns.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
import inspect
import json
from pathlib import Path
from pkgutil import iter_modules
import re
from typing import Any

import homeassistant  # It decides what `import voluptuous` means.

from custom_components.openai_api import actions
from custom_components.openai_api.action import ActionDescription, FieldDescription, Section
from custom_components.openai_api.actions import ACTION_GROUPS, ACTIONS
from custom_components.openai_api.services import form_fields

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "custom_components" / "openai_api" / "translations"
SOURCES = ROOT / "translations"
SECTIONS = {Section.ADVANCED: "More settings", Section.REQUEST: "Request"}
_GROUPS = {action.key: group.key for group in ACTION_GROUPS for action in group.actions}
_CONSTANT = re.compile(r"^(\w+)(?:: .+)? = ", re.MULTILINE)
_PLACEHOLDER = re.compile(r"{(\w*)}")
_COMMON = re.compile(r"\[%key:(common::[\w:]+)%\]")
_REFERENCE = re.compile(r"\[%key:component::openai_api::([\w:]+)%\]")
_FORBIDDEN = re.compile(r"https?://|<[^>]+>|\[%key|{}")

type Texts = dict[str, Any]
type FieldText = tuple[str, str, str]
"""Key of a field, `name` or `description`, and the text."""


def in_section(action: ActionDescription, section: Section | None) -> list[FieldDescription]:
    """Return the fields of an action that stand in a section, or outside any."""
    return [field for field in form_fields(action) if field.section is section]


def action_texts(action: ActionDescription) -> Texts:
    """Return the English texts of an action."""
    texts = {
        "name": action.name,
        "description": action.description,
        "fields": field_texts(form_fields(action)),
    }
    sections = {
        section.value: {"name": name}
        for section, name in SECTIONS.items()
        if in_section(action, section)
    }
    return texts | ({"sections": sections} if sections else {})


def field_texts(fields: tuple[FieldDescription, ...]) -> Texts:
    """Return the English texts of fields."""
    return {field.key: {"name": field.name, "description": field.description} for field in fields}


def object_field_texts() -> Texts:
    """Return the English texts of the parts of objects, by the translation keys of their forms.

    Every browser loads them, so those that no form shows are left out.
    """
    return {
        field.selector["object"]["translation_key"]: {"fields": field_texts(field.fields)}
        for action in ACTIONS
        for field in form_fields(action)
        if field.fields
    }


def flatten(texts: Mapping[str, Any], prefix: str = "") -> Texts:
    """Return nested texts by their keys, such as `services.create_image.name`."""
    flat: Texts = {}
    for name, value in texts.items():
        is_nested = isinstance(value, dict) and value
        flat |= flatten(value, f"{prefix}{name}.") if is_nested else {f"{prefix}{name}": value}
    return flat


def nest(texts: Mapping[str, Any]) -> Texts:
    """Return texts as `flatten` takes them."""
    nested: Texts = {}
    for key, value in texts.items():
        *path, name = key.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[name] = value
    return nested


def load(file: Path) -> Texts:
    """Return the texts of a file by their keys; none if there is no file."""
    return flatten(json.loads(file.read_text())) if file.exists() else {}


def english() -> tuple[Texts, dict[str, str]]:
    """Return all English texts by their keys, and of each the key of its translation.

    That begins with the name of the file: `images.services.create_image.name`.
    """
    written = load(SOURCES / "en.json")
    targets = {key: other for name in written for key, other in follow(name, written).items()}
    texts = {
        key: _COMMON.sub(lambda match: common(match[1]), written[other])
        for key, other in targets.items()
    }
    # Home Assistant's own are translated once, too.
    whole = {key: _COMMON.fullmatch(written[other]) for key, other in targets.items()}
    sources = {
        key: f"integration.{_dotted(match[1]) if match else targets[key]}"
        for key, match in whole.items()
    }
    rows = flatten(
        {
            "selector": object_field_texts(),
            "services": {action.key: action_texts(action) for action in ACTIONS},
        }
    )
    sources |= {key: source_key(key, text) for key, text in rows.items() if text != {}}
    return texts | rows, sources


def follow(key: str, written: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that a text of en.json stands for, and of each the key that has its text.

    A reference to one of our own texts may name a whole part, such as the data of a step. Home
    Assistant resolves references only for the integrations that it ships.
    """
    reference = _REFERENCE.fullmatch(written[key])
    if reference is None:
        return {key: key}
    part = _dotted(reference[1])
    targets = {
        key + name.removeprefix(part): target
        for other in written
        if other == part or other.startswith(f"{part}.")
        for name, target in follow(other, written).items()
    }
    if not targets:
        raise KeyError(f"{key} of en.json refers to {part}, which is not there")
    return targets


def _dotted(reference: str) -> str:
    """Return the key that a reference names."""
    return reference.replace("::", ".")


def source_key(key: str, text: str) -> str:
    """Return the key under which a text of a row is translated.

    It is the same as Home Assistant's, in the file of the action's group. But the texts of a field
    that has a name in Python are translated once, in the file of its module and under that name.
    """
    match key.split("."):
        case ["services", action, "fields", field, part]:
            group = _GROUPS[action]
            return named_texts(group).get((field, part, text), f"{group}.{key}")
        case ["services", _, "sections", section, part]:
            return f"common_fields.sections.{section}.{part}"
        case ["services", action, _]:
            return f"{_GROUPS[action]}.{key}"
        case ["selector", _, "fields", field, part]:
            return named_texts("object_fields").get((field, part, text), f"object_fields.{key}")
    raise ValueError(key)


@cache
def named_texts(module: str) -> dict[FieldText, str]:
    """Return the keys of the texts of the fields that have a name in a module, or in a common one.

    `common_fields.fields.model.description` belongs to `MODEL` in common_fields.py, and
    `object_fields.fields.function.name.description` to the field `name` in `FUNCTION`.
    """
    keys: dict[FieldText, str] = {}
    names = vars(import_module(f"{actions.__name__}.{module}"))
    for owner, constant, value in constants():
        # Those of other groups only where they are imported.
        if owner in _GROUPS.values() and names.get(constant) is not value:
            continue
        for field in value if isinstance(value, tuple) else (value,):
            if isinstance(field, FieldDescription):
                key = f"{owner}.fields.{constant.strip('_').lower()}"
                key += "" if field is value else f".{field.key}"
                for part in ("name", "description"):
                    keys.setdefault((field.key, part, getattr(field, part)), f"{key}.{part}")
    return keys


@cache
def constants() -> list[tuple[str, str, Any]]:
    """Return the constants of the modules of rows: module, name and value; common ones first."""
    names = (module.name for module in iter_modules(actions.__path__))
    return [
        (name, constant, getattr(module, constant))
        for name in sorted(names, key=lambda name: name in _GROUPS.values())
        for module in [import_module(f"{actions.__name__}.{name}")]
        for constant in _CONSTANT.findall(inspect.getsource(module))
    ]


@cache
def common(key: str) -> str:
    """Return one of Home Assistant's common texts; KeyError if it has none of that key."""
    strings = Path(homeassistant.__file__).parent / "strings.json"
    return str(flatten(json.loads(strings.read_text()))[_dotted(key)])


def forbidden(texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the texts that Home Assistant's own checks would refuse."""
    for key, text in texts.items():
        if _FORBIDDEN.search(text) or not text.strip():
            yield f"{key}: {text!r} is empty, or holds an address, a tag or an empty placeholder"


def check(
    language: str, wanted: Mapping[str, str], translations: Mapping[str, str]
) -> Iterator[str]:
    """Yield what is wrong with the translations of a language, both by their keys."""
    for key, text in wanted.items():
        if not translations.get(key):
            yield f"{place(language, key)} is missing: {text!r}"
        elif Counter(_PLACEHOLDER.findall(text)) != Counter(
            _PLACEHOLDER.findall(translations[key])
        ):
            yield f"{place(language, key)} has other placeholders than {text!r}"
    for key in translations:
        if key not in wanted:
            yield f"{place(language, key)} is left over: {translations[key]!r}"


def outdated(
    language: str, texts: Texts, translated: Texts, sources: Mapping[str, str]
) -> list[str]:
    """Return the translations that have stayed the same while the English text has changed.

    The generated files tell how both were before: they are only written when this is settled.
    """
    before, translated_before = (load(GENERATED / f"{name}.json") for name in ("en", language))
    problems = {
        source: f"{place(language, source)} is outdated: {before[key]!r} is now {texts[key]!r}"
        for key, source in sources.items()
        if before.get(key, texts[key]) != texts[key]
        if translated_before.get(key) == translated[key]
    }
    return list(problems.values())


def place(language: str, key: str) -> str:
    """Return the file and the key of a translation as people read them."""
    file, _, rest = key.partition(".")
    return f"translations/{language}/{file}.json: {rest}"


def as_json(data: Texts) -> str:
    """Return the data as Home Assistant's own files are written."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def generate(*, is_accepted: bool = False) -> tuple[dict[Path, str], list[str]]:
    """Return the contents of the files of texts, and what is wrong with the translations.

    A file that is to go has no content.
    With `is_accepted`, left-over translations are dropped, and outdated ones count as right.
    """
    texts, sources = english()
    wanted = {source: texts[key] for key, source in sources.items()}
    problems = list(forbidden(wanted))
    problems += [
        f"{source} stands for {wanted[source]!r} and {texts[key]!r}"
        for key, source in sources.items()
        if texts[key] != wanted[source]
    ]
    files: dict[Path, str] = {}
    shown = {"en": texts}
    unsettled: list[str] = []
    for folder in sorted(path for path in SOURCES.iterdir() if path.is_dir()):
        language = folder.name
        translations = flatten({file.stem: load(file) for file in sorted(folder.glob("*.json"))})
        kept = {key: translations[key] for key in wanted if translations.get(key)}
        names = {key.partition(".")[0] for key in translations}
        if is_accepted:
            translations = kept
        problems += check(language, wanted, translations)
        if translations.keys() <= wanted.keys():
            nested = nest(kept)
            files |= {
                folder / f"{name}.json": as_json(nested[name]) if name in nested else ""
                for name in names
            }
        shown[language] = {key: kept.get(sources.get(key, ""), text) for key, text in texts.items()}
        unsettled += outdated(language, texts, shown[language], sources)
    if is_accepted or not unsettled:
        return files | {
            GENERATED / f"{language}.json": as_json(nest(translated))
            for language, translated in shown.items()
        }, problems
    return files, problems + unsettled
