"""Skills: instructions and files that a model can look up when a task needs them."""

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    ResponseKind,
    get_action,
    list_action,
    required,
)
from .common_fields import PAGING
from .fields import boolean, files, identifier, text

SKILL_ID = identifier("skill_id", "Skill", "Id of the skill.", example="skill_123")
SKILL_VERSION = identifier("version", "Version", "Number of the version.", example="2")
_FILES = files(
    "files",
    "Files",
    "The folder of the skill, its files, or a zip of it: paths that Home Assistant may read, or media items.",
    example="/media/skills/butler",
)

ACTION_GROUP = ActionGroup(
    key="skills",
    name="Skills",
    actions=(
        ActionDescription(
            key="create_skill",
            method="skills.create",
            name="Create a skill",
            description="Uploads a folder with a SKILL.md as a new skill.",
            icon="mdi:school-outline",
            fields=required(_FILES),
            handler="skills.async_send_skill",
        ),
        get_action(
            key="get_skill",
            method="skills.retrieve",
            name="Get a skill",
            description="Returns the name, the description and the versions of a skill.",
            icon="mdi:book-open-outline",
            fields=required(SKILL_ID),
        ),
        ActionDescription(
            key="modify_skill",
            method="skills.update",
            name="Update a skill",
            description="Changes which version of a skill is used when nobody asks for another.",
            icon="mdi:book-edit-outline",
            fields=required(
                SKILL_ID,
                text(
                    "default_version",
                    "Default version",
                    "Number of the version to use from now on.",
                    example="2",
                ),
            ),
        ),
        ActionDescription(
            key="delete_skill",
            method="skills.delete",
            name="Delete a skill",
            description="Deletes a skill with all its versions.",
            icon="mdi:book-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(SKILL_ID),
            has_body=False,
        ),
        list_action(
            key="list_skills",
            method="skills.list",
            name="List skills",
            description="Returns your skills.",
            icon="mdi:bookshelf",
            fields=PAGING,
        ),
        ActionDescription(
            key="get_skill_content",
            method="skills.content.retrieve",
            name="Download a skill",
            description="Saves a skill as a zip in the media folder.",
            icon="mdi:book-arrow-down-outline",
            fields=required(SKILL_ID),
            response=ResponseKind.FILE,
            has_body=False,
        ),
        ActionDescription(
            key="create_skill_version",
            method="skills.versions.create",
            name="Create a skill version",
            description="Uploads a new version of a skill.",
            icon="mdi:book-plus-outline",
            fields=(
                *required(SKILL_ID, _FILES),
                boolean("default", "Use by default", "Use this version from now on."),
            ),
            handler="skills.async_send_skill",
        ),
        get_action(
            key="get_skill_version",
            method="skills.versions.retrieve",
            name="Get a skill version",
            description="Returns the name and the description of one version of a skill.",
            icon="mdi:book-information-variant",
            fields=required(SKILL_ID, SKILL_VERSION),
        ),
        list_action(
            key="list_skill_versions",
            method="skills.versions.list",
            name="List skill versions",
            description="Returns the versions of a skill.",
            icon="mdi:book-multiple-outline",
            fields=(*required(SKILL_ID), *PAGING),
        ),
        ActionDescription(
            key="delete_skill_version",
            method="skills.versions.delete",
            name="Delete a skill version",
            description="Deletes one version of a skill.",
            icon="mdi:book-minus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(SKILL_ID, SKILL_VERSION),
            has_body=False,
        ),
        ActionDescription(
            key="get_skill_version_content",
            method="skills.versions.content.retrieve",
            name="Download a skill version",
            description="Saves one version of a skill as a zip in the media folder.",
            icon="mdi:folder-zip-outline",
            fields=required(SKILL_ID, SKILL_VERSION),
            response=ResponseKind.FILE,
            has_body=False,
        ),
    ),
)
