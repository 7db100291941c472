"""What was said in a conversation, for the sessions that know nothing of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from homeassistant.components.conversation import AssistantContent, Content, UserContent

from ..types import Json
from .chat_log import is_empty

_MAX_UTTERANCES: Final = 40
"""The latest messages of the conversation that a new session is sent."""


@dataclass(frozen=True)
class Utterance:
    """What somebody has said, for a new session of the same conversation."""

    role: str
    text: str

    @property
    def item(self) -> Json:
        """The item of the conversation."""
        part = "output_text" if self.role == "assistant" else "input_text"
        content = [{"type": part, "text": self.text}]
        return {"type": "message", "role": self.role, "content": content}


class RealtimeHistory:
    """The latest utterances of a conversation, those of others with them."""

    def __init__(self) -> None:
        self.utterances: list[Utterance] = []
        self._known: list[Content] = []
        """The contents of the chat log that `utterances` cover."""

    def add_turn(self, contents: Iterable[Content], *utterances: Utterance) -> None:
        """Add what was said in a turn of this model; `contents` are those of the chat log."""
        self._known = list(contents)
        self.utterances += [item for item in utterances if item.text.strip()]
        del self.utterances[:-_MAX_UTTERANCES]

    def add_others(self, contents: Iterable[Content]) -> list[Utterance]:
        """Add what a satellite, Home Assistant and other agents have said, and return it.

        A question without an answer is left out: the model might do later what it asks for.
        """
        known = {id(content) for content in self._known}
        new = [content for content in contents if id(content) not in known]
        added: list[Utterance] = []
        question: list[Utterance] = []
        for content in new:
            if isinstance(content, UserContent):
                question = [Utterance("user", content.content)]
            elif isinstance(content, AssistantContent) and not is_empty(content.content):
                added += [*question, Utterance("assistant", content.content or "")]
                question = []
        added = added[-_MAX_UTTERANCES:]
        self.add_turn([*self._known, *new], *added)
        return added
