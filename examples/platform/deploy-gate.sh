#!/bin/sh
# The step of a pipeline before a deploy: this code has to take the files that it brings, and what is stored.
# It ends with the exit code of the first command that refuses: 5 for the schema.
set -eu
cd "$(dirname "$0")"
npx livetree validate --config '#search' config/search.yaml
npx livetree check
