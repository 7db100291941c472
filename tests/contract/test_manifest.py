"""Check the packaging against what Home Assistant and HACS accept."""

from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
import json
from pathlib import Path
import struct
import tomllib
from typing import Any, Self, get_args, get_type_hints
from urllib.parse import urlsplit

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
import homeassistant
from homeassistant.components.brands.const import ALLOWED_IMAGES
from homeassistant.const import __version__ as ha_version
from homeassistant.loader import Manifest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
import pytest

ROOT = Path(__file__).parents[2]
INTEGRATION = ROOT / "custom_components" / "openai_api"
CORE = Path(homeassistant.__file__).parent

HACS_KEYS = {
    "content_in_root",
    "filename",
    "hide_default_branch",
    "homeassistant",
    "name",
    "persistent_directory",
    "zip_release",
}
IOT_CLASSES = {
    "assumed_state",
    "calculated",
    "cloud_polling",
    "cloud_push",
    "local_polling",
    "local_push",
}
VERSION_STRATEGIES = [
    AwesomeVersionStrategy.BUILDVER,
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.PEP440,
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
]


@dataclass(frozen=True, kw_only=True)
class Png:
    """What the header of a PNG file tells."""

    width: int
    height: int
    transparent: bool

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the chunks before the pixels."""
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n", f"{path.name} is no PNG"
        width, height, _depth, color_type = struct.unpack_from(">IIBB", data, 16)
        chunks = set()
        offset = 8
        while b"IDAT" not in chunks:
            length, kind = struct.unpack_from(">I4s", data, offset)
            chunks.add(kind)
            offset += length + 12
        # Either the pixels have an alpha channel, or the palette's colors do.
        return cls(
            width=width, height=height, transparent=color_type in {4, 6} or b"tRNS" in chunks
        )


@pytest.fixture(name="manifest", scope="module")
def manifest_fixture() -> dict[str, Any]:
    """Return the integration's manifest."""
    manifest: dict[str, Any] = _load(INTEGRATION / "manifest.json")
    return manifest


@pytest.fixture(name="hacs", scope="module")
def hacs_fixture() -> dict[str, Any]:
    """Return what the repository tells HACS."""
    hacs: dict[str, Any] = _load(ROOT / "hacs.json")
    return hacs


@pytest.fixture(name="requirements", scope="module")
def requirements_fixture(manifest: dict[str, Any]) -> list[Requirement]:
    """Return the parsed requirements of the manifest."""
    return [Requirement(text) for text in manifest["requirements"]]


def _load(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def _generated(name: str) -> Any:
    """Return a list that Home Assistant generates, since 2026.11."""
    path = CORE / "generated" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"Home Assistant {ha_version} has no {path.name}")
    return _load(path)


def _marketplace(module: str) -> Any:
    """Return a module of the marketplace, since 2026.11."""
    if find_spec("homeassistant.components.marketplace") is None:
        pytest.skip(f"Home Assistant {ha_version} has no marketplace")
    return import_module(f"homeassistant.components.marketplace.{module}")


def _constraints() -> dict[str, SpecifierSet]:
    """Return the versions that Home Assistant lets integrations install."""
    lines = (CORE / "package_constraints.txt").read_text(encoding="utf-8").splitlines()
    parsed = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(item.name): item.specifier for item in parsed}


def test_manifest_identity(manifest: dict[str, Any]) -> None:
    """The manifest names the integration."""
    assert manifest["domain"] == INTEGRATION.name
    assert manifest["name"] == "OpenAI API"
    assert manifest["config_flow"] is True
    assert all(owner.startswith("@") for owner in manifest["codeowners"])


def test_manifest_domain_not_in_core(manifest: dict[str, Any]) -> None:
    """The integration replaces none of Home Assistant's own."""
    assert not (CORE / "components" / manifest["domain"]).exists()


def test_manifest_key_order(manifest: dict[str, Any]) -> None:
    """The domain and the name come first, the rest in alphabetical order."""
    first, rest = list(manifest)[:2], list(manifest)[2:]
    assert first == ["domain", "name"]
    assert rest == sorted(rest)


def test_manifest_keys_are_known(manifest: dict[str, Any]) -> None:
    """The manifest has no key that Home Assistant would not read."""
    known = Manifest.__required_keys__ | Manifest.__optional_keys__
    assert set(manifest) <= known | {"categories", "connectivity"}


def test_manifest_version(manifest: dict[str, Any]) -> None:
    """The loader accepts the version, and the project has the same."""
    AwesomeVersion(manifest["version"], ensure_strategy=VERSION_STRATEGIES)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest["version"] == project["version"]


