# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# The networks: a bridge for the nodes' HTTP and one for the database, and a network namespace for each member that is a
# machine of its own. A cut takes the port of the bridge out of service, so that packets vanish and nobody is told. Sourced.

# port_of prints the name of the bridge port of a member in a network: f (front) or b (back).
port_of() {
	local n=${1##*[a-z]}
	case $1 in
	node?) echo "${name}n$n$2" ;;
	pg?) echo "${name}p$n$2" ;;
	etcd?) echo "${name}e$n$2" ;;
	esac
}

namespace_of() {
	case $1 in
	node? | pg? | etcd?) echo "$name-$1" ;;
	esac
}

# networks_of prints the networks that a member is in.
networks_of() {
	case $1 in
	node?) echo f b ;;
	pg? | etcd?) echo b ;;
	esac
}

# networks_are_to_be_had tells whether this machine lets us make networks: root in a container often may not.
networks_are_to_be_had() {
	local name=pb$base-try
	((EUID == 0)) || return 1
	if ip netns add "$name" && ip link add "$name" type bridge && ip link add "$name-v" type veth peer name in netns "$name"; then
		ip link delete "$name-v" && ip link delete "$name" && ip netns delete "$name"
		return
	fi 2>/dev/null
	ip link delete "$name" 2>/dev/null || true
	ip netns delete "$name" 2>/dev/null || true
	return 1
}

make_bridge() { # NAME ADDRESS
	if ! ip link show "$1" >/dev/null 2>&1; then
		ip link add "$1" type bridge
		ip link set "$1" alias "$dir"
	fi
	[ "$(cat "/sys/class/net/$1/ifalias")" = "$dir" ] || die "the network $1 is of another cluster, in $(cat "/sys/class/net/$1/ifalias"); choose another --base"
	ip address replace "$2/25" dev "$1"
	ip link set "$1" up
}

make_networks() {
	local member network port address
	[ "$separate" = yes ] || return 0
	make_bridge "${name}f" "$front"
	make_bridge "${name}b" "$back"
	for member in "${members[@]}"; do
		[ -n "$(namespace_of "$member")" ] || continue
		if [ ! -e "/run/netns/$(namespace_of "$member")" ]; then
			ip netns add "$(namespace_of "$member")"
			ip -n "$(namespace_of "$member")" link set lo up
		fi
		for network in $(networks_of "$member"); do
			port=$(port_of "$member" "$network")
			address=$(address_of "$member")
			[ "$network" = f ] || address=$(back_address_of "$member")
			if ! ip link show "$port" >/dev/null 2>&1; then
				ip link add "$port" type veth peer name "in$network" netns "$(namespace_of "$member")"
				ip link set "$port" master "$name$network"
				ip -n "$(namespace_of "$member")" address add "$address/25" dev "in$network"
				ip -n "$(namespace_of "$member")" link set "in$network" up
			fi
			ip link set "$port" up
		done
	done
}

# remove_networks removes all that make_networks can have made, whatever is there of it.
remove_networks() {
	local n
	[ "$separate" = yes ] || return 0
	for n in "/run/netns/$name"-*; do
		[ ! -e "$n" ] || ip netns delete "${n##*/}"
	done
	# The bridges, and ports that have not gone with their namespaces yet.
	for n in "/sys/class/net/$name"[a-z]*; do
		[ ! -e "$n" ] || ip link delete "${n##*/}" 2>/dev/null || [ ! -e "$n" ] || die "the network device ${n##*/} cannot be removed"
	done
}

# set_port MEMBER NETWORK STATE: 0 drops every packet, 3 forwards.
set_port() {
	bridge link set dev "$(port_of "$1" "$2")" state "$3"
}

# is_cut tells whether a member is cut off from a network.
is_cut() {
	[ "$separate" = yes ] && [ "$(cat "/sys/class/net/$(port_of "$1" "$2")/brport/state" 2>/dev/null)" = 0 ]
}
