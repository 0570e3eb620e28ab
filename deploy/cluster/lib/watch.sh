# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# Looking: who leads, what is ready, and waiting for it. Sourced.

# rest MEMBER PATH tells whether Patroni's REST API answers 200: /primary, /synchronous, /readiness.
rest() { curl -fso /dev/null --noproxy '*' -m 1 "http://$(address_of "$1"):$port_rest$2"; }

# leader prints which PostgreSQL is the primary, by its Patroni.
leader() {
	local member
	for member in "${postgres_names[@]}"; do
		if rest "$member" /primary; then
			echo "$member"
			return 0
		fi
	done
	return 1
}

standby() {
	local first
	first=$(leader) || return 1
	[ "$first" = pg1 ] && echo pg2 || echo pg1
}

etcd_leader() {
	local member id
	for member in "${etcd_names[@]}"; do
		# An endpoint's status has the ids of its member and of the leader; they are the same at the leader.
		id=$(ETCDCTL_API=3 etcdctl --endpoints "http://$(address_of "$member"):$port_etcd" --command-timeout 1s --dial-timeout 1s \
			endpoint status --write-out fields 2>/dev/null | sed -nE 's/^"(MemberID|Leader)" : //p' | sort -u)
		if [ -n "$id" ] && [ "$(wc -l <<<"$id")" = 1 ]; then
			echo "$member"
			return 0
		fi
	done
	return 1
}

etcd_is_up() { ETCDCTL_API=3 etcdctl --endpoints "$etcd_endpoints" --command-timeout 2s endpoint health >/dev/null 2>&1; }

# sql runs psql as the superuser through HAProxy.
sql() {
	PGPASSFILE=$dir/secrets/admin.pgpass PGCONNECT_TIMEOUT=2 PGSSLMODE=verify-full PGSSLROOTCERT=$dir/ca.pem \
		PGHOST=$back PGPORT=$port_database PGUSER=postgres PGDATABASE=${database:-postgres} psql -qX -v ON_ERROR_STOP=1 "$@"
}

takes_writes() {
	PGOPTIONS='-c statement_timeout=3s' sql -c 'SET client_min_messages = error; CREATE TABLE IF NOT EXISTS cluster_probe (at timestamptz); DELETE FROM cluster_probe;
		INSERT INTO cluster_probe VALUES (now())' >/dev/null 2>&1
}

# server_is_up BACKEND SERVER asks HAProxy.
server_is_up() {
	curl -fs --noproxy '*' -m 1 "http://127.0.0.1:$port_stats/stats;csv" | awk -F, -v backend="$1" -v server="$2" \
		'$1 == backend && $2 == server { found = $18 ~ /^UP/ } END { exit !found }'
}

node_is_ready() { curl -fso /dev/null --noproxy '*' -m 3 "http://$(address_of "$1"):$port_health/readyz"; }

stopped() { [ -e "$dir/run/$1.stopped" ]; }

# all_ready: nothing is missing that was not stopped on purpose, and the database could lose either half.
all_ready() {
	local member first second
	first=$(leader) || return 1
	server_is_up primary "$first" && takes_writes || return 1 # Patroni's word alone may be a second old
	second=$(standby) || return 1
	stopped "$second" || rest "$second" /synchronous || return 1
	for member in "${etcd_names[@]}"; do
		stopped "$member" || pid_of "$member" >/dev/null || return 1
	done
	[ "$database_only" = no ] || return 0
	pid_of target >/dev/null || return 1
	for member in "${node_names[@]}"; do
		stopped "$member" && continue
		node_is_ready "$member" && server_is_up nodes "$member" && server_is_up "only_$member" "$member" || return 1
	done
}

# show prints a line for each member.
show() {
	local member state role first='' etcd=''
	first=$(leader) || true
	etcd=$(etcd_leader) || true
	for member in "${members[@]}"; do
		role=
		if state=$(pid_of "$member"); then
			state="up, process $state"
		elif stopped "$member"; then
			state=stopped
		else
			state=down
		fi
		case $member in
		pg?)
			if [ "$member" = "$first" ]; then
				role=primary
			elif rest "$member" /synchronous; then
				role='synchronous standby'
			else
				role='not in step'
			fi
			;;
		etcd?) [ "$member" != "$etcd" ] || role=leader ;;
		node?) if node_is_ready "$member"; then role=ready; else role='not ready'; fi ;;
		esac
		is_cut "$member" b && role+="${role:+, }cut off from the database network"
		is_cut "$member" f && role+="${role:+, }cut off from the HTTP network"
		printf '%-8s  %-22s  %-16s  %s\n' "$member" "$state" "$(address_of "$member")" "$role"
	done
}
