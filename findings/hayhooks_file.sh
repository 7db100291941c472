#!/usr/bin/env bash
# Most would guess: a server that answers an upload with a file and its id has the file, and can list
# it; one that keeps no files refuses it.
# What happens: Hayhooks answers with an id, status 200 and the right number of bytes, and forgets the
# file, unless a pipeline has a `run_file_upload`. Its log has a warning. There is no list of files.
# Who meets it: whoever sends a document and asks about it by its id.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi hayhooks==2.1.0
mkdir "$FOLDER/pipelines"
echo 'The garage door code is in the hall.' > "$FOLDER/note.txt"
port=$(free_port)
export HAYHOOKS_PIPELINES_DIR=$FOLDER/pipelines
cd "$FOLDER"
serve "http://127.0.0.1:$port/v1/models" "$FOLDER/venv/bin/hayhooks" run --host 127.0.0.1 --port "$port"
status() { curl --silent --output "$FOLDER/body" --write-out '%{http_code}' "http://127.0.0.1:$port/v1/files$1" "${@:2}"; }
upload=$(status '' -F purpose=user_data -F "file=@$FOLDER/note.txt")
read -r id bytes < <(python -c 'import json, sys; a = json.load(open(sys.argv[1])); print(a["id"], a["bytes"])' "$FOLDER/body")
expect 'upload: 200, 37 bytes, an id: file-; the file: 404; its content: 404' \
  "upload: $upload, $bytes bytes, an id: ${id:0:5}; the file: $(status "/$id"); its content: $(status "/$id/content")"
