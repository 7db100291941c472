"""The quality scale says something of every rule, and each thing once."""

from collections import Counter
from pathlib import Path
import re
from typing import Any

import homeassistant
import pytest
import yaml

FILE = Path(__file__).parents[2] / "custom_components" / "openai_api" / "quality_scale.yaml"
CORE = Path(homeassistant.__file__).parent / "components"
RULES = {
    "bronze": (
        "action-setup appropriate-polling brands common-modules config-flow-test-coverage "
        "config-flow dependency-transparency docs-actions docs-conditions "
        "docs-high-level-description docs-installation-instructions docs-removal-instructions "
        "docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data "
        "test-before-configure test-before-setup unique-config-entry"
    ),
    "silver": (
        "action-exceptions config-entry-unloading docs-configuration-parameters "
        "docs-installation-parameters entity-unavailable integration-owner log-when-unavailable "
        "parallel-updates reauthentication-flow test-coverage"
    ),
    "gold": (
        "devices diagnostics discovery-update-info discovery docs-data-update docs-examples "
        "docs-known-limitations docs-supported-devices docs-supported-functions "
        "docs-troubleshooting docs-use-cases dynamic-devices entity-category entity-device-class "
        "entity-disabled-by-default entity-translations exception-translations icon-translations "
        "reconfiguration-flow repair-issues stale-devices"
    ),
    "platinum": "async-dependency inject-websession strict-typing",
}
ALL = [rule for tier in RULES.values() for rule in tier.split()]


def rules_in(path: Path) -> dict[str, Any]:
    """Return what a file says of each rule."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())  # type: ignore[no-untyped-call]
    return loaded["rules"]


@pytest.fixture(name="scale", scope="module")
def scale_fixture() -> dict[str, Any]:
    """Return what is said of each rule."""
    return rules_in(FILE)


def test_rules_listed_once() -> None:
    # The parser would not notice a rule that is there twice.
    found = Counter(re.findall(r"^  ([a-z-]+):", FILE.read_text(), re.MULTILINE))
    assert len(ALL) == 54
    assert found == Counter(ALL)


def test_rules_ordered_by_tier() -> None:
    text = FILE.read_text()
    for tier, rules in RULES.items():
        _, _, after = text.partition(f"  # {tier.title()}\n")
        part = after.partition("\n  # ")[0]
        assert re.findall(r"^  ([a-z-]+):", part, re.MULTILINE) == rules.split()


@pytest.mark.parametrize("rule", ALL)
def test_rule_has_status_and_comment(scale: dict[str, Any], rule: str) -> None:
    said = scale[rule]
    if isinstance(said, str):
        assert said in {"done", "todo"}, "an exemption needs a reason"
        return
    assert set(said) == {"status", "comment"}
    assert said["status"] in {"done", "todo", "exempt"}
    assert len(said["comment"].split()) >= 4


def test_rules_match_home_assistant() -> None:
    # Each integration of the core that has the file answers all of the rules of its day.
    known = {rule for path in CORE.glob("a*/quality_scale.yaml") for rule in rules_in(path)}
    assert known <= set(ALL)
