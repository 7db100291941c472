"""Drive the stand-in's other areas with the real SDK."""

from __future__ import annotations

import base64
import io
import json
import math
import struct
from typing import Any, cast
import wave
import zlib

import aiohttp
from openai import (
    AsyncOpenAI,
    BadRequestError,
    NotFoundError,
)
import pytest

from tests.standin import Part, StandIn, media
from tests.standin.sdk import KEY, MODEL

pytest_plugins = ["tests.standin.fixtures"]

# Models


async def test_models(client: AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert "gpt-5" in names
    assert (await client.models.retrieve("gpt-5")).owned_by == "system"
    with pytest.raises(NotFoundError) as caught:
        await client.models.retrieve("gpt-0")
    assert caught.value.code == "model_not_found"
    tuned = next(name for name in names if name.startswith("ft:"))
    assert (await client.models.delete(tuned)).deleted
    with pytest.raises(NotFoundError):
        await client.models.delete(tuned)


# Chat completions


async def test_chat(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        ],
        n=2,
    )
    assert [choice.message.content for choice in answer.choices] == ["You said: Hello"] * 2
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > answer.usage.prompt_tokens > 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "cat", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "x"}], "top_p": 2}, "top_p"),
    ],
)
async def test_chat_errors(client: AsyncOpenAI, body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.chat.completions.create(model=MODEL, **body)
    assert caught.value.param == param


BOTH = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."


@pytest.mark.parametrize(
    ("body", "param", "code", "message"),
    [
        (
            {"model": "gpt-4.1", "max_tokens": 5, "max_completion_tokens": 5},
            "max_tokens",
            "invalid_parameter_combination",
            BOTH,
        ),
        (
            {"model": "gpt-5", "max_tokens": 5, "max_completion_tokens": 5},
            "max_tokens",
            "invalid_parameter_combination",
            BOTH,
        ),
        ({"model": "gpt-5", "max_tokens": 5}, "max_tokens", "unsupported_parameter", "Use 'max_"),
        ({"model": "gpt-5", "top_p": 1}, "top_p", "unsupported_parameter", "Unsupported param"),
        ({"model": "o3", "temperature": 0.2}, "temperature", "unsupported_value", "default (1)"),
    ],
)
async def test_chat_unsupported_parameters_raise(
    client: AsyncOpenAI, body: dict[str, Any], param: str, code: str, message: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.chat.completions.create(messages=[{"role": "user", "content": "x"}], **body)
    assert isinstance(caught.value.body, dict)
    assert message in caught.value.body.pop("message")
    assert caught.value.body == {"type": "invalid_request_error", "param": param, "code": code}


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gpt-4.1", "max_tokens": 50, "temperature": 0.2, "top_p": 0.5},
        {"model": "gpt-5-chat-latest", "temperature": 0.2},
        {"model": "gpt-5", "max_completion_tokens": 50, "temperature": 1},
    ],
)
async def test_chat_supported_parameters(client: AsyncOpenAI, body: dict[str, Any]) -> None:
    messages: Any = [{"role": "user", "content": "x"}]
    answer = await client.chat.completions.create(messages=messages, **body)
    assert answer.choices[0].message.content == "You said: x"


async def test_chat_stream(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hello you"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "You said: Hello you"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None


async def test_chat_tool_call(client: AsyncOpenAI) -> None:
    tools: Any = [
        {
            "type": "function",
            "function": {
                "name": "set_light",
                "parameters": {"type": "object", "properties": {"level": {"type": "integer"}}},
            },
        }
    ]
    messages: Any = [{"role": "user", "content": "set_light to 40"}]
    answer = await client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
    assert answer.choices[0].finish_reason == "tool_calls"
    calls: Any = answer.choices[0].message.tool_calls
    assert json.loads(calls[0].function.arguments) == {"level": 40}
    messages += [
        answer.choices[0].message.to_dict(),
        {"role": "tool", "tool_call_id": calls[0].id, "content": "done"},
    ]
    last = await client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
    assert last.choices[0].message.content == "You said: the tool answered done"
    stream = await client.chat.completions.create(
        model=MODEL, messages=messages[:1], tools=tools, stream=True
    )
    deltas: list[Any] = [c.choices[0].delta async for c in stream]
    pieces = [delta.tool_calls[0].function.arguments for delta in deltas if delta.tool_calls]
    assert json.loads("".join(pieces)) == {"level": 40}


async def test_chat_stored(client: AsyncOpenAI) -> None:
    for index in range(3):
        await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": f"Number {index}"}],
            store=True,
            metadata={"index": str(index)},
        )
    await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Forget me"}]
    )
    first_page = await client.chat.completions.list(limit=2)
    assert first_page.has_more
    found = [item async for item in client.chat.completions.list(limit=2)]
    assert [item.to_dict()["metadata"] for item in found] == [{"index": str(i)} for i in range(3)]
    (second,) = [item async for item in client.chat.completions.list(metadata={"index": "1"})]
    assert second.id == found[1].id
    updated = await client.chat.completions.update(second.id, metadata={"room": "hall"})
    assert updated.to_dict()["metadata"] == {"room": "hall"}
    assert (await client.chat.completions.retrieve(second.id)).id == second.id
    messages = await client.chat.completions.messages.list(second.id)
    assert [message.content for message in messages.data] == ["Number 1"]
    assert (await client.chat.completions.delete(second.id)).deleted
    with pytest.raises(NotFoundError):
        await client.chat.completions.retrieve(second.id)


