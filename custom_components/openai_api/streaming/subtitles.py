"""Subtitles from the segments of a transcript, for servers that know no subtitles."""

from typing import Any, Final

_HOUR: Final = 3_600_000
_MINUTE: Final = 60_000
_SECOND: Final = 1000
_LATEST: Final = 1000 * 3600
"""Seconds: from then on, hours would have more digits than subtitles do."""
FORMATS: Final = ("srt", "vtt")


def as_subtitles(text: str, segments: object, form: str) -> str:
    """Return a transcript as subtitles in SRT or WebVTT, unless it is that already.

    `segments` are those of the API, `[{"start": seconds, "end": seconds, "text": …}, …]`. Without
    the times of all of them, the text is returned as it is.
    """
    if "-->" in text or not isinstance(segments, list) or not all(map(_has_times, segments)):
        return text
    spoken = [segment for segment in segments if segment["text"].strip()]
    if not spoken:
        return text
    sign = "," if form == "srt" else "."
    cues = []
    for number, segment in enumerate(spoken, 1):
        times = f"{_time(segment['start'], sign)} --> {_time(segment['end'], sign)}"
        cue = f"{times}\n{segment['text'].strip()}\n"
        cues.append(f"{number}\n{cue}" if form == "srt" else cue)
    return "\n".join(cues if form == "srt" else ["WEBVTT\n", *cues])


def _has_times(segment: Any) -> bool:
    """Return whether a segment says from when to when it is spoken."""
    return (
        isinstance(segment, dict)
        and isinstance(segment.get("text"), str)
        and all(
            isinstance(moment := segment.get(key), int | float) and 0 <= moment < _LATEST
            for key in ("start", "end")
        )
    )


def _time(seconds: float, sign: str) -> str:
    """Return a time as subtitles write it, such as 00:01:02,500."""
    left = round(seconds * 1000)
    hours, left = divmod(left, _HOUR)
    minutes, left = divmod(left, _MINUTE)
    whole, left = divmod(left, _SECOND)
    return f"{hours:02}:{minutes:02}:{whole:02}{sign}{left:03}"
