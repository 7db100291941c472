"""Audio: speak a text, write down what was said."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, ResponseKind, advanced, required
from ..const import SPEECH_VOICES
from ..media.source import async_into_references
from ..streaming.accumulators import SpeechAccumulator, TranscriptAccumulator
from ..types import ModelKind
from .common_fields import MODEL, STREAM, TEMPERATURE
from .fields import (
    choice,
    choices,
    file,
    files,
    long_text,
    number,
    string_or_object,
    text,
    texts,
)

AUDIO_FILE = file(
    "file",
    "Audio file",
    "The recording: a media item, or a path that Home Assistant may read.",
    example="/media/voice_note.mp3",
)
_TRANSCRIPT_FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_FORMAT = choice(
    "response_format",
    "Format",
    "How the text comes: plain, with times, or as subtitles.",
    _TRANSCRIPT_FORMATS,
)
_PROMPT = long_text(
    "prompt", "Hint", "Names and rare words that occur, or the text that came before."
)
_TEMPERATURE = replace(TEMPERATURE, nullable=False)

ACTION_GROUP = ActionGroup(
    key="audio",
    name="Audio",
    actions=(
        ActionDescription(
            key="create_speech",
            method="audio.speech.create",
            name="Speak a text",
            description="Speaks a text with OpenAI (text-to-speech) and saves it in the media folder, ready to be played.",
            icon="mdi:account-voice",
            model_kind=ModelKind.SPEECH,
            fields=(
                *required(
                    replace(MODEL, example="gpt-4o-mini-tts"),
                    long_text(
                        "input", "Text", "What to say.", example="The washing machine is done."
                    ),
                    replace(
                        string_or_object("voice", "Voice", "Who speaks.", example="alloy"),
                        selector={
                            "select": {
                                "options": list(SPEECH_VOICES),
                                "custom_value": True,
                                "mode": "dropdown",
                            }
                        },
                    ),
                ),
                long_text(
                    "instructions",
                    "Instructions",
                    "How to say it: tone, pace, mood.",
                    example="Cheerful and quick.",
                ),
                choice(
                    "response_format",
                    "Audio format",
                    "The kind of audio file.",
                    ("mp3", "opus", "aac", "flac", "wav", "pcm"),
                ),
                number(
                    "speed",
                    "Speed",
                    "How fast to speak; 1 is normal.",
                    low=0.25,
                    high=4,
                    step=0.05,
                ),
                *advanced(
                    choice(
                        "stream_format",
                        "Stream format",
                        "With sse, each piece of audio is also fired as an openai_api_stream_event.",
                        ("sse", "audio"),
                    )
                ),
            ),
            response=ResponseKind.FILE,
            accumulator=SpeechAccumulator,
            handler="speech.async_create_speech",
        ),
        ActionDescription(
            key="create_transcription",
            method="audio.transcriptions.create",
            name="Transcribe a recording",
            description="Writes down with OpenAI what is said in a recording (speech-to-text).",
            icon="mdi:text-recognition",
            model_kind=ModelKind.TRANSCRIPTION,
            fields=(
                *required(replace(MODEL, example="gpt-4o-mini-transcribe"), AUDIO_FILE),
                text(
                    "language",
                    "Language",
                    "The language that is spoken, as a two-letter code.",
                    example="de",
                ),
                _PROMPT,
                _FORMAT,
                STREAM,
                *advanced(
                    _TEMPERATURE,
                    choices(
                        "timestamp_granularities",
                        "Times",
                        "Whether to give the time of every word (word) or of every part (segment).",
                        ("word", "segment"),
                    ),
                    string_or_object(
                        "chunking_strategy",
                        "Chunking",
                        "How a long recording is cut up: auto, or by pauses.",
                        example="auto",
                        nullable=True,
                    ),
                    choices(
                        "include", "Include", "What else the answer should contain.", ("logprobs",)
                    ),
                    texts("keywords", "Keywords", "Words that are likely to occur."),
                    texts("languages", "Languages", "The languages that may be spoken."),
                    texts(
                        "known_speaker_names",
                        "Known speakers",
                        "Names for the voices in the recordings of known speakers.",
                    ),
                    replace(
                        files(
                            "known_speaker_references",
                            "Recordings of known speakers",
                            "A short recording of each known speaker: media items, "
                            "or paths that Home Assistant may read.",
                        ),
                        encode=async_into_references,
                    ),
                ),
            ),
            accumulator=TranscriptAccumulator,
        ),
        ActionDescription(
            key="create_translation",
            method="audio.translations.create",
            name="Translate a recording",
            description="Writes down in English with OpenAI what is said in a recording.",
            icon="mdi:translate",
            model_kind=ModelKind.TRANSCRIPTION,
            fields=(
                *required(replace(MODEL, example="whisper-1"), AUDIO_FILE),
                _PROMPT,
                _FORMAT,
                *advanced(_TEMPERATURE),
            ),
        ),
    ),
)
