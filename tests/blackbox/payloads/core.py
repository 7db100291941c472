"""What the actions of responses, chat, realtime, images, audio, files and models are called with."""

from .case import (
    ANY,
    FILE,
    JSON_FORMAT,
    MESSAGE,
    MODEL,
    PAGE,
    RESPONSE,
    SAVED,
    STORED_CHAT,
    STORED_RESPONSE,
    Case,
    From,
    Sample,
)

PAYLOADS: dict[str, Case] = {
    # Responses
    "create_model_response": Case(
        data={"model": MODEL, "input": "Say hello"},
        answer={**RESPONSE, "output_text": ANY, "usage": ANY, "status": "completed"},
    ),
    "parse_model_response": Case(
        data={"model": MODEL, "input": "The weather, please", "text": {"format": JSON_FORMAT}},
        answer={**RESPONSE, "output_text": ANY, "output_parsed": ANY},
    ),
    "stream_model_response": Case(
        data={"model": MODEL, "input": "Who is there?", "attachments": Sample("picture.png")},
        answer={**RESPONSE, "output_text": ANY, "stream_id": ANY},
    ),
    "get_model_response": Case(
        data={"response_id": STORED_RESPONSE}, answer={**RESPONSE, "output_text": ANY}
    ),
    "delete_model_response": Case(
        data={"response_id": STORED_RESPONSE}, answer={"id": ANY, "deleted": True}
    ),
    "cancel_model_response": Case(
        data={"response_id": From("create_model_response", changes={"background": True})},
        answer={"object": "response", "status": "cancelled"},
    ),
    "compact_model_response": Case(
        data={"model": MODEL, "input": "A long story"},
        answer={"object": ANY, "output": ANY},
    ),
    "list_input_items": Case(data={"response_id": STORED_RESPONSE}, answer=PAGE),
    "count_input_tokens": Case(
        data={"model": MODEL, "input": "Say hello"}, answer={"input_tokens": ANY}
    ),
    "manage_model_response_websocket": Case(
        data={"action": "connect", "connection_id": "table"},
        answer={"object": "response.websocket.connection", "action": "connect", "url": ANY},
        after={"manage_model_response_websocket": {"action": "close", "connection_id": "table"}},
    ),
    # Chat completions
    "create_chat_completion": Case(
        data={"model": MODEL, "messages": MESSAGE, "store": True},
        answer={"object": "chat.completion", "choices": ANY, "usage": ANY},
    ),
    "get_chat_completion": Case(
        data={"completion_id": STORED_CHAT}, answer={"object": "chat.completion", "choices": ANY}
    ),
    "get_chat_messages": Case(data={"completion_id": STORED_CHAT}, answer=PAGE),
    "list_chat_completions": Case(answer=PAGE),
    "update_chat_completion": Case(
        data={"completion_id": STORED_CHAT, "metadata": {"room": "kitchen"}},
        answer={"object": "chat.completion", "metadata": {"room": "kitchen"}},
    ),
    "delete_chat_completion": Case(
        data={"completion_id": STORED_CHAT}, answer={"id": ANY, "deleted": True}
    ),
    # Models, embeddings, moderations
    "list_models": Case(answer={"object": "list", "data": ANY}),
    "retrieve_model": Case(data={"model": MODEL}, answer={"object": "model", "id": MODEL}),
    "delete_model": Case(
        data={"model": "ft:gpt-4o-mini:acme::standin1"}, answer={"id": ANY, "deleted": True}
    ),
    "create_embedding": Case(
        data={"model": "text-embedding-3-small", "input": "hello", "dimensions": 8},
        answer={"object": "list", "data": ANY, "usage": ANY},
    ),
    "create_moderation": Case(data={"input": "a peaceful day"}, answer={"id": ANY, "results": ANY}),
    # Audio
    "create_speech": Case(
        data={"model": "gpt-4o-mini-tts", "input": "Hello", "voice": "alloy"}, answer=SAVED
    ),
    "create_transcription": Case(
        data={"model": "gpt-4o-transcribe", "file": Sample("sound.wav")}, answer={"text": ANY}
    ),
    "create_translation": Case(
        data={"model": "whisper-1", "file": Sample("sound.wav")}, answer={"text": ANY}
    ),
    # Images
    "create_image": Case(
        data={"model": "gpt-image-1", "prompt": "A red ball", "size": "1024x1024"},
        answer={"created": ANY, "data": ANY},
    ),
    "create_image_edit": Case(
        data={"model": "gpt-image-1", "prompt": "Bluer", "image": Sample("picture.png")},
        answer={"created": ANY, "data": ANY},
    ),
    "create_image_variation": Case(
        data={"model": "dall-e-2", "image": Sample("picture.png")},
        answer={"created": ANY, "data": ANY},
    ),
    # Files
    "create_file": Case(
        data={"file": Sample("note.txt"), "purpose": "assistants"},
        answer={"object": "file", "id": ANY, "filename": "note.txt", "bytes": ANY},
    ),
    "list_files": Case(answer=PAGE),
    "retrieve_file": Case(data={"file_id": FILE}, answer={"object": "file", "id": ANY}),
    "download_file": Case(data={"file_id": FILE, "filename": "back.txt"}, answer=SAVED),
    "delete_file": Case(data={"file_id": FILE}, answer={"id": ANY, "deleted": True}),
    # Realtime client secrets and calls
    "create_realtime_client_secret": Case(
        data={"session": {"type": "realtime", "model": "gpt-realtime"}},
        answer={"value": ANY, "expires_at": ANY, "session": ANY},
    ),
    "accept_realtime_call": Case(
        data={"call_id": "rtc_table", "type": "realtime", "model": "gpt-realtime"},
        answer={"call_id": "rtc_table", "status": "accepted"},
    ),
    "hangup_realtime_call": Case(
        data={"call_id": "rtc_table"}, answer={"call_id": "rtc_table", "status": "hung_up"}
    ),
    "refer_realtime_call": Case(
        data={"call_id": "rtc_table", "target_uri": "tel:+31201234567"},
        answer={"call_id": "rtc_table", "status": "referred"},
    ),
    "reject_realtime_call": Case(
        data={"call_id": "rtc_table", "status_code": 486},
        answer={"call_id": "rtc_table", "status": "rejected"},
    ),
}
