#!/usr/bin/env bash
# venv.sh FOLDER installs what FOLDER/requirements.txt pins, by version and by hash, into FOLDER/.venv, a virtual environment
# of Python's own. Does nothing, and asks nobody, if exactly that is there already.
set -euo pipefail

self=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/venv.sh
cd "$1"
readonly self
readonly stamp=.venv/installed.txt # a copy of requirements.txt, made last

complete() { cmp -s requirements.txt "$stamp"; }
complete && exit 0

# One installation at a time, where the system has flock; whoever waited finds it complete.
if [ -z "${VENV_LOCKED:-}" ] && command -v flock >/dev/null; then
	mkdir -p ../../bin
	VENV_LOCKED=1 exec flock "../../bin/venv-${PWD##*/}.lock" "$self" "$PWD"
fi

# What is pinned was resolved for 3.11; a newer one asks for no more than that.
python=
for candidate in python3.11 python3; do
	if "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
		python=$candidate
		break
	fi
done
[ -n "$python" ] || {
	printf 'venv.sh: Python 3.11 or newer is missing, with its venv. On Debian and Ubuntu: apt-get install python3 python3-venv\n' >&2
	exit 1
}

printf 'venv.sh: installing %s into .venv, which takes a minute or more\n' "${PWD##*/}" >&2
rm -rf .venv
nice -n 19 "$python" -m venv .venv
# Nothing that is installed here runs a script of its own, and only what is used is compiled.
nice -n 19 .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --progress-bar off \
	--require-hashes --only-binary :all: --no-deps --no-compile -r requirements.txt
cp requirements.txt "$stamp"
