"""What the actions of calls, live sessions, agents, vaults and safety are called with."""

import base64

from .case import ANY, MESSAGE, MODEL, PAGE, RESPONSE, SAVED, SCHEMA, Case, From

DELETED = {"id": ANY, "deleted": True}
OFFER = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
TRANSPORT = {"type": "webrtc", "sdp": OFFER}
AGENT = {"agent_id": From("create_agent")}
WORK = "create_agent_session"
SESSION = {"session_id": From(WORK)}
TURN = {**SESSION, "turn_id": From("list_agent_session_turns", "data.0.id")}
ARTIFACT = {**SESSION, "artifact_id": From("list_agent_session_artifacts", "data.0.id")}
SUBAGENT = {**SESSION, "subagent_id": From("list_subagents", "data.0.id")}
SUBAGENT_TURN = {**SUBAGENT, "turn_id": From("list_subagent_turns", "data.0.id")}
ENVIRONMENT = {"environment_id": From(WORK, "environment.id")}
TEMPLATE = {"environment_template_id": From("create_agent_environment_template")}
VAULT = {"vault_id": From("create_vault")}
CREDENTIAL = {**VAULT, "credential_id": From("list_vault_credentials", "data.0.id")}
REST = {"object": "agent.session", "status": "idle", "output_text": ANY, "turn": ANY}

