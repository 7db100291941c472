"""What the service with a clock answers, and when."""

import asyncio
import itertools
import re
import time
from typing import Final

ANSWERS: Final = {
    "short": "The kitchen light is on.",
    "medium": "It is sunny outside, with eighteen degrees and a light wind from the west. "
    "You can hang out the laundry until the evening. Take a jacket along.",
    "long": "The sky looks blue because sunlight is scattered by the air. Sunlight holds all "
    "colours, and blue light has a short wave. The molecules of the air scatter short waves far "
    "more strongly than long ones. So blue light reaches your eye from every direction of the "
    "sky. At sunset the light has a much longer way through the air. Most of the blue is gone by "
    "then, and what is left is orange and red. On the moon there is no air at all. There the sky "
    "stays black, even in the middle of the day.",
}
_numbers = itertools.count(1)


async def until(deadline: float) -> None:
    """Wait until a time of the monotonic clock."""
    if (wait := deadline - time.monotonic()) > 0:
        await asyncio.sleep(wait)


def answer_to(question: str) -> str:
    """Return an answer of the size that is asked for, and that was never given before."""
    found = next((text for name, text in ANSWERS.items() if f"[{name}]" in question), None)
    return f"{found or ANSWERS['medium']} Answer {next(_numbers)}."


def tokens(text: str) -> list[str]:
    """Return a text in pieces of about four characters."""
    return re.findall(r" ?\S{1,5}", text)