# Embeddings and moderations


async def test_embeddings(client: AsyncOpenAI, standin: StandIn) -> None:
    answer = await client.embeddings.create(
        model="text-embedding-3-small", input=["cat", "dog", "cat"], dimensions=64
    )
    one, two, three = (item.embedding for item in answer.data)
    assert one == three != two
    assert len(one) == 64
    assert math.hypot(*one) == pytest.approx(1)
    # By default the SDK asks for base64 and decodes it.
    assert standin.requests[-1].body["encoding_format"] == "base64"
    plain = await client.embeddings.create(
        model="text-embedding-3-small", input="cat", dimensions=64, encoding_format="float"
    )
    assert plain.data[0].embedding == pytest.approx(one, abs=1e-6)
    assert len((await client.embeddings.create(model="m", input=[1, 2])).data) == 1
    with pytest.raises(BadRequestError):
        await client.embeddings.create(model="m", input="")


async def test_moderations(client: AsyncOpenAI) -> None:
    answer = await client.moderations.create(input=["a kind word", "pure violence"])
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence
    assert not answer.results[1].categories.hate
    assert answer.results[1].category_scores.violence > 0.5
    parts: Any = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}},
    ]
    seen = await client.moderations.create(input=parts)
    assert seen.results[0].category_applied_input_types.violence == ["text", "image"]


# Audio


async def test_speech(client: AsyncOpenAI) -> None:
    def ask(text: str, **options: Any) -> Any:
        return client.audio.speech.create(
            model="gpt-4o-mini-tts", voice="alloy", input=text, **options
        )

    spoken = await ask("Good morning", response_format="wav")
    assert spoken.response.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(spoken.content)) as reader:
        assert reader.getframerate() == 24_000
        short = reader.getnframes()
        assert max(reader.readframes(short)) > 0
    longer = await ask("Good morning, and what a fine day it is", response_format="wav")
    assert len(longer.content) > len(spoken.content)
    pcm = await ask("Good morning", response_format="pcm")
    assert len(pcm.content) == 2 * short
    mp3 = await ask("Good morning")
    assert mp3.response.headers["content-type"] == "audio/mpeg"
    assert mp3.content.startswith(b"\xff\xf3")
    assert len(mp3.content) % 96 == 0
    stream = await ask("Good morning", response_format="pcm", stream_format="sse")
    blocks = stream.content.decode().strip().split("\n\n")
    events = [json.loads(block.partition("data: ")[2]) for block in blocks]
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert sound == pcm.content
    assert events[-1]["type"] == "speech.audio.done"
    with pytest.raises(BadRequestError):
        await ask("x", response_format="midi")


@pytest.mark.parametrize("task", ["transcriptions", "translations"])
@pytest.mark.parametrize(
    ("kind", "content_type", "start"),
    [
        ("json", "application/json", '{"text": "I '),
        ("text", "text/plain; charset=utf-8", "I "),
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:00,000 --> 00:00:01,500\nI "),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nI "),
        ("verbose_json", "application/json", '{"task": "trans'),
    ],
)
async def test_transcription_formats(
    client: AsyncOpenAI, task: str, kind: Any, content_type: str, start: str
) -> None:
    sound = media.wav(media.tone(1.5))
    answer = await getattr(client.audio, task).with_raw_response.create(
        model="whisper-1", file=("hall.wav", sound), response_format=kind
    )
    assert answer.headers["content-type"] == content_type
    assert answer.text.startswith(start)
    assert "1.5 seconds of hall.wav" in answer.text


async def test_transcription(client: AsyncOpenAI, standin: StandIn) -> None:
    sound = media.wav(media.tone(1.5))
    stream = await client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=("hall.wav", sound, "audio/wav"), stream=True
    )
    events: list[Any] = [event async for event in stream]
    assert events[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in events[:-1]) == events[-1].text
    part = next(part for part in standin.requests[-1].body if part.name == "file")
    assert part == Part(name="file", filename="hall.wav", content_type="audio/wav", data=sound)
    timed = await client.audio.transcriptions.create(
        model="whisper-1",
        file=("hall.wav", sound),
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert timed.words is not None
    assert timed.words[-1].end == pytest.approx(1.5)


@pytest.mark.parametrize("file", [None, b""])
async def test_transcription_of_silence(standin: StandIn, file: bytes | None) -> None:
    form = aiohttp.FormData({"model": "whisper-1"}, default_to_multipart=True)
    if file is not None:
        form.add_field("file", file, filename="hall.wav")
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session,
        session.post(f"{standin.url()}/audio/transcriptions", data=form) as answer,
    ):
        assert answer.status == 400
        assert (await answer.json())["error"]["param"] == "file"


