"""Entities for Assist: speech-to-text, conversation, AI tasks and text-to-speech.

How an entity of a subentry is built, on any of the four platforms:

- A platform module (`conversation.py`, `ai_task.py`, `stt.py`, `tts.py`) does nothing but
  `entry.runtime_data.subentries.add_platform(platform, {SubentryType.X: EntityClass},
  async_add_entities)`. From then on an `EntityClass(entry, subentry)` is added for every such
  subentry, also for those that are made later; it is removed with its subentry.
- `EntityClass` derives from `assist.entity.AssistEntity` first and Home Assistant's entity second.
  It has `host` (the `ServiceHost`: client, settings, usage, availability), `subentry`, and
  `options` (what the form saved, under the names of `assist.const`; `option(key)` adds the
  defaults). When the subentry is reconfigured,
  `apply_options` runs again and the state is written: override it to set `_attr_…`, and let the
  next turn use the new options. Nothing is reloaded.
- What the service supports or rejects is kept in `host.known`, under keys such as `api` or
  `speech_formats`, until the entry is reloaded.
- HTTP: `assist.http.async_stream` (server-sent events or chunks of any body, within the timeout of
  the subentry) and `async_request` (one JSON object). Both call the SDK's method, so that the
  paths, the key and the counting of requests stay where they are; errors are translated, and
  `assist.errors` returns the message to speak.
- `assist.turns.Turn` reports a turn: as an event, to diagnostics and to the sensors.
"""
