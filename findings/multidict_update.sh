#!/usr/bin/env bash
# Most would guess: CIMultiDict.update() with a mapping in which a header stands in two spellings
# leaves one value, as for any other name that is there twice without regard to case.
# What happens: both values are kept, so that the header is sent twice.
# Who meets it: whoever puts headers of users over those of a program with aiohttp or yarl.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi multidict==6.7.1
expect "[('Authorization', 'Bearer new'), ('authorization', 'Bearer other')]" "$(python - <<'PY'
from multidict import CIMultiDict

headers = CIMultiDict({"AUTHORIZATION": "Bearer old"})
headers.update({"Authorization": "Bearer new", "authorization": "Bearer other"})
print(list(headers.items()))
PY
)"