# Images


def picture_size(encoded: str | None) -> tuple[int, int]:
    """Check a base64 PNG down to its pixels and return its size."""
    data = base64.b64decode(encoded or "")
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    size = struct.unpack(">I", data[33:37])[0]
    assert len(zlib.decompress(data[41 : 41 + size])) == height * (1 + 3 * width)
    return width, height


async def test_images(client: AsyncOpenAI) -> None:
    made = await client.images.generate(model="gpt-image-1", prompt="A cat", n=2, size="1024x1536")
    assert made.data is not None
    assert [picture_size(item.b64_json) for item in made.data] == [(1024, 1536)] * 2
    assert made.data[0].b64_json != made.data[1].b64_json
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
    with pytest.raises(BadRequestError) as caught:
        await client.images.generate(prompt="A cat", size=cast("Any", "huge"))
    assert caught.value.param == "size"
    linked = await client.images.generate(prompt="A cat", response_format="url", size="256x256")
    assert linked.data is not None
    async with (
        aiohttp.ClientSession() as session,
        session.get(linked.data[0].url or "") as answer,
    ):
        assert answer.content_type == "image/png"
        assert picture_size(base64.b64encode(await answer.read()).decode()) == (256, 256)


async def test_image_edit_and_variation(client: AsyncOpenAI, standin: StandIn) -> None:
    picture = ("cat.png", media.png(16, 16, "cat"), "image/png")
    for given in (picture, [picture, picture]):
        edited = await client.images.edit(image=cast("Any", given), prompt="With a hat")
        assert edited.data is not None
        assert picture_size(edited.data[0].b64_json) == (1024, 1024)
    assert [part.name for part in standin.requests[-1].body].count("image[]") == 2
    varied = await client.images.create_variation(image=picture, n=2, size="256x256")
    assert varied.data is not None
    assert len(varied.data) == 2
    for wrong in (("cat.txt", b"meow", "text/plain"), ("cat.png", b"", "image/png")):
        with pytest.raises(BadRequestError) as caught:
            await client.images.edit(image=wrong, prompt="With a hat")
        assert caught.value.param == "image"


async def test_image_streams(client: AsyncOpenAI) -> None:
    stream = await client.images.generate(
        prompt="A cat", model="gpt-image-1", stream=True, partial_images=2
    )
    events = [event async for event in stream]
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert all(picture_size(event.b64_json) == (1024, 1024) for event in events)
    edits = await client.images.edit(
        image=("cat.png", media.png(16, 16, "cat"), "image/png"),
        prompt="A hat",
        stream=True,
        partial_images=1,
    )
    assert [event.type async for event in edits] == [
        "image_edit.partial_image",
        "image_edit.completed",
    ]


# Files


async def test_files(client: AsyncOpenAI, standin: StandIn) -> None:
    data = bytes(range(256)) * 10
    made = await client.files.create(
        file=("notes.bin", data, "application/x-notes"),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (made.filename, made.bytes, made.status) == ("notes.bin", 2560, "processed")
    assert made.expires_at is not None
    content = await client.files.content(made.id)
    assert content.content == data
    assert content.response.headers["content-type"] == "application/x-notes"
    assert (await client.files.retrieve(made.id)).id == made.id
    assert standin.requests[0].headers["content-type"].startswith("multipart/form-data")
    assert (await client.files.delete(made.id)).to_dict() == {
        "id": made.id,
        "object": "file",
        "deleted": True,
    }
    for gone in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(NotFoundError):
            await gone(made.id)
    for file, purpose in ((b"", "batch"), (b"x", "mischief")):
        with pytest.raises(BadRequestError):
            await client.files.create(file=("x", file), purpose=cast("Any", purpose))


async def test_file_pagination(client: AsyncOpenAI) -> None:
    purposes: list[Any] = ["batch", "batch", "vision", "batch"]
    made = [
        await client.files.create(file=(f"{index}.txt", b"x"), purpose=purpose)
        for index, purpose in enumerate(purposes)
    ]
    names = [file.filename async for file in client.files.list(purpose="batch", limit=2)]
    assert names == ["3.txt", "1.txt", "0.txt"]
    page = await client.files.list(order="asc", limit=2, after=made[0].id)
    assert [file.filename for file in page.data] == ["1.txt", "2.txt"]
    assert page.to_dict()["last_id"] == made[2].id
    assert page.has_more
    with pytest.raises(NotFoundError):
        await client.files.list(after="file-unknown")
    for wrong in ({"limit": 0}, {"order": "sideways"}):
        with pytest.raises(BadRequestError):
            await client.files.list(**cast("Any", wrong))
