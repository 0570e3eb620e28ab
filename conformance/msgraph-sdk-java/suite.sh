# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

pinned() { sed -nE "s|.*<$1\.version>(.*)</$1\.version>.*|\1|p" pom.xml; }
version=$(pinned microsoft-graph)
with="azure-identity $(pinned azure-identity)"

prepare() {
	./build.sh || return 1
	(cd ../relay && go build -o "$TMPDIR/relay" .) || return 1
	export RELAY_BIN=$TMPDIR/relay
}

check() {
	java -Djava.io.tmpdir="$TMPDIR" -cp 'target/classes:target/lib/*' conformance.Main | node ../report.mjs
}
