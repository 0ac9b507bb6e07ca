#!/bin/bash
# Rebuilds the portal's page and fails if the committed one differs.
set -euo pipefail
cd "$(dirname "$0")/../crates/portald/web"
npm ci --ignore-scripts --no-fund --no-audit --silent
npm run --silent check
npm run --silent test
npm run --silent build
git diff --exit-code --stat -- dist
[[ -z $(git status --porcelain -- dist) ]] || { git status --short -- dist; exit 1; }
