# Sourced by scripts/e2e after python.sh: puts a Chromium and its driver within
# reach. Sets CHROMIUM.

UNPACKED=$TOOLS/chromium

_runs() { command -v "$1" >/dev/null 2>&1 && "$1" --version >/dev/null 2>&1; }

_install_chromium() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  say "installing Chromium"
  apt-get -qq update >&2 && DEBIAN_FRONTEND=noninteractive apt-get -qq --yes \
    --no-install-recommends -o Dpkg::Use-Pty=0 install chromium >/dev/null
}

# Debian's packages, as far as the system lacks them, unpacked without installing anything.
_unpack_chromium() {
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
  local apt=$TOOLS/apt folder=$UNPACKED.part deb libraries
  say "getting Chromium (unpacked into .tools, nothing is installed)"
  rm -rf "$apt" "$folder"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$folder"
  local options=(
    -o Dir::State::Lists="$apt/lists" -o Dir::Cache::Archives="$apt/archives"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false
    -o APT::Keep-Downloaded-Packages=true -o Acquire::Languages=none -o Debug::NoLocking=true
    -o APT::Update::Post-Invoke= -o DPkg::Post-Invoke=
  )
  apt-get "${options[@]}" -qq update >&2 || return 1
  apt-get "${options[@]}" -qq --yes --download-only install chromium >&2 || return 1
  for deb in "$apt"/archives/*.deb; do dpkg -x "$deb" "$folder" || return 1; done
  rm -rf "$apt" "$UNPACKED"
  mv "$folder" "$UNPACKED"
  libraries=$(find "$UNPACKED" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)
  {
    echo '#!/bin/sh'
    echo "export LD_LIBRARY_PATH='$libraries'"
    [ -d /etc/fonts ] || echo "export FONTCONFIG_PATH='$UNPACKED/etc/fonts'"
    echo "exec '$UNPACKED/usr/lib/chromium/chromium' \"\$@\""
  } > "$UNPACKED/chromium"
  chmod +x "$UNPACKED/chromium"
}

_find_chromium() {
  local found
  for found in chromium chromium-browser google-chrome "$UNPACKED/chromium"; do
    if _runs "$found"; then CHROMIUM=$(command -v "$found"); return 0; fi
  done
  return 1
}

_get_chromium() {
  _find_chromium && return 0
  { _install_chromium && _find_chromium; } || { _unpack_chromium && _find_chromium; }
}

_driver_runs() { "$ROOT/.venv/e2e/bin/playwright" --version >/dev/null 2>&1; }

# Playwright brings a Node.js of its own, which wants a library that bare systems lack.
_get_driver() {
  _driver_runs && return 0
  command -v apt-get >/dev/null || return 1
  say "getting libatomic"
  if [ "$(id -u)" = 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends \
      -o Dpkg::Use-Pty=0 install libatomic1 >/dev/null
  else
    (mkdir -p "$TOOLS/libatomic" && cd "$TOOLS/libatomic" && apt-get -qq download libatomic1 &&
      dpkg -x libatomic1_*.deb .) >&2 || return 1
    LD_LIBRARY_PATH=$(dirname "$(find "$TOOLS/libatomic" -name 'libatomic.so.1' | head -n 1)")
    export LD_LIBRARY_PATH
  fi
  _driver_runs
}
