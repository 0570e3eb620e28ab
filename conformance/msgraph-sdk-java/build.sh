#!/usr/bin/env bash
# Fetches the client with Maven, checks that every file of it is the one that dependencies.sha256 names, and compiles the
# checks, into target/. Does nothing, and asks nobody, if that is there already.
#
#   ./build.sh --pin   writes dependencies.sha256 again, after a change of pom.xml
set -euo pipefail

self=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/build.sh
readonly self
cd "${self%/*}"
readonly stamp=target/made-from.sha256 # of all that target/ is made from; made last

complete() { [ -f "$stamp" ] && sha256sum --check --status "$stamp"; }
[ "${1:-}" = --pin ] || ! complete || exit 0

# One build at a time, where the system has flock; whoever waited finds it complete.
if [ -z "${JAVA_LOCKED:-}" ] && command -v flock >/dev/null; then
	mkdir -p ../../bin
	JAVA_LOCKED=1 exec flock ../../bin/msgraph-sdk-java.lock "$self" "$@"
fi

command -v javac >/dev/null && command -v mvn >/dev/null || {
	printf 'build.sh: a JDK of Java 17 or newer, or Maven, is missing. On Debian and Ubuntu: apt-get install default-jdk-headless maven\n' >&2
	exit 1
}

printf 'build.sh: fetching and compiling msgraph-sdk-java, which takes about a minute the first time\n' >&2
rm -rf target
# Strictly: what does not have the checksum that the registry gives is not taken.
nice -n 19 mvn -Dstyle.color=never --batch-mode --no-transfer-progress --quiet --strict-checksums \
	dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=target/lib 2>&1 | sed $'s/\e\\[0*m//g' >&2
if [ "${1:-}" = --pin ]; then
	(cd target/lib && LC_ALL=C sha256sum -- *.jar) >dependencies.sha256
fi
(cd target/lib && sha256sum --check --quiet --strict ../../dependencies.sha256) >&2
if [ "$(find target/lib -name '*.jar' | wc -l)" -ne "$(wc -l <dependencies.sha256)" ]; then
	printf 'build.sh: Maven fetched more than dependencies.sha256 names\n' >&2
	exit 1
fi
nice -n 19 javac -Xlint:all,-processing,-classfile,-path -Werror --release 17 -encoding UTF-8 -cp 'target/lib/*' -d target/classes src/main/java/conformance/*.java
sha256sum build.sh pom.xml dependencies.sha256 src/main/java/conformance/*.java >"$stamp"
