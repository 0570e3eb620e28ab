# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# Processes: what each member runs, and how it is started, ended and found again. Sourced.

# command_of sets the array command to what a member runs, with its namespace and its user.
command_of() {
	local own=$dir/$1 address
	address=$(address_of "$1")
	case $1 in
	etcd?)
		command=(/usr/bin/etcd --name "$1" --data-dir "$own/data"
			--listen-client-urls "http://$address:$port_etcd" --advertise-client-urls "http://$address:$port_etcd"
			--listen-peer-urls "http://$address:$port_peer" --initial-advertise-peer-urls "http://$address:$port_peer"
			--initial-cluster "$(for n in "${etcd_names[@]}"; do printf '%s=http://%s:%d\n' "$n" "$(address_of "$n")" "$port_peer"; done | paste -sd,)"
			--initial-cluster-token "$name" --heartbeat-interval 100 --election-timeout 1000
			--auto-compaction-retention 1 --log-level warn)
		;;
	pg?) command=(/usr/bin/patroni "$own/patroni.yaml") ;;
	haproxy) command=(/usr/sbin/haproxy -db -f "$own/haproxy.cfg") ;;
	target)
		command=("$dir/bin/patchbay" target --listen "$front:$port_target" --data-dir "$own"
			--tls-cert-file "$own/server.pem" --tls-key-file "$own/server.key")
		;;
	node?) command=("$dir/bin/$1" serve --config "$own/patchbay.yaml") ;;
	esac
	drop "$(user_of "$1")"
	command=("${dropped[@]}" "${command[@]}")
	if [ "$separate" = yes ] && [ -n "$(namespace_of "$1")" ]; then
		command=(nsenter "--net=/run/netns/$(namespace_of "$1")" "${command[@]}")
	fi
}

# processes_of prints the ids of the processes of a member, or of all, its supervisor among them. PostgreSQL writes over the
# environment that it was started with; it is known by its working directory.
processes_of() {
	local member=${1:-}
	{
		grep -lzsF "$tag=$dir/$member" /proc/[0-9]*/environ || true
		find /proc/[0-9]* -maxdepth 1 -name cwd -lname "$dir/${member:-pg?}/data*" 2>/dev/null | while read -r link; do
			[ "$(cat "${link%/cwd}/comm" 2>/dev/null)" != postgres ] || echo "$link"
		done
	} | sed 's|^/proc/\([0-9]*\)/.*|\1|' | sort -un | while read -r pid; do
		# Nobody has waited for a zombie yet; it is none of the running.
		[ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null)" = Z ] || echo "$pid"
	done
}

postgres_of() {
	find /proc/[0-9]* -maxdepth 1 -name cwd -lname "$dir/$1/data*" 2>/dev/null | while read -r link; do
		[ "$(cat "${link%/cwd}/comm" 2>/dev/null)" != postgres ] || echo "$link"
	done | sed 's|^/proc/\([0-9]*\)/.*|\1|'
}

# pid_of prints the id of the process that a member's supervisor started last, if it runs.
pid_of() {
	local pid
	pid=$(cat "$dir/run/$1.pid" 2>/dev/null) || return 1
	grep -qzsxF "$tag=$dir/$1" "/proc/$pid/environ" || return 1
	echo "$pid"
}

supervisor_of() {
	local pid
	pid=$(cat "$dir/run/$1.supervisor" 2>/dev/null) || return 1
	grep -qzsxF "$tag=$dir/$1" "/proc/$pid/environ" || return 1
	echo "$pid"
}

# kill_all ends what processes_of prints, until there is nothing left.
kill_all() {
	local pids tries
	for ((tries = 0; tries < 100; tries++)); do
		mapfile -t pids < <(processes_of "$@")
		((${#pids[@]})) || return 0
		kill -KILL "${pids[@]}" 2>/dev/null || true
		sleep 0.05
	done
	die "some processes cannot be ended: ${pids[*]}"
}

# start_member starts the supervisor of a member, unless it runs.
start_member() {
	rm -f "$dir/run/$1.stopped"
	supervisor_of "$1" >/dev/null && return 0
	case $1 in
	pg?) ;; # a PostgreSQL that goes on without its Patroni is taken over by the next one
	*) kill_all "$1" ;;
	esac
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/nonexistent "$tag=$dir/$1" \
		setsid --fork "$here/supervise" "$dir" "$1" </dev/null >>"$dir/log/supervisors.log" 2>&1 9>&-
	until_true 10 "the supervisor of $1" supervisor_of "$1" >/dev/null
}

# stop_members asks the members to end, and waits until they have.
stop_members() {
	local member pid
	for member in "$@"; do
		touch "$dir/run/$member.stopped"
		event "$member stopping"
		if pid=$(supervisor_of "$member"); then
			kill -TERM "$pid" 2>/dev/null || true
		else
			kill_all "$member"
		fi
	done
	for member in "$@"; do
		until_true 90 "the end of $member" gone "$member"
	done
}

gone() { [ -z "$(processes_of "$1")" ]; }
