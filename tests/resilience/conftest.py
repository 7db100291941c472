"""The Home Assistant of the integration tests, and a watch for what must be left behind."""

from tests.integration.conftest import (
    _built_schemas,
    _custom,
    _nothing_blocks,
    _nothing_leaks,
    _sockets,
    call,
    enable_event_loop_debug,
    entry,
    events,
    media_folder,
    standin,
)

from .raw_server_fixture import raw_server

__all__ = [
    "_built_schemas",
    "_custom",
    "_nothing_blocks",
    "_nothing_leaks",
    "_sockets",
    "call",
    "enable_event_loop_debug",
    "entry",
    "events",
    "media_folder",
    "raw_server",
    "standin",
]
