"""The outputs of the responses in progress of one connection."""

from typing import Final

from .response_output import ResponseOutput

_MAX_RESPONSES: Final = 16
"""For servers that never end them."""


class ResponseOutputs:
    """The outputs of the responses in progress."""

    def __init__(self) -> None:
        """Start with none."""
        self._outputs: dict[str, ResponseOutput] = {}

    def begin(self, response_id: object) -> None:
        """Take note of a response that begins."""
        self._outputs[str(response_id)] = ResponseOutput()
        while len(self._outputs) > _MAX_RESPONSES:
            del self._outputs[next(iter(self._outputs))]

    def find(self, response_id: object) -> ResponseOutput:
        """Return the output of a response; without an id that of the latest."""
        key = str(response_id)
        if response_id is None and self._outputs:
            key = next(reversed(self._outputs))
        if key not in self._outputs:
            self.begin(key)
        return self._outputs[key]

    def pop(self, response_id: object) -> ResponseOutput:
        """Return the output of a response that has ended."""
        output = self.find(response_id)
        self._outputs = {key: other for key, other in self._outputs.items() if other is not output}
        return output

    def clear(self) -> None:
        """Drop everything: the connection is lost."""
        self._outputs.clear()