@pytest.mark.parametrize("key", ["documentation", "issue_tracker"])
def test_manifest_links(manifest: dict[str, Any], key: str) -> None:
    """The links lead to this project, not to Home Assistant's own pages."""
    url = urlsplit(manifest[key])
    assert url.scheme == "https"
    assert url.hostname not in {None, "www.home-assistant.io"}


def test_manifest_integration_type(manifest: dict[str, Any]) -> None:
    """The kind of integration is one that exists."""
    assert manifest["integration_type"] in get_args(get_type_hints(Manifest)["integration_type"])
    assert manifest["iot_class"] in IOT_CLASSES


def test_hacs_categories(manifest: dict[str, Any]) -> None:
    """The categories exist."""
    known = set()
    for category in _generated("integration_categories"):
        known.add(category["slug"])
        known |= {f"{category['slug']}.{sub['slug']}" for sub in category["subcategories"]}
    assert manifest["categories"]
    assert set(manifest["categories"]) <= known


def test_manifest_iot_class(manifest: dict[str, Any]) -> None:
    """The kinds of connection exist."""
    assert manifest["connectivity"]
    known = {kind["slug"] for kind in _generated("integration_connectivity")}
    assert set(manifest["connectivity"]) <= known


def test_manifest_dependencies_exist(manifest: dict[str, Any]) -> None:
    """Every integration this one depends on exists."""
    dependencies = {*manifest.get("dependencies", []), *manifest.get("after_dependencies", [])}
    missing = {name for name in dependencies if not (CORE / "components" / name).is_dir()}
    assert not missing


def test_requirements_are_minimum_versions(requirements: list[Requirement]) -> None:
    """No requirement pins, caps or excludes a version, or has another source."""
    assert {item.name for item in requirements} >= {"openai", "websockets"}
    for item in requirements:
        assert [clause.operator for clause in item.specifier] == [">="], item
        assert (item.url, item.marker) == (None, None), item


def test_requirements_allow_core_pins(requirements: list[Requirement]) -> None:
    """Every requirement admits the version that Home Assistant pins, if it does."""
    constraints = _constraints()
    for item in requirements:
        for clause in constraints.get(canonicalize_name(item.name), SpecifierSet()):
            if clause.operator == "==":
                assert item.specifier.contains(clause.version, prereleases=True), item


def test_requirements_not_part_of_core(requirements: list[Requirement]) -> None:
    """No requirement repeats what every Home Assistant brings along."""
    provided = {
        canonicalize_name(Requirement(text).name)
        for text in metadata.requires("homeassistant") or ()
    }
    assert provided.isdisjoint(canonicalize_name(item.name) for item in requirements)


def test_hacs_keys(hacs: dict[str, Any]) -> None:
    """HACS gets only keys that it reads, and installs on this Home Assistant."""
    assert set(hacs) <= HACS_KEYS
    assert hacs["name"] == "OpenAI API"
    assert AwesomeVersion(hacs["homeassistant"]).valid
    assert AwesomeVersion(hacs["homeassistant"]) <= AwesomeVersion(ha_version)


def test_marketplace_values(manifest: dict[str, Any], hacs: dict[str, Any]) -> None:
    """The marketplace accepts every value it reads."""
    rules = _marketplace("utils.validate")
    assert set(hacs) <= set(rules.REPOSITORY_MANIFEST_VALUES)
    for key, value in hacs.items():
        assert rules.REPOSITORY_MANIFEST_VALUES[key](value) == value
    for key, validate in rules.INTEGRATION_MANIFEST_VALUES.items():
        assert validate(manifest[key]) == manifest[key]
    assert rules.VALID_DOMAIN.match(manifest["domain"])


def test_brand_files() -> None:
    """The brand folder has each image that Home Assistant looks for, and no other."""
    assert {path.name for path in (INTEGRATION / "brand").iterdir()} == ALLOWED_IMAGES


@pytest.mark.parametrize("theme", ["", "dark_"])
def test_brand_images(theme: str) -> None:
    """The images are transparent and of the sizes that Home Assistant asks for."""
    images = {
        name: Png.read(INTEGRATION / "brand" / f"{theme}{name}.png")
        for name in ("icon", "icon@2x", "logo", "logo@2x")
    }
    sizes = {name: (image.width, image.height) for name, image in images.items()}
    width, height = sizes["logo"]
    assert sizes["icon"] == (256, 256)
    assert sizes["icon@2x"] == (512, 512)
    assert 128 <= height <= 256
    assert width > height
    assert sizes["logo@2x"] == (2 * width, 2 * height)
    assert all(image.transparent for image in images.values())
