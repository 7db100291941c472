"""The configuration folder of a Home Assistant."""

import json
from pathlib import Path
import shutil
from typing import Any

from .process import HOST, ROOT

DOMAIN = "openai_api"
INTEGRATION = ROOT / "custom_components" / DOMAIN
DEMO = Path(__file__).parent / "demo"

CONFIGURATION = """\
homeassistant:
  allowlist_external_dirs:
    - {folder}/files
  media_dirs:
    local: {folder}/media
  packages: !include_dir_named packages

frontend:
config:
api:
websocket_api:
recorder:
  commit_interval: 1
history:
logbook:
media_source:
my:
conversation:
assist_pipeline:
automation: !include automations.yaml
script: !include scripts.yaml

logger:
  default: warning
  logs:
    custom_components.openai_api: debug
  # What the cameras and sounds of Home Assistant would use, a home to try things does without.
  filters:
    haffmpeg.core:
      - FFmpeg fails .*No such file
    homeassistant.components.camera.img_util:
      - Error loading libturbojpeg
"""


def prepare(folder: Path, port: int, *, demo: bool = False) -> None:
    """Write what Home Assistant needs before it starts; what it wrote itself is kept."""
    for name in ("files", "media", "packages", "custom_components", ".storage"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("automations.yaml", "scripts.yaml"):
        (folder / name).touch()
    link = folder / "custom_components" / DOMAIN
    link.unlink(missing_ok=True)
    link.symlink_to(INTEGRATION, target_is_directory=True)
    (folder / "configuration.yaml").write_text(CONFIGURATION.format(folder=folder))
    if demo:
        shutil.copy(DEMO / "package.yaml", folder / "packages" / "openai_demo.yaml")
        shutil.copy(DEMO / "dashboard.yaml", folder / "dashboard.yaml")
    # A server address in configuration.yaml would be on trial for five minutes only.
    _store(
        folder,
        "http",
        (2, 2),
        {
            "stable": {
                "server_host": [HOST],
                "server_port": port,
                "cors_allowed_origins": [],
                "login_attempts_threshold": -1,
                "ip_ban_enabled": False,
                "ssl_profile": "intermediate",
                "use_x_frame_options": True,
                "created_at": "2026-01-01T00:00:00+00:00",
                "error": None,
                "error_message": None,
            },
            "pending": None,
            "yaml_migration_done": True,
        },
    )
    # The step "core_config" would set up integrations that talk to the Internet.
    if not (folder / ".storage" / "onboarding").exists():
        _store(folder, "onboarding", (4, 1), {"done": ["core_config"]})


def _store(folder: Path, key: str, version: tuple[int, int], data: dict[str, Any]) -> None:
    """Write a file of Home Assistant's own storage."""
    major, minor = version
    content = {"version": major, "minor_version": minor, "key": key, "data": data}
    (folder / ".storage" / key).write_text(json.dumps(content, indent=2))
