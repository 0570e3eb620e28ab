#!/usr/bin/env bash
# Installs the client; quick if it is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "$here/../venv.sh" "$here"
