"""The languages of speech services, which detect the language by themselves."""

from typing import Final

_TAGS: Final = """
af-ZA am-ET ar-AE ar-EG ar-SA az-AZ be-BY bg-BG bn-BD bn-IN bs-BA ca-ES cs-CZ cy-GB da-DK de-AT
de-CH de-DE el-GR en-AU en-CA en-GB en-IE en-IN en-NZ en-US en-ZA es-AR es-CO es-ES es-MX et-EE
eu-ES fa-IR fi-FI fil-PH fr-BE fr-CA fr-CH fr-FR gl-ES gu-IN he-IL hi-IN hr-HR hu-HU hy-AM id-ID
is-IS it-CH it-IT ja-JP ka-GE kk-KZ kn-IN ko-KR lb-LU lt-LT lv-LV mi-NZ mk-MK ml-IN mn-MN mr-IN
ms-MY mt-MT nb-NO ne-NP nl-BE nl-NL nn-NO no-NO pa-IN pl-PL ps-AF pt-BR pt-PT ro-RO ru-RU si-LK
sk-SK sl-SI so-SO sq-AL sr-RS su-ID sv-SE sw-KE ta-IN te-IN th-TH tr-TR uk-UA ur-PK uz-UZ vi-VN
zh-CN zh-HK zh-TW
as ba bo br eo fo fy ga gsw ha haw ht jv km kw la ln lo mg my oc sa sd sn tg tk tt yi yo yue
"""
LANGUAGES: Final = tuple(
    sorted({*(tag for tag in _TAGS.split()), *(tag.partition("-")[0] for tag in _TAGS.split())})
)
"""Tags with and without a country, for pipelines choose by either."""


def languages_with(language: str) -> list[str]:
    """Return all languages, and that of the home, whatever it is."""
    return sorted({*LANGUAGES, language})


def iso_639_1(language: str) -> str | None:
    """Return the two-letter code of a tag for services; None where it has three letters."""
    code = language.replace("_", "-").partition("-")[0].lower()
    # Whisper has one code for Norwegian.
    code = {"nb": "no", "fil": "tl"}.get(code, code)
    return code if len(code) == 2 else None
