"""What the actions of uploads, vector stores, batches and containers are called with."""

from .case import ANY, FILE, PAGE, SAVED, Case, From, Sample

DELETED = {"id": ANY, "deleted": True}
SOON = {"poll_interval_ms": 100}
NOTE = Sample("note.txt")
STORE = From("create_vector_store")
CONTAINER = From("create_container")
STORED = {
    "vector_store_id": From("create_vector_store_file", "vector_store_id"),
    "file_id": From("create_vector_store_file"),
}
FILE_BATCH = {
    "vector_store_id": From("create_vector_store_file_batch", "vector_store_id"),
    "batch_id": From("create_vector_store_file_batch"),
}
CONTAINED = {
    "container_id": From("add_container_file", "container_id"),
    "file_id": From("add_container_file"),
}
STORE_FILE = {"object": "vector_store.file", "id": ANY, "vector_store_id": ANY}
READY = {**STORE_FILE, "status": "completed"}
STORE_BATCH = {"object": "vector_store.files_batch", "id": ANY, "vector_store_id": ANY}
BATCH_READY = {**STORE_BATCH, "status": "completed", "file_counts": ANY}
CHUNKS = {
    "type": "static",
    "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50},
}

PAYLOADS: dict[str, Case] = {
    # Files and uploads
    "wait_for_file_processing": Case(
        data={"file_id": FILE}, answer={"object": "file", "status": "processed"}
    ),
    "upload_file_chunked": Case(
        data={"file": NOTE, "purpose": "user_data", "part_size": 10},
        answer={"object": "upload", "status": "completed", "file": ANY},
    ),
    "create_upload": Case(
        data={
            "filename": "note.txt",
            "purpose": "user_data",
            "bytes": 28,
            "mime_type": "text/plain",
        },
        answer={"object": "upload", "id": ANY, "status": "pending"},
    ),
    "add_upload_part": Case(
        data={"upload_id": From("create_upload"), "data": NOTE},
        answer={"object": "upload.part", "id": ANY, "upload_id": ANY},
    ),
    "complete_upload": Case(
        data={
            "upload_id": From("add_upload_part", "upload_id"),
            "part_ids": [From("add_upload_part")],
        },
        answer={"object": "upload", "status": "completed", "file": ANY},
    ),
    "cancel_upload": Case(
        data={"upload_id": From("create_upload")}, answer={"status": "cancelled"}
    ),
    # Saved files
    "tidy_up_saved_files": Case(
        data={"older_than_days": 30, "dry_run": True},
        answer={"deleted": [], "count": 0, "freed": 0, "left": ANY, "dry_run": True},
    ),
    # Vector stores
    "create_vector_store": Case(
        data={"name": "Manuals"}, answer={"object": "vector_store", "id": ANY, "name": "Manuals"}
    ),
    "list_vector_stores": Case(answer={"object": "list", "has_more": False}),
    "search_vector_store": Case(
        data={
            "vector_store_id": From("upload_and_poll_vector_store_file", "vector_store_id"),
            "query": "When does water boil?",
        },
        answer={"data": ANY, "search_query": ANY, "has_more": False},
    ),
    "retrieve_vector_store": Case(
        data={"vector_store_id": STORE}, answer={"object": "vector_store", "id": ANY}
    ),
    "modify_vector_store": Case(
        data={"vector_store_id": STORE, "name": "Books"}, answer={"id": ANY, "name": "Books"}
    ),
    "delete_vector_store": Case(data={"vector_store_id": STORE}, answer=DELETED),
    # Vector store files
    "create_vector_store_file": Case(
        data={"vector_store_id": STORE, "file_id": FILE, "attributes": {"room": "kitchen"}},
        answer={**STORE_FILE, "attributes": {"room": "kitchen"}},
    ),
    "create_and_poll_vector_store_file": Case(
        data={"vector_store_id": STORE, "file_id": FILE, **SOON}, answer=READY
    ),
    "upload_vector_store_file": Case(
        data={"vector_store_id": STORE, "file": NOTE, "chunking_strategy": CHUNKS},
        answer={**STORE_FILE, "chunking_strategy": CHUNKS},
    ),
    "upload_and_poll_vector_store_file": Case(
        data={"vector_store_id": STORE, "file": NOTE, **SOON}, answer=READY
    ),
    "poll_vector_store_file": Case(data={**STORED, **SOON}, answer=READY),
    "list_vector_store_files": Case(
        data={"vector_store_id": STORED["vector_store_id"]}, answer=PAGE
    ),
    "retrieve_vector_store_file": Case(data=STORED, answer=STORE_FILE),
    "modify_vector_store_file": Case(
        data={**STORED, "attributes": {"room": "bath"}}, answer={"attributes": {"room": "bath"}}
    ),
    "get_vector_store_file_content": Case(data=STORED, answer={"data": ANY, "has_more": False}),
    "delete_vector_store_file": Case(data=STORED, answer=DELETED),
    # Vector store file batches
    "create_vector_store_file_batch": Case(
        data={"vector_store_id": STORE, "file_ids": [FILE]}, answer=STORE_BATCH
    ),
    "create_and_poll_vector_store_file_batch": Case(
        data={"vector_store_id": STORE, "files": [{"file_id": FILE}], **SOON}, answer=BATCH_READY
    ),
    "retrieve_vector_store_file_batch": Case(data=FILE_BATCH, answer=STORE_BATCH),
    "poll_vector_store_file_batch": Case(data={**FILE_BATCH, **SOON}, answer=BATCH_READY),
    "cancel_vector_store_file_batch": Case(
        data=FILE_BATCH, answer={**STORE_BATCH, "status": "cancelled"}
    ),
    "list_vector_store_batch_files": Case(data=FILE_BATCH, answer=PAGE),
    "upload_and_poll_vector_store_file_batch": Case(
        data={"vector_store_id": STORE, "files": [NOTE, Sample("training.jsonl")], **SOON},
        answer=BATCH_READY,
    ),
    # Batches
    "create_batch": Case(
        data={
            "input_file_id": From(
                "create_file", changes={"file": Sample("training.jsonl"), "purpose": "batch"}
            ),
            "endpoint": "/v1/responses",
            "completion_window": "24h",
        },
        answer={"object": "batch", "id": ANY, "status": "validating"},
    ),
    "retrieve_batch": Case(
        data={"batch_id": From("create_batch")}, answer={"object": "batch", "status": ANY}
    ),
    "list_batch": Case(answer={"object": "list", "has_more": False}),
    "cancel_batch": Case(
        data={"batch_id": From("create_batch")}, answer={"object": "batch", "status": "cancelling"}
    ),
    # Watched jobs; the file is done already, so nothing is asked of the service afterwards
    "watch_job": Case(
        data={"kind": "file", "id": FILE, "name": "Note"},
        answer={"kind": "file", "name": "Note", "status": "processed", "done": True, "result": ANY},
    ),
    "list_watched_jobs": Case(answer={}),
    "stop_watching_job": Case(
        data={"id": From("watch_job")}, answer={"id": ANY, "status": "stopped"}
    ),
    # Containers
    "create_container": Case(
        data={"name": "Energy"}, answer={"object": "container", "id": ANY, "name": "Energy"}
    ),
    "list_containers": Case(data={"name": From("create_container", "name")}, answer=PAGE),
    "retrieve_container": Case(
        data={"container_id": CONTAINER}, answer={"object": "container", "name": "Energy"}
    ),
    "delete_container": Case(data={"container_id": CONTAINER}, answer=DELETED),
    # Container files
    "list_container_files": Case(data={"container_id": CONTAINED["container_id"]}, answer=PAGE),
    "add_container_file": Case(
        data={"container_id": CONTAINER, "file": NOTE},
        answer={"object": "container.file", "id": ANY, "path": ANY},
    ),
    "retrieve_container_file": Case(data=CONTAINED, answer={"object": "container.file"}),
    "delete_container_file": Case(data=CONTAINED, answer=DELETED),
    "download_container_file_content": Case(
        data={**CONTAINED, "filename": "contained.txt"}, answer=SAVED
    ),
    # Content provenance checks
    "create_content_provenance_check": Case(
        data={"file": Sample("picture.png")},
        answer={"object": "content_provenance_check", "results": ANY},
    ),
}
