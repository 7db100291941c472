# Sourced by the scripts: puts a Python 3.14 and uv within reach, touching
# nothing outside the repository. Sets PYTHON and the function `uv`.

# What a script says of itself is shown at once, before anything is set up.
case " $* " in
  *" -h "* | *" --help "*)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit 0 ;;
esac

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools
PREFIX=$TOOLS/debian
MINIMUM='import sys; sys.exit(sys.version_info[:3] < (3, 14, 2))'

# Networks that inspect their traffic have certificates of their own.
export UV_SYSTEM_CERTS=true

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

_suits() { command -v "$1" >/dev/null 2>&1 && "$1" -c "$MINIMUM" >/dev/null 2>&1; }

# The unpacked Python, started by its own loader: the system's C library is older.
_unpacked_python() {
  local loader
  loader=$(find "$PREFIX"/usr/lib -maxdepth 2 -name 'ld-linux*.so*' | head -n 1)
  "$loader" --library-path "${loader%/*}" "$PREFIX/usr/bin/python3.14" "$@"
}

# pip of any Python, or the wheel that the unpacked Debian packages bring along.
_fetch() {
  local folder=$TOOLS/$1 wheel
  [ -d "$folder" ] && return 0
  set -- install --quiet --root-user-action=ignore --target "$folder.part" "$1"
  wheel=$(find "$PREFIX/usr/share/python-wheels" -name 'pip-*.whl' 2>/dev/null | head -n 1)
  rm -rf "$folder.part"
  if python3 -m pip --version >/dev/null 2>&1; then
    python3 -m pip "$@" 2>/dev/null
  elif [ -n "$wheel" ]; then
    _unpacked_python "$wheel/pip" "$@"
  else
    return 1
  fi && mv "$folder.part" "$folder"
}

uv() {
  if [ -x "$TOOLS/uv/bin/uv" ]; then "$TOOLS/uv/bin/uv" "$@"; else command uv "$@"; fi
}

_get_uv() {
  command -v uv >/dev/null 2>&1 && [ "$(type -t uv)" = file ] && return 0
  _fetch uv >&2
}

# Debian's newest Python, unpacked beside the system without installing anything.
_debian_python() {
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
  local apt=$TOOLS/apt mirror keyring arch deb loader
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -f "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.pgp
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1)
  [ -n "${mirror// /}" ] || return 1
  arch=$(dpkg --print-architecture)
  say "getting Python 3.14 from Debian (unpacked into .tools, nothing is installed)"
  rm -rf "$apt" "$PREFIX"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$PREFIX"
  : > "$apt/status"
  echo "deb [signed-by=$keyring] ${mirror// /} forky main" > "$apt/sources.list"
  local options=(
    -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State::Lists="$apt/lists" -o Dir::State::Status="$apt/status"
    -o Dir::Cache::Archives="$apt/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o APT::Architecture="$arch" -o APT::Install-Recommends=false
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Debug::NoLocking=true
    # A mirror may lag behind; what it holds is signed all the same.
    -o Acquire::Check-Valid-Until=false
    -o APT::Update::Post-Invoke= -o DPkg::Post-Invoke= -o APT::Keep-Downloaded-Packages=true
  )
  apt-get "${options[@]}" -qq update >&2 || return 1
  apt-get "${options[@]}" -qq --yes --download-only install \
    python3.14-venv python3.14-dev >&2 || return 1
  for deb in "$apt"/archives/*.deb; do
    case ${deb##*/} in
      debconf_*|ca-certificates_*|linux-libc-dev_*|netbase_*|media-types_*|openssl_*|perl*) ;;
      *) dpkg -x "$deb" "$PREFIX" || return 1 ;;
    esac
  done
  _fetch patchelf || return 1
  loader=$(find "$PREFIX"/usr/lib -maxdepth 2 -name 'ld-linux*.so*' | head -n 1)
  # Debian keeps pyconfig.h apart, where a compiler would only look on the system itself.
  ln -s "../$(basename "${loader%/*}")" "$PREFIX/usr/include/python3.14/"
  "$TOOLS/patchelf/bin/patchelf" --set-interpreter "$loader" \
    --force-rpath --set-rpath "${loader%/*}" "$PREFIX/usr/bin/python3.14" || return 1
  rm -rf "$apt"
}

_get_python() {
  local found
  for found in python3.14 "$PREFIX/usr/bin/python3.14"; do
    if _suits "$found"; then PYTHON=$(command -v "$found"); return 0; fi
  done
  if _get_uv; then
    say "asking uv for Python 3.14"
    if uv python install --quiet 3.14 2>/dev/null &&
      found=$(uv python find --managed-python '>=3.14.2' 2>/dev/null) && _suits "$found"; then
      PYTHON=$found; return 0
    fi
  fi
  _debian_python && _suits "$PREFIX/usr/bin/python3.14" || return 1
  PYTHON=$PREFIX/usr/bin/python3.14
}

# A few of Home Assistant's own requirements come as source. Zig's compiler is a mere package.
_get_compiler() {
  command -v c++ >/dev/null && command -v cc >/dev/null && return 0
  _fetch ziglang || return 0
  local tool
  mkdir -p "$TOOLS/bin"
  for tool in cc c++; do
    printf '#!/bin/sh\nexec "%s/ziglang/ziglang/zig" %s "$@"\n' "$TOOLS" "$tool" > "$TOOLS/bin/$tool"
    chmod +x "$TOOLS/bin/$tool"
  done
  export CC=$TOOLS/bin/cc CXX=$TOOLS/bin/c++
  # Debian's Python would pass on options of another linker.
  export LDSHARED="$CC -shared" LDCXXSHARED="$CXX -shared"
}

mkdir -p "$TOOLS"
_get_python || die "Python 3.14.2 or newer is needed: install it, or install uv (https://docs.astral.sh/uv/)"
_get_uv || die "uv could not be fetched: install it (https://docs.astral.sh/uv/)"
_get_compiler

# environment NAME REQUIREMENTS-FILE...: a virtual environment that holds exactly these files.
environment() {
  local folder=$ROOT/.venv/$1 stamp files=()
  shift
  for file in "$@"; do files+=(-r "$ROOT/$file"); done
  stamp=$(cd "$ROOT" && { "$PYTHON" -V; cat "$@"; } | sha256sum)
  if [ ! -x "$folder/bin/python" ] || [ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ]; then
    say "installing ${folder#"$ROOT"/} (once)"
    uv venv --quiet --clear --python "$PYTHON" "$folder" >&2
    VIRTUAL_ENV=$folder uv pip install --quiet "${files[@]}" >&2
    printf '%s\n' "$stamp" > "$folder/stamp"
  fi
}
