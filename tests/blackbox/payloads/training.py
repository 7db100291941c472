"""What the actions of videos, evals, fine-tuning, skills, webhooks and decisions are called with."""

import base64
import hashlib
import hmac
import json
from typing import Any

from .case import ANY, MODEL, PAGE, SAVED, Case, From, Sample

SOME = {"object": "list", "has_more": False}
SOON = {"poll_interval_ms": 100}
GRADER = {
    "type": "string_check",
    "name": "Polite",
    "operation": "like",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.answer }}",
}
VIDEO = From("create_video")
FINISHED = From("create_and_poll_video")
STARTED = {"object": "video", "id": ANY, "status": "queued"}
EVAL = From("create_eval")
EVAL_RUN = {"eval_id": From("create_eval_run", "eval_id"), "run_id": From("create_eval_run")}
RESULTS = "list_eval_run_output_items"
JOB = From("create_fine_tuning_job")
CHECKPOINT = {"fine_tuned_model_checkpoint": "ft:gpt-4o-mini:home::1:ckpt-step-1"}
SKILL = From("create_skill")
VERSION = {
    "skill_id": From("create_skill_version", "skill_id"),
    "version": From("create_skill_version", "version"),
}
WEBHOOK = From("create_webhook_endpoint")
DELETED = {"id": ANY, "deleted": True}

_SECRET = b"twenty-four bytes of key"
_TIME = 1_790_000_000
_EVENT = json.dumps({"id": "evt_1", "object": "event", "type": "batch.completed"}, indent=1)


def webhook_call() -> dict[str, Any]:
    """Return a webhook call with its signature, which stays good for years."""
    signed = f"wh_1.{_TIME}.{_EVENT}".encode()
    signature = base64.b64encode(hmac.new(_SECRET, signed, hashlib.sha256).digest()).decode()
    return {
        "payload": _EVENT,
        "headers": {
            "webhook-id": "wh_1",
            "webhook-timestamp": str(_TIME),
            "webhook-signature": f"v1,{signature}",
        },
        "secret": f"whsec_{base64.b64encode(_SECRET).decode()}",
        "tolerance": 10**9,
    }


