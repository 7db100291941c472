"""Images: pictures made from a prompt, edits and variations."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
import re
from typing import Any

from tests.standin import answers, media
from tests.standin.routing import Call, Route, need, within
from tests.standin.state import Blob
from tests.standin.wire import Json, Reply, invalid, new_id, now, sse_reply

AUTO = "1024x1024"
SIZE = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})")
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp")
IMAGE_TOKENS = 272
PATH = "/_standin/blobs/"


async def generate(call: Call) -> Reply | Json:
    """Make pictures from a prompt."""
    body = call.json
    need(body, "prompt", str)
    within(body, "n", 1, 10)
    within(body, "partial_images", 0, 3)
    return await _pictures(call, body, "image_generation")


async def edit(call: Call) -> Reply | Json:
    """Make pictures from pictures and a prompt."""
    call.form.need("prompt")
    return await _pictures(call, _form_body(call), "image_edit")


async def vary(call: Call) -> Reply | Json:
    """Make pictures like a picture."""
    body = _form_body(call)
    part, _ = call.form.file("image")
    return await _pictures(call, {**body, "prompt": f"like {part.filename}"}, "")


def _form_body(call: Call) -> Json:
    """Check the pictures of a form, and read its other fields."""
    pictures = call.form.files("image")
    if call.form.has("mask"):
        pictures = [*pictures, *call.form.files("mask")]
    for part in pictures:
        if part.content_type not in IMAGE_TYPES:
            raise invalid(
                f"Invalid file '{part.filename}': unsupported mimetype ('{part.content_type}').",
                "image",
                "unsupported_file_mimetype",
            )
    fields: Json = {p.name: p.data for p in call.form.parts if p.filename is None}
    for name, low, high in (("n", 1, 10), ("partial_images", 0, 3)):
        if name in fields:
            fields[name] = int(fields[name])
            within(fields, name, low, high)
    fields["stream"] = fields.get("stream") == "true"
    return {**fields, "given": len(pictures)}


def _size(text: str) -> tuple[int, int]:
    """Read a picture's size."""
    if (match := SIZE.fullmatch(text)) is None:
        raise invalid(f"Invalid value: '{text}'.", "size", "invalid_value")
    return int(match[1]), int(match[2])


async def _pictures(call: Call, body: Mapping[str, Any], event: str) -> Reply | Json:
    """Answer with pictures, or stream one."""
    size = AUTO if body.get("size") in (None, "auto") else str(body["size"])
    width, height = _size(size)
    prompt = str(body["prompt"])
    count = body.get("n") or 1
    common: Json = {
        "background": "opaque",
        "output_format": "png",
        "quality": body.get("quality") if body.get("quality") != "auto" else "medium",
        "size": size,
    }
    common["quality"] = common["quality"] or "medium"
    usage = _usage(prompt, count, body.get("given", 0))

    def draw(seed: str) -> bytes:
        return media.png(width, height, seed)

    async def events() -> AsyncIterator[Json]:
        for index in range(body.get("partial_images") or 0):
            yield {
                "type": f"{event}.partial_image",
                "b64_json": _encoded(draw(f"{prompt} {index}")),
                "created_at": now(),
                "partial_image_index": index,
                **common,
            }
            await call.standin.pause()
        yield {
            "type": f"{event}.completed",
            "b64_json": _encoded(draw(prompt)),
            "created_at": now(),
            "usage": usage,
            **common,
        }

    if body.get("stream") and event:
        if count != 1:
            raise invalid("Streaming supports a single image.", "n")
        return sse_reply(events())
    pictures = [draw(f"{prompt}{index or ''}") for index in range(count)]
    as_url = body.get("response_format") == "url"
    data = [_linked(call, p) if as_url else {"b64_json": _encoded(p)} for p in pictures]
    return {"created": now(), "data": data, "usage": usage, **common}


def _encoded(picture: bytes) -> str:
    """Write a picture as base64."""
    return base64.b64encode(picture).decode()


def _linked(call: Call, picture: bytes) -> Json:
    """Publish a picture under an address that needs no key."""
    name = new_id("img-")
    call.state.blobs[name] = Blob(data=picture, content_type="image/png")
    return {"url": f"{call.standin.address}{PATH}{name}"}


def _usage(prompt: str, count: int, given: int) -> Json:
    """Count tokens."""
    text, image, made = answers.tokens(prompt), given * IMAGE_TOKENS, count * IMAGE_TOKENS
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens": made,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": made},
        "total_tokens": text + image + made,
    }


ROUTES = (
    Route("POST", "/images/generations", generate),
    Route("POST", "/images/edits", edit),
    Route("POST", "/images/variations", vary),
)
