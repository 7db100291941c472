"""The actions and texts of the integration, as a running Home Assistant knows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from tests.harness import HomeAssistantProcess
from tests.harness.client import Json
from tests.harness.config_dir import DOMAIN

CATEGORIES = ("config", "config_subentries", "options", "services", "selector", "triggers")


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The integration's translations into one language."""

    language: str
    resources: dict[str, str]

    @classmethod
    async def load(cls, home: HomeAssistantProcess, language: str) -> Self:
        """Ask Home Assistant for the texts, as its frontend does."""
        resources: dict[str, str] = {}
        for category in CATEGORIES:
            answer = await home.command(
                "frontend/get_translations",
                language=language,
                category=category,
                integration=[DOMAIN],
            )
            resources |= answer["resources"]
        return cls(language=language, resources=resources)

    def __getitem__(self, key: str) -> str:
        """Return a text that has to be there."""
        return self.resources[f"component.{DOMAIN}.{key}"]

    def get(self, key: str) -> str:
        """Return a text, or nothing."""
        return self.resources.get(f"component.{DOMAIN}.{key}", "")


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of an action."""

    key: str
    selector: str
    settings: Json
    example: Any

    @classmethod
    def of(cls, key: str, description: Json) -> Self:
        """Read what Home Assistant says about a field."""
        name, settings = next(iter((description.get("selector") or {"": None}).items()))
        return cls(
            key=key, selector=name, settings=settings or {}, example=description.get("example")
        )

    def missing(self, texts: Texts) -> Iterator[str]:
        """Yield the texts that the inside of its widget lacks."""
        if not (key := self.settings.get("translation_key")):
            return
        if self.selector == "select":
            for option in self.settings["options"]:
                value = option["value"] if isinstance(option, dict) else option
                if not texts.get(f"selector.{key}.options.{value}"):
                    yield value
        elif self.selector == "object":
            for name in self.settings.get("fields", {}):
                if not texts.get(f"selector.{key}.fields.{name}.name"):
                    yield name


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action with its fields, and the sections in which some of them are."""

    name: str
    fields: dict[str, Field]
    sections: tuple[str, ...]

    @classmethod
    def of(cls, name: str, description: Json) -> Self:
        """Read what Home Assistant says about an action."""
        fields: dict[str, Field] = {}
        sections = []
        for key, value in description["fields"].items():
            if inner := value.get("fields"):
                sections.append(key)
                fields |= {name: Field.of(name, field) for name, field in inner.items()}
            else:
                fields[key] = Field.of(key, value)
        return cls(name=name, fields=fields, sections=tuple(sections))


async def actions_of(home: HomeAssistantProcess) -> dict[str, Action]:
    """Return every action of the integration."""
    services = (await home.command("get_services"))[DOMAIN]
    return {name: Action.of(name, description) for name, description in services.items()}
