# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

pinned() { sed -nE "s/^$1==([^ ]+).*/\1/p" requirements.txt; }
version=$(pinned azure-cli)
with="az rest, az login --service-principal"

prepare() {
	./build.sh && (cd ../relay && go build -o "$TMPDIR/relay" .)
}

check() {
	# Python caches what it compiles, but beside what is installed, not beside the sources.
	RELAY_BIN=$TMPDIR/relay PYTHONPATH=$PWD/.. PYTHONPYCACHEPREFIX=$PWD/.venv/pycache PYTHONDONTWRITEBYTECODE='' \
		.venv/bin/python main.py | node ../report.mjs
}
