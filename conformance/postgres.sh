# A PostgreSQL for the conformance suites; sourced by run. The suites start the program as PATCHBAY_BIN and know nothing of
# databases, so this puts a script in its place that gives each data directory a database of its own.

# as_owner runs a command as the user that the server belongs to: PostgreSQL does not run as root.
as_owner() {
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

postgres_start() {
	local bin port
	bin=$(pg_config --bindir)
	postgres_dir=$(mktemp -d)
	chmod 711 "$work" "$postgres_dir"
	[ "$(id -u)" -ne 0 ] || chown postgres "$postgres_dir"
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	(cd / && as_owner "$bin/initdb" -D "$postgres_dir/data" -U postgres -A trust --no-sync) >/dev/null
	(cd / && as_owner "$bin/pg_ctl" -D "$postgres_dir/data" -l "$postgres_dir/log" -w start \
		-o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 -c fsync=off") >/dev/null
	psql -q -h 127.0.0.1 -p "$port" -U postgres -d postgres -c 'CREATE ROLE patchbay LOGIN'
	# The suites hand no settings of Patchbay's on, so these are in the script.
	printf '#!/usr/bin/env bash\nexec %q %q %q "$@"\n' "$here/on-postgres" "$port" "$PATCHBAY_BIN" >"$work/on-postgres"
	chmod +x "$work/on-postgres"
	PATCHBAY_BIN=$work/on-postgres
}

postgres_stop() {
	[ -n "${postgres_dir:-}" ] || return 0
	(cd / && as_owner "$(pg_config --bindir)/pg_ctl" -D "$postgres_dir/data" -m immediate -w stop) >/dev/null 2>&1 || true
	rm -rf "$postgres_dir"
}
