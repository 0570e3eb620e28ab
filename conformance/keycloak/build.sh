#!/usr/bin/env bash
# Makes a Keycloak ready to start in bin/ of this repository, and prints the path of its folder: the distribution that its
# authors publish, fetched with Maven and checked, configured for its own small database, and that database with its schema and
# an administrator, so that the checks do not wait for them. Does nothing if that version is there already.
set -euo pipefail

# The one place that says which Keycloak. The sum is SHA-256 of the distribution. Java 17 or newer runs it.
readonly version=26.7.3
readonly sum=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f
readonly plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$here/../../bin
mkdir -p "$bin"
bin=$(cd "$bin" && pwd)
readonly here bin
readonly home=$bin/keycloak-$version

if [ ! -d "$home" ]; then
	# One at a time, where the system has flock; whoever waited finds it there.
	if [ -z "${KEYCLOAK_LOCKED:-}" ] && command -v flock >/dev/null; then
		KEYCLOAK_LOCKED=1 exec flock "$bin/keycloak.lock" "${BASH_SOURCE[0]}"
	fi
	command -v jar >/dev/null && command -v mvn >/dev/null || {
		printf 'build.sh: a JDK of Java 17 or newer, or Maven, is missing. On Debian and Ubuntu: apt-get install default-jdk-headless maven\n' >&2
		exit 1
	}
	work=$(mktemp -d "$bin/keycloak.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM

	printf 'build.sh: fetching and preparing Keycloak %s, which takes a minute or two\n' "$version" >&2
	nice -n 19 mvn -Dstyle.color=never --batch-mode --no-transfer-progress --quiet --strict-checksums "$plugin:copy" \
		-Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip" -DoutputDirectory="$work" 2>&1 | sed $'s/\e\\[0*m//g' >&2
	printf '%s  %s\n' "$sum" "$work/keycloak-quarkus-dist-$version.zip" | sha256sum --check --status - || {
		printf 'build.sh: what was fetched is not the Keycloak %s that was expected\n' "$version" >&2
		exit 1
	}
	(cd "$work" && jar xf "keycloak-quarkus-dist-$version.zip")
	(
		cd "$work/keycloak-$version"
		# The user that has this password exists on loopback, for the minutes of a run.
		export KC_BOOTSTRAP_ADMIN_PASSWORD=conformance JAVA_OPTS_KC_HEAP='-Xms64m -Xmx512m'
		nice -n 19 sh bin/kc.sh build --db=dev-file
		nice -n 19 sh bin/kc.sh bootstrap-admin user --optimized --username conformance --password:env KC_BOOTSTRAP_ADMIN_PASSWORD
	) >"$work/log" 2>&1 || {
		tail -n 20 "$work/log" >&2
		exit 1
	}
	mv "$work/keycloak-$version" "$home"
fi
printf '%s\n' "$home"
