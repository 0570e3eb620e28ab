# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# What a cluster is made of: members, addresses, ports, users. Sourced; DIR/cluster.conf has what `up` was told.

readonly tag=_CLUSTER_MEMBER # a variable in the environment of every process that is started, by which it is found again

die() {
	printf 'cluster: %s\n' "$*" >&2
	exit 1
}

# event appends a line to the log of what was done to the cluster and what happened in it.
event() {
	local at=$EPOCHREALTIME
	TZ=UTC printf '%(%Y-%m-%dT%H:%M:%S)T.%sZ %s\n' "${at%[.,]*}" "${at: -6:3}" "$*" >>"$dir/events.log"
}

# load sets dir and all that follows from what `up` wrote there.
load() {
	dir=$(realpath -e -- "$1" 2>/dev/null) || die "there is no directory $1"
	[ -f "$dir/cluster.conf" ] || die "there is no cluster in $dir"
	# shellcheck source=/dev/null
	source "$dir/cluster.conf"
	settle
}

# settle derives the rest from base, nodes, ttl and separate.
settle() {
	local part=$((base / 100 % 256))
	if [ "$separate" = yes ]; then
		net=198.18.$part # of the networks for measurements between devices (RFC 2544): nobody's
		source_net=$net.0/24
	else
		net=127.18.$part
		source_net=127.0.0.0/8
	fi
	if ((EUID == 0)); then
		database_user=postgres
		other_user=nobody
	else
		database_user=$(id -un)
		other_user=$database_user
	fi
	front=$net.1  # of this machine, in the network of the nodes' HTTP
	back=$net.129 # of this machine, in the network of the database
	port_https=$base
	port_database=$((base + 10))
	port_stats=$((base + 11))
	port_target=$((base + 20))
	port_etcd=$((base + 30))
	port_peer=$((base + 31))
	port_rest=$((base + 32))
	port_postgres=$((base + 33))
	port_node=$((base + 40))
	port_health=$((base + 41))
	name=pb$base # of bridges and network namespaces

	node_names=()
	local n
	for ((n = 1; n <= nodes; n++)); do
		node_names+=("node$n")
	done
	etcd_names=(etcd1 etcd2 etcd3)
	postgres_names=(pg1 pg2)
	members=("${etcd_names[@]}" "${postgres_names[@]}" haproxy)
	[ "$database_only" = yes ] || members+=(target "${node_names[@]}")
	url=https://localhost:$port_https
	database_url="postgres://patchbay@$back:$port_database/patchbay?sslmode=verify-full&sslrootcert=$dir/ca.pem&passfile=$dir/secrets/patchbay.pgpass&connect_timeout=2"
	etcd_endpoints=$(for n in 1 2 3; do printf ',http://%s:%d' "$(address_of "etcd$n")" "$port_etcd"; done)
	etcd_endpoints=${etcd_endpoints#,}
}

# address_of prints the address of a member: of a node that in the network of HTTP.
address_of() {
	local n=${1##*[a-z]}
	case $1 in
	node?) echo "$net.$((10 + n))" ;;
	pg?) echo "$net.$((150 + n))" ;;
	etcd?) echo "$net.$((160 + n))" ;;
	haproxy | target) echo "$front" ;;
	esac
}

# back_address_of prints the address that a member has in the network of the database.
back_address_of() {
	case $1 in
	node?) echo "$net.$((140 + ${1##*[a-z]}))" ;;
	*) address_of "$1" ;;
	esac
}

# is_member tells whether there is such a member.
is_member() {
	local member
	for member in "${members[@]}"; do
		[ "$member" != "$1" ] || return 0
	done
	return 1
}

# user_of prints the user that a member runs as.
user_of() {
	case $1 in
	pg?) echo "$database_user" ;;
	*) echo "$other_user" ;;
	esac
}

# drop sets the array dropped to the words before a command that make it run as a user with nothing but what it needs in
# its environment. When the cluster was not started by root, there is nobody else to be.
drop() {
	dropped=()
	if ((EUID == 0)); then
		dropped=(setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups --no-new-privs)
	fi
}

# until_true SECONDS WHAT COMMAND... runs the command again and again until it succeeds.
until_true() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		((SECONDS < end)) || die "gave up waiting for $what; see $dir/log"
		sleep 0.1
	done
}
