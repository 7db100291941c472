# Sourced by the findings: gets pinned packages into a temporary folder, and compares what is seen.

FOLDER=$(mktemp -d)
PIDS=()
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PYTHON=${PYTHON:-python3}

_clean() {
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$FOLDER"
}
trap _clean EXIT

# pypi NAME==VERSION...: afterwards, `python` runs a Python that has them.
pypi() {
  "$PYTHON" -m venv "$FOLDER/venv"
  "$FOLDER/venv/bin/pip" install --quiet --disable-pip-version-check "$@" 2>"$FOLDER/pip.log" ||
    { cat "$FOLDER/pip.log" >&2; exit 2; }
  printf 'with %s\n' "$*"
}
python() { "$FOLDER/venv/bin/python" "$@"; }

# home_assistant VERSION [NAME==VERSION...]: the same with Home Assistant, which needs Python 3.14.
home_assistant() {
  source "$HERE/../../.ci/python.sh"
  uv venv --quiet --python "$PYTHON" "$FOLDER/venv"
  VIRTUAL_ENV=$FOLDER/venv uv pip install --quiet "homeassistant==$1" "${@:2}"
  printf 'with homeassistant==%s\n' "$*"
}

# own_python ARGUMENTS...: runs the Python 3.14 of this repository, for the models that it makes.
own_python() { (source "$HERE/../../.ci/python.sh" && cd "$ROOT" && "$PYTHON" "$@"); }

# npm_package NAME@VERSION: into $FOLDER/node_modules.
npm_package() {
  # Networks that inspect their traffic have certificates of their own.
  NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS-/etc/ssl/certs/ca-certificates.crt} \
    npm install --loglevel error --ignore-scripts --prefix "$FOLDER" "$1" >/dev/null
  printf 'with %s\n' "$1"
}

# debian PACKAGE=VERSION...: Debian's forky, unpacked into $FOLDER/debian without installing.
debian() {
  local apt=$FOLDER/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror deb
  [ -f "$keyring" ] || keyring=${keyring%.gpg}.pgp
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list* | head -n 1)
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$FOLDER/debian"
  : > "$apt/status"
  echo "deb [signed-by=$keyring] ${mirror// /} forky main" > "$apt/sources.list"
  local options=(
    -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State::Lists="$apt/lists" -o Dir::State::Status="$apt/status"
    -o Dir::Cache::Archives="$apt/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o APT::Install-Recommends=false -o APT::Sandbox::User="$(id -un)"
    -o Acquire::Languages=none -o Debug::NoLocking=true -o Acquire::Check-Valid-Until=false
    -o APT::Keep-Downloaded-Packages=true -o APT::Update::Post-Invoke= -o DPkg::Post-Invoke=
  )
  apt-get "${options[@]}" -qq update >&2
  apt-get "${options[@]}" -qq --yes --download-only install "$@" >&2
  for deb in "$apt"/archives/*.deb; do dpkg -x "$deb" "$FOLDER/debian"; done
  rm -rf "$apt"
  printf 'with %s of Debian forky\n' "$*"
}

# from_debian PROGRAM ARGUMENTS...: runs an unpacked program with its own C library.
from_debian() {
  local library loader
  library=$(echo "$FOLDER"/debian/usr/lib/*-linux-gnu)
  loader=$(echo "$library"/ld-linux*.so*)
  cd "$library/ggml/backends0"
  exec "$loader" --library-path "$library:$library/llama" "$FOLDER/debian/usr/bin/$1" "${@:2}"
}

# serve URL COMMAND...: starts a server and waits until it answers.
serve() {
  "${@:2}" >"$FOLDER/server.log" 2>&1 &
  PIDS+=($!)
  for _ in $(seq 600); do
    curl --silent --output /dev/null --max-time 2 "$1" && return 0
    kill -0 "${PIDS[-1]}" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$FOLDER/server.log" >&2
  exit 2
}

free_port() {
  "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# llama_server: llama.cpp on $PORT, with a model of a few megabytes that a script of ours makes.
llama_server() {
  debian llama.cpp-tools=1:0.7.0+dfsg-2
  own_python -c '
import pathlib, sys
from tests.hosts.talker import write_gguf
write_gguf(pathlib.Path(sys.argv[1]))' "$FOLDER/talker.gguf"
  PORT=$(free_port)
  serve "http://127.0.0.1:$PORT/v1/models" from_debian llama-server --model "$FOLDER/talker.gguf" \
    --alias talker --jinja --threads 1 --ctx-size 2048 --host 127.0.0.1 --port "$PORT"
}

# expect WHAT SEEN: WHAT is what was seen when the finding was written.
expect() {
  printf 'seen: %s\n' "$2"
  if [ "$1" != "$2" ]; then
    printf 'no longer as it was: %s\n' "$1"
    exit 1
  fi
}