PAYLOADS: dict[str, Case] = {
    # Chat completions and responses
    "parse_chat_completion": Case(
        data={
            "model": MODEL,
            "messages": MESSAGE,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "weather", "schema": SCHEMA},
            },
        },
        answer={"object": "chat.completion", "choices": ANY},
    ),
    "create_multi_agent_response": Case(
        data={"model": MODEL, "input": "Say hello"}, answer={**RESPONSE, "output_text": ANY}
    ),
    # Realtime
    "create_realtime_call": Case(
        data={"sdp": OFFER, "session": {"type": "realtime", "model": "gpt-realtime"}},
        answer={"sdp": ANY, "call_id": ANY},
    ),
    "create_realtime_translation_client_secret": Case(
        data={"session": {"model": "gpt-realtime-translate"}},
        answer={"value": ANY, "expires_at": ANY, "session": ANY},
    ),
    "create_realtime_session": Case(
        data={"model": "gpt-realtime", "voice": "alloy"}, answer={"client_secret": ANY}
    ),
    "create_realtime_transcription_session": Case(
        data={"input_audio_transcription": {"model": "whisper-1"}}, answer={"client_secret": ANY}
    ),
    # Live
    "create_live_session": Case(
        data={"session": {"model": "gpt-live-1", "store": True}, "transport": TRANSPORT},
        answer={"session": ANY, "transport": ANY},
    ),
    "fork_live_session": Case(
        data={"session_id": From("create_live_session", "session.id"), "transport": TRANSPORT},
        answer={"session": ANY, "transport": ANY},
    ),
    "accept_live_session": Case(
        data={"session_id": "live_table", "session": {"type": "live", "model": "gpt-live-1"}},
        answer={"session_id": "live_table", "status": "accepted"},
    ),
    "hangup_live_session": Case(
        data={"session_id": "live_table"}, answer={"session_id": "live_table", "status": "hung_up"}
    ),
    "refer_live_session": Case(
        data={"session_id": "live_table", "target_uri": "tel:+31201234567"},
        answer={"session_id": "live_table", "status": "referred"},
    ),
    "reject_live_session": Case(
        data={"session_id": "live_table", "status_code": 486},
        answer={"session_id": "live_table", "status": "rejected"},
    ),
    "download_live_session": Case(
        data={"session_id": From("create_live_session", "session.id")}, answer=SAVED
    ),
    # Safety
    "get_safety_alert": Case(data={"id": "alert_1"}, answer={"object": "safety.alert"}),
    "get_safety_case": Case(data={"id": "case_1"}, answer={"object": "safety.case"}),
    # Agents
    "create_agent": Case(
        data={"model": MODEL, "name": "Gardener"}, answer={"object": "agent", "id": ANY}
    ),
    "list_agents": Case(answer={"object": "list", "has_more": False}),
    "get_agent": Case(data=AGENT, answer={"object": "agent", "name": "Gardener"}),
    "modify_agent": Case(data={**AGENT, "name": "Cook"}, answer={"name": "Cook"}),
    "delete_agent": Case(data=AGENT, answer=DELETED),
    # Sessions of agents
    "create_agent_session": Case(
        data={
            "environment": {"type": "openai_hosted"},
            "agent": {"model": MODEL},
            "input": "Say hello with help",
            "stream": True,
        },
        answer={**REST, "stream_id": ANY},
    ),
    "run_agent_session": Case(
        data={**SESSION, "input": "Say hello"}, answer={**REST, "stream_id": ANY}
    ),
    "stream_agent_session": Case(
        data={
            "session_id": From(
                WORK,
                changes={
                    "agent": {"model": MODEL, "tools": [{"type": "function", "name": "knock"}]},
                    "input": "knock",
                },
            )
        },
        answer={"status": "requires_action", "required_actions": ANY, "stream_id": ANY},
    ),
    "submit_agent_session_events": Case(
        data={**SESSION, "events": [{"type": "agent.session.input.cancel"}]},
        answer={"session_id": ANY, "status": "accepted"},
    ),
    "list_agent_sessions": Case(answer={"object": "list", "has_more": False}),
    "get_agent_session": Case(data=SESSION, answer={"object": "agent.session", "status": "idle"}),
    "modify_agent_session": Case(
        data={**SESSION, "metadata": {"room": "kitchen"}}, answer={"metadata": {"room": "kitchen"}}
    ),
    "delete_agent_session": Case(data=SESSION, answer=DELETED),
    "list_agent_session_items": Case(data=SESSION, answer=PAGE),
    "list_agent_session_traces": Case(data=SESSION, answer=PAGE),
    "list_agent_session_turns": Case(data=SESSION, answer=PAGE),
    "get_agent_session_turn": Case(data=TURN, answer={"status": "completed"}),
    "list_agent_session_turn_items": Case(data=TURN, answer=PAGE),
    "list_agent_session_artifacts": Case(data=SESSION, answer=PAGE),
    "get_agent_session_artifact": Case(data=ARTIFACT, answer={"id": ANY, "path": ANY}),
    "download_agent_session_artifact": Case(data=ARTIFACT, answer=SAVED),
    "delete_agent_session_artifact": Case(data=ARTIFACT, answer=DELETED),
    # Subagents
    "list_subagents": Case(data=SESSION, answer=PAGE),
    "get_subagent": Case(data=SUBAGENT, answer={"object": "agent.session.subagent"}),
    "list_subagent_items": Case(data=SUBAGENT, answer=PAGE),
    "list_subagent_turns": Case(data=SUBAGENT, answer=PAGE),
    "get_subagent_turn": Case(data=SUBAGENT_TURN, answer={"status": "completed"}),
    "list_subagent_turn_items": Case(data=SUBAGENT_TURN, answer=PAGE),
    # Environments of agents
    "get_agent_environment": Case(data=ENVIRONMENT, answer={"status": "connected"}),
    "list_agent_environment_files": Case(
        data=ENVIRONMENT, answer={"object": "list", "has_more": False}
    ),
    "add_agent_environment_file": Case(
        data={
            **ENVIRONMENT,
            "type": "inline",
            "path": "/workspace/plan.txt",
            "data": base64.b64encode(b"plan").decode(),
        },
        answer={"path": "/workspace/plan.txt", "size_bytes": 4},
    ),
    "create_agent_environment_template": Case(
        data={"name": "Office", "packages": {"python": ["pandas"]}},
        answer={"object": "agent.environment.template", "id": ANY},
    ),
    "list_agent_environment_templates": Case(answer={"object": "list", "has_more": False}),
    "get_agent_environment_template": Case(data=TEMPLATE, answer={"name": "Office"}),
    "modify_agent_environment_template": Case(
        data={**TEMPLATE, "name": "Study"}, answer={"name": "Study"}
    ),
    "delete_agent_environment_template": Case(data=TEMPLATE, answer=DELETED),
    # Vaults
    "create_vault": Case(data={"name": "Home"}, answer={"object": "vault", "name": "Home"}),
    "list_vaults": Case(answer={"object": "list", "has_more": False}),
    "get_vault": Case(data=VAULT, answer={"object": "vault", "name": "Home"}),
    "delete_vault": Case(data=VAULT, answer=DELETED),
    "list_vault_credentials": Case(data=VAULT, answer=PAGE),
    "get_vault_credential": Case(data=CREDENTIAL, answer={"object": "vault.credential"}),
    "delete_vault_credential": Case(data=CREDENTIAL, answer=DELETED),
}