PAYLOADS: dict[str, Case] = {
    # Videos
    "create_video": Case(data={"prompt": "A paper boat", "seconds": 4}, answer=STARTED),
    "create_and_poll_video": Case(
        data={"prompt": "A paper boat", "input_reference": {"file_id": "file-1"}, **SOON},
        answer={"object": "video", "id": ANY, "status": "completed", "progress": 100},
    ),
    "get_video": Case(data={"video_id": VIDEO}, answer={"object": "video", "id": ANY}),
    "poll_video": Case(data={"video_id": VIDEO, **SOON}, answer={"status": "completed"}),
    "list_videos": Case(answer=SOME),
    "delete_video": Case(data={"video_id": VIDEO}, answer=DELETED),
    "create_video_character": Case(
        data={"name": "Rex", "video": Sample("sound.wav")}, answer={"id": ANY, "name": "Rex"}
    ),
    "get_video_character": Case(
        data={"character_id": From("create_video_character")}, answer={"name": "Rex"}
    ),
    "download_video_content": Case(
        data={"video_id": FINISHED}, answer={**SAVED, "media_content_type": "video/mp4"}
    ),
    "edit_video": Case(data={"prompt": "Snow", "video": {"id": FINISHED}}, answer=STARTED),
    "extend_video": Case(
        data={"prompt": "Snow", "seconds": "8", "video": Sample("sound.wav")}, answer=STARTED
    ),
    "remix_video": Case(data={"video_id": FINISHED, "prompt": "At night"}, answer=STARTED),
    # Voices and decisions
    "create_voice": Case(
        data={"name": "Butler", "type": "prompt", "prompt": "Old and calm"},
        answer={"object": "audio.voice", "id": ANY},
    ),
    "create_decision": Case(
        data={
            "model": MODEL,
            "input": "The doorbell rang.",
            "questions": [{"type": "predicate", "instructions": "Did the doorbell ring?"}],
        },
        answer={"model": MODEL, "answers": ANY, "usage": ANY},
    ),
    # Fine-tuning
    "create_fine_tuning_job": Case(
        data={"model": "gpt-4o-mini", "training_file": "file-1", "suffix": "butler"},
        answer={"object": "fine_tuning.job", "id": ANY, "status": "queued"},
    ),
    "list_paginated_fine_tuning_jobs": Case(answer=SOME),
    "retrieve_fine_tuning_job": Case(
        data={"fine_tuning_job_id": JOB}, answer={"object": "fine_tuning.job", "id": ANY}
    ),
    "list_fine_tuning_events": Case(data={"fine_tuning_job_id": JOB}, answer=PAGE),
    "list_fine_tuning_checkpoints": Case(data={"fine_tuning_job_id": JOB}, answer=PAGE),
    "cancel_fine_tuning_job": Case(
        data={"fine_tuning_job_id": JOB}, answer={"id": ANY, "status": "cancelled"}
    ),
    "pause_fine_tuning_job": Case(
        data={"fine_tuning_job_id": JOB}, answer={"id": ANY, "status": "paused"}
    ),
    "resume_fine_tuning_job": Case(
        data={"fine_tuning_job_id": From("pause_fine_tuning_job")},
        answer={"id": ANY, "status": "running"},
    ),
    "create_checkpoint_permissions": Case(
        data={**CHECKPOINT, "project_ids": ["proj_1"]}, answer=PAGE
    ),
    "list_checkpoint_permissions": Case(data=CHECKPOINT, answer=SOME),
    "retrieve_checkpoint_permissions": Case(data=CHECKPOINT, answer=SOME),
    "delete_checkpoint_permission": Case(
        data={
            **CHECKPOINT,
            "permission_id": From("create_checkpoint_permissions", "data.0.id"),
        },
        answer=DELETED,
    ),
    "run_grader": Case(
        data={"grader": GRADER, "model_sample": "Good morning", "item": {"answer": "morning"}},
        answer={"reward": 1.0, "metadata": ANY},
    ),
    "validate_grader": Case(data={"grader": GRADER}, answer={"grader": GRADER}),
    # Evals
    "create_eval": Case(
        data={
            "name": "Manners",
            "data_source_config": {"type": "custom", "item_schema": {"type": "object"}},
            "testing_criteria": [GRADER],
        },
        answer={"object": "eval", "id": ANY, "name": "Manners", "testing_criteria": ANY},
    ),
    "get_eval": Case(data={"eval_id": EVAL}, answer={"object": "eval", "id": ANY}),
    "modify_eval": Case(data={"eval_id": EVAL, "name": "Tone"}, answer={"name": "Tone"}),
    "delete_eval": Case(data={"eval_id": EVAL}, answer={"eval_id": ANY, "deleted": True}),
    "list_evals": Case(data={"order_by": "updated_at"}, answer=SOME),
    "create_eval_run": Case(
        data={"eval_id": EVAL, "data_source": {"type": "responses", "model": MODEL}},
        answer={"object": "eval.run", "id": ANY, "eval_id": ANY, "status": "queued"},
    ),
    "get_eval_run": Case(data=EVAL_RUN, answer={"object": "eval.run", "id": ANY}),
    "list_eval_runs": Case(data={"eval_id": EVAL_RUN["eval_id"]}, answer=PAGE),
    "delete_eval_run": Case(data=EVAL_RUN, answer={"run_id": ANY, "deleted": True}),
    "cancel_eval_run": Case(data=EVAL_RUN, answer={"id": ANY, "status": "canceled"}),
    "get_eval_run_output_item": Case(
        data={
            "eval_id": From(RESULTS, "data.0.eval_id"),
            "run_id": From(RESULTS, "data.0.run_id"),
            "output_item_id": From(RESULTS, "data.0.id"),
        },
        answer={"object": "eval.run.output_item", "results": ANY},
    ),
    RESULTS: Case(data=EVAL_RUN, answer=PAGE),
    # Skills
    "create_skill": Case(
        data={"files": Sample("SKILL.md")},
        answer={"object": "skill", "id": ANY, "name": "butler", "default_version": "1"},
    ),
    "get_skill": Case(data={"skill_id": SKILL}, answer={"object": "skill", "id": ANY}),
    "modify_skill": Case(
        data={"skill_id": SKILL, "default_version": "1"}, answer={"default_version": "1"}
    ),
    "delete_skill": Case(data={"skill_id": SKILL}, answer=DELETED),
    "list_skills": Case(answer=SOME),
    "get_skill_content": Case(data={"skill_id": SKILL}, answer=SAVED),
    "create_skill_version": Case(
        data={"skill_id": SKILL, "files": [Sample("SKILL.md"), Sample("note.txt")]},
        answer={"object": "skill.version", "skill_id": ANY, "version": "2"},
    ),
    "get_skill_version": Case(data=VERSION, answer={"object": "skill.version", "id": ANY}),
    "list_skill_versions": Case(data={"skill_id": SKILL}, answer=PAGE),
    "delete_skill_version": Case(data=VERSION, answer={**DELETED, "version": "2"}),
    "get_skill_version_content": Case(data=VERSION, answer=SAVED),
    # Webhooks
    "unwrap_webhook_event": Case(data=webhook_call(), answer={"type": "batch.completed"}),
    "verify_webhook_signature": Case(data=webhook_call(), answer={"verified": True}),
    "create_webhook_endpoint": Case(
        data={
            "name": "Home",
            "url": "https://example.com/hook",
            "event_types": ["batch.completed"],
        },
        answer={"object": "webhook_endpoint", "id": ANY, "signing_secret": ANY},
    ),
    "list_webhook_endpoints": Case(answer=SOME),
    "retrieve_webhook_endpoint": Case(
        data={"webhook_endpoint_id": WEBHOOK}, answer={"id": ANY, "name": "Home"}
    ),
    "update_webhook_endpoint": Case(
        data={"webhook_endpoint_id": WEBHOOK, "name": "House"}, answer={"name": "House"}
    ),
    "delete_webhook_endpoint": Case(data={"webhook_endpoint_id": WEBHOOK}, answer=DELETED),
    "rotate_webhook_secret": Case(
        data={"webhook_endpoint_id": WEBHOOK}, answer={"id": ANY, "signing_secret": ANY}
    ),
    "test_webhook_endpoint": Case(
        data={"webhook_endpoint_id": WEBHOOK, "event_type": "batch.completed"},
        answer={"success": True, "status_code": 200},
    ),
    "list_webhook_event_types": Case(answer={"object": "list", "data": ANY, "has_more": False}),
}
