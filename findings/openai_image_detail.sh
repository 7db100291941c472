#!/usr/bin/env bash
# Most would guess: an image of the Responses API as OpenAI's documentation sends it, a type and an
# `image_url`, is what the types of the openai SDK take; to the API, `detail` is auto if left out.
# What happens: the type wants `detail`, so that a server which checks requests against it refuses
# the documented one. The type of an image in a chat completion wants none.
# Who meets it: whoever sends a picture to vLLM, or writes a server with the types of the SDK.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi openai==3.57.0
expect "Responses: ('detail',) Field required, with detail: taken, chat: taken" "$(python - <<'PY'
from openai.types.chat import ChatCompletionContentPartImageParam
from openai.types.responses import ResponseInputImageParam
from pydantic import TypeAdapter, ValidationError

URL = "https://example.com/boardwalk.jpg"


def check(kind, part):
    try:
        TypeAdapter(kind).validate_python(part)
    except ValidationError as err:
        return ", ".join(f"{error['loc']} {error['msg']}" for error in err.errors())
    return "taken"


documented = {"type": "input_image", "image_url": URL}
print(f"Responses: {check(ResponseInputImageParam, documented)}", end=", ")
print(f"with detail: {check(ResponseInputImageParam, {**documented, 'detail': 'auto'})}", end=", ")
chat = {"type": "image_url", "image_url": {"url": URL}}
print(f"chat: {check(ChatCompletionContentPartImageParam, chat)}")
PY
)"
