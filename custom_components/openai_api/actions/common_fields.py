"""Fields that several families of actions have in common."""

from dataclasses import replace

from ..action import FieldDescription
from . import object_fields
from .fields import (
    boolean,
    choice,
    choices,
    file,
    files,
    identifier,
    integer,
    json_object,
    number,
    text,
    text_map,
    texts,
)
from .object_fields_storage import chunking, tool_resources


def or_default(field: FieldDescription) -> FieldDescription:
    """Return the field of a model as one for which the entry's default may stand in."""
    description = f"{field.description} Without it, the default model."
    return replace(field, required=False, description=description)


MODEL = identifier(
    "model",
    "Model",
    "As the service names it.",
    example="gpt-5-mini",
)
# Many actions show this text, which is translated under this name.
MODEL_OR_DEFAULT = or_default(MODEL)
LLM_HASS_API = choices(
    "llm_hass_api",
    "Control of the home",
    "What the model may use of your home, such as assist. Its tools are called for you.",
    ("assist",),
    example=["assist"],
)
CONVERSATION_ID = text(
    "conversation_id",
    "Conversation ID",
    "A name for a conversation that Home Assistant remembers for an hour, for services that remember none.",
    example="breakfast",
)
METADATA = text_map(
    "metadata",
    "Metadata",
    "Up to 16 names with short texts, to find it again.",
    example={"room": "kitchen"},
    nullable=True,
)
METADATA_FILTER = text_map(
    "metadata",
    "Metadata",
    "Only list what has these names with these texts.",
    example={"room": "kitchen"},
)
USER = text(
    "user",
    "User",
    "A name for the person who asks. Newer services want the safety identifier instead.",
)
AFTER = text("after", "After item", "Continue after the item with this id.")
BEFORE = text("before", "Before item", "List what comes before the item with this id.")
LIMIT = integer("limit", "Limit", "The most items of a page.", low=1, high=100)
ORDER = choice("order", "Order", "Oldest (asc) or newest (desc) first.", ("asc", "desc"))
PAGING = (AFTER, LIMIT, ORDER)
ATTACHMENTS = files(
    "attachments",
    "Attachments",
    "Pictures and files that go with the question, 20 MB in all: media items, cameras, "
    "or paths that Home Assistant may read.",
    example=["media-source://camera/camera.front_door", "/media/manuals/oven.pdf"],
)
TEMPERATURE = number(
    "temperature",
    "Temperature",
    "Low values keep to the likely words, high ones vary more.",
    high=2,
    step=0.1,
    nullable=True,
)
TOP_P = number(
    "top_p",
    "Top P",
    "Choose only among the likeliest words that make up this share. An alternative to temperature.",
    high=1,
    step=0.05,
    nullable=True,
)
TOP_LOGPROBS = integer(
    "top_logprobs",
    "Alternatives per word",
    "How many likely alternatives to return for each word.",
    high=20,
    nullable=True,
)
STREAM = boolean(
    "stream",
    "Stream",
    "Fire an openai_api_stream_event for every piece as it arrives.",
    nullable=True,
)
_STREAM_OPTIONS = ("stream_options", "Stream options", "Settings that only apply to a stream.")
STREAM_OPTIONS = object_fields.stream_options(
    *_STREAM_OPTIONS, example={"include_obfuscation": False}, nullable=True
)
COMPLETION_STREAM_OPTIONS = object_fields.completion_stream_options(
    *_STREAM_OPTIONS, example={"include_obfuscation": False}, nullable=True
)
STORE = boolean(
    "store",
    "Store",
    "Let the service keep the result, so that it can be read again.",
    nullable=True,
)
PARALLEL_TOOL_CALLS = boolean(
    "parallel_tool_calls",
    "Parallel tool calls",
    "Let the model call several tools at once.",
    nullable=True,
)
SAFETY_IDENTIFIER = text(
    "safety_identifier",
    "Safety identifier",
    "A stable code for the person who asks, so that the service can trace abuse to one person.",
    nullable=True,
)
PROMPT_CACHE_KEY = text(
    "prompt_cache_key",
    "Prompt cache key",
    "Requests that begin alike and share this key are answered faster and cheaper.",
    nullable=True,
)
_PROMPT_CACHE_OPTIONS = (
    "prompt_cache_options",
    "Prompt cache options",
    "How the service keeps the beginnings of requests for reuse.",
)
PROMPT_CACHE_OPTIONS = object_fields.prompt_cache(*_PROMPT_CACHE_OPTIONS)
RESPONSE_CACHE_OPTIONS = object_fields.response_prompt_cache(*_PROMPT_CACHE_OPTIONS)
PROMPT_CACHE_RETENTION = choice(
    "prompt_cache_retention",
    "Prompt cache retention",
    "How long the service keeps the beginning of the request for reuse.",
    ("in_memory", "24h"),
    nullable=True,
)
MODERATION = object_fields.moderation(
    "moderation",
    "Moderation",
    "Have the service check the request and the answer for harmful content.",
    nullable=True,
)
THREAD_ID = identifier("thread_id", "Thread", "Id of the thread.", example="thread_123")
TOOL_RESOURCES = tool_resources(
    "tool_resources",
    "Tool resources",
    "The files and vector stores that the tools work on.",
    example={"file_search": {"vector_store_ids": ["vs_123"]}},
    nullable=True,
)
VERBOSITY = choice(
    "verbosity",
    "Verbosity",
    "How many words the answer should have.",
    object_fields.VERBOSITIES,
    nullable=True,
)
CHOICES = integer("n", "Number of answers", "How many answers to make.", low=1, nullable=True)
STOP = texts("stop", "Stop", "The answer ends before any of these.", nullable=True)
SEED = integer(
    "seed",
    "Seed",
    "The same number makes the same answer more likely.",
    low=-(2**31),
    nullable=True,
)
FREQUENCY_PENALTY = number(
    "frequency_penalty",
    "Frequency penalty",
    "High values keep the model from repeating itself word for word.",
    low=-2,
    high=2,
    step=0.1,
    nullable=True,
)
PRESENCE_PENALTY = number(
    "presence_penalty",
    "Presence penalty",
    "High values push the model towards new topics.",
    low=-2,
    high=2,
    step=0.1,
    nullable=True,
)
LOGIT_BIAS = json_object(
    "logit_bias",
    "Word bias",
    "Makes single tokens, by number, more or less likely.",
    example={"50256": -100},
    nullable=True,
)

LOCAL_FILE = file(
    "file",
    "File",
    "The file to send: a media item, or a path that Home Assistant may read.",
    example="/media/manuals/dishwasher.pdf",
)
VECTOR_STORE_ID = identifier(
    "vector_store_id", "Vector store", "Id of the vector store.", example="vs_123"
)
FILE_IDS = texts("file_ids", "Files", "Ids of files at the service.", example=["file-123"])
CHUNKING_STRATEGY = chunking(
    "chunking_strategy",
    "Chunking",
    "How long the pieces are into which a text is cut, and how far they overlap.",
    example={
        "type": "static",
        "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
    },
)


def service_tier(*options: str) -> FieldDescription:
    """Return the field for the service tier; not every method has the same ones."""
    return choice(
        "service_tier",
        "Service tier",
        "How fast and at what price the service works on this.",
        options,
        nullable=True,
    )


def include(*options: str, nullable: bool = False) -> FieldDescription:
    """Return the field that asks for more in the answer."""
    return choices(
        "include", "Include", "What else the answer should contain.", options, nullable=nullable
    )
