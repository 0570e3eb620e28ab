# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# Files: passwords, certificates and the settings of each member. What is random is made once and kept. Sourced.

# render TEMPLATE NAME=VALUE... prints the template with each @NAME@ replaced.
render() {
	local text pair
	text=$(cat "$here/templates/$1")
	shift
	for pair in "$@"; do
		text=${text//"@${pair%%=*}@"/"${pair#*=}"} # in quotes: an & of its own would be what was found
	done
	printf '%s\n' "$text"
}

# give USER FILE [MODE] writes standard input to a file that only the user may read, in one step.
give() {
	local new=$2.new
	(umask 077 && cat >"$new")
	chmod "${3:-600}" "$new"
	((EUID)) || chown "$1:$(id -g "$1")" "$new"
	mv "$new" "$2"
}

random() { openssl rand -hex 24; }

make_passwords() {
	local file=$dir/secrets/passwords kind
	if [ ! -s "$file" ]; then
		for kind in superuser replication rewind rest patchbay; do
			printf '%s_password=%s\n' "$kind" "$(random)"
		done | give "$(id -un)" "$file"
	fi
	# shellcheck source=/dev/null
	source "$file"
	printf '%s\n' "*:*:*:patchbay:$patchbay_password" | give "$other_user" "$dir/secrets/patchbay.pgpass"
	printf '%s\n' "*:*:*:postgres:$superuser_password" | give "$(id -un)" "$dir/secrets/admin.pgpass"
}

# certificate NAME SUBJECT-ALTERNATIVE-NAMES makes secrets/NAME.pem and .key, signed by the authority of the cluster.
certificate() {
	[ ! -s "$dir/secrets/$1.pem" ] || return 0
	openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 -subj "/CN=$1" \
		-CA "$dir/ca.pem" -CAkey "$dir/secrets/ca.key" -addext "subjectAltName=$2" \
		-addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
		-keyout "$dir/secrets/$1.key" -out "$dir/secrets/$1.pem.new" 2>>"$dir/log/openssl.log" || die "openssl failed; see $dir/log/openssl.log"
	mv "$dir/secrets/$1.pem.new" "$dir/secrets/$1.pem"
}

make_certificates() {
	if [ ! -s "$dir/ca.pem" ]; then
		openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 -subj "/CN=Patchbay cluster $name" \
			-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
			-keyout "$dir/secrets/ca.key" -out "$dir/ca.pem.new" 2>>"$dir/log/openssl.log" || die "openssl failed; see $dir/log/openssl.log"
		chmod 644 "$dir/ca.pem.new"
		mv "$dir/ca.pem.new" "$dir/ca.pem"
	fi
	certificate https DNS:localhost,IP:127.0.0.1
	certificate target "IP:$front"
	certificate database "IP:$back,IP:$(address_of pg1),IP:$(address_of pg2),IP:127.0.0.1"
}

write_settings() {
	local member own servers=() nodes_at=() binds=() rules=() backends=() n bin_dir
	bin_dir=$(postgres_bin)
	for member in "${members[@]}"; do
		own=$dir/$member
		mkdir -p "$own"
		chmod 700 "$own"
		((EUID)) || chown "$(user_of "$member"):$(id -g "$(user_of "$member")")" "$own"
	done
	for member in "${postgres_names[@]}"; do
		own=$dir/$member
		give "$database_user" "$own/server.pem" <"$dir/secrets/database.pem"
		give "$database_user" "$own/server.key" <"$dir/secrets/database.key"
		render patroni.yaml name="$member" own="$own" address="$(address_of "$member")" port_rest="$port_rest" port_postgres="$port_postgres" \
			etcd_hosts="$(for n in "${etcd_names[@]}"; do printf '"%s:%d"\n' "$(address_of "$n")" "$port_etcd"; done | paste -sd,)" \
			ttl="$ttl" bin_dir="$bin_dir" source_net="$source_net" rest_password="$rest_password" superuser_password="$superuser_password" \
			replication_password="$replication_password" rewind_password="$rewind_password" | give "$database_user" "$own/patroni.yaml"
		servers+=("server $member $(address_of "$member"):$port_postgres check port $port_rest")
	done
	for member in "${node_names[@]}"; do
		n=${member#node}
		nodes_at+=("server $member $(address_of "$member"):$port_node check port $port_health")
		# A port for each node alone, for those who want to know which one answers.
		binds+=("bind 127.0.0.1:$((base + n)) ssl crt $dir/haproxy/server.pem alpn h2,http/1.1")
		rules+=("use_backend only_$member if { dst_port $((base + n)) }")
		backends+=("" "backend only_$member from nodes" $'\t'"${nodes_at[-1]}")
	done
	cat "$dir/secrets/https.pem" "$dir/secrets/https.key" | give "$other_user" "$dir/haproxy/server.pem"
	render haproxy.cfg own="$dir/haproxy" back="$back" port_database="$port_database" port_https="$port_https" port_stats="$port_stats" \
		database_servers="$(indented "${servers[@]}")" node_servers="$(indented "${nodes_at[@]}")" single_binds="$(indented "${binds[@]}")" \
		single_rules="$(indented "${rules[@]}")" single_backends="$(printf '%s\n' "${backends[@]}")" |
		give "$other_user" "$dir/haproxy/haproxy.cfg"
	/usr/sbin/haproxy -c -q -f "$dir/haproxy/haproxy.cfg" || die "HAProxy refuses its settings"
	[ "$database_only" = yes ] && return 0
	give "$other_user" "$dir/target/server.pem" <"$dir/secrets/target.pem"
	give "$other_user" "$dir/target/server.key" <"$dir/secrets/target.key"
	for member in "${node_names[@]}"; do
		write_node "$dir/$member" "$(address_of "$member")"
	done
	mkdir -p "$dir/admin"
	chmod 700 "$dir/admin"
	((EUID)) || chown "$other_user:$(id -g "$other_user")" "$dir/admin"
	write_node "$dir/admin" "$front"
}

write_node() { # DIRECTORY ADDRESS
	render patchbay.yaml own="$1" dir="$dir" database_url="$database_url" address="$2" port_node="$port_node" port_health="$port_health" url="$url" \
		front="$front" port_target="$port_target" | give "$other_user" "$1/patchbay.yaml"
}

# indented prints lines, those behind the first with a tab before them.
indented() { printf '%s\n' "$@" | sed '2,$s/^/\t/'; }

# postgres_bin prints the directory of the newest PostgreSQL that is installed.
postgres_bin() {
	local found
	found=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$found" ] || die "PostgreSQL is missing: apt-get install postgresql-15"
	dirname "$found"
}

# use_binary MEMBER FILE copies the program to where the member runs it from; one that runs keeps the old one.
use_binary() {
	{ [ -f "$2" ] && [ -x "$2" ]; } || die "$2 is no program"
	cp "$2" "$dir/bin/$1.new"
	chmod 755 "$dir/bin/$1.new"
	mv "$dir/bin/$1.new" "$dir/bin/$1"
}

# write_summary writes cluster.env.
write_summary() {
	local member n
	{
		printf '%s=%s\n' CLUSTER_DIR "$dir" CLUSTER_BASE "$base" CLUSTER_NODES "$nodes" CLUSTER_CUT "$separate" CLUSTER_BINARY "$binary" \
			PATCHBAY_URL "$url" CA_FILE "$dir/ca.pem" DATABASE_URL "'$database_url'" PGPASSFILE_PATCHBAY "$dir/secrets/patchbay.pgpass" \
			ADMIN_PASSFILE "$dir/secrets/admin.pgpass" HAPROXY_STATS "http://127.0.0.1:$port_stats/stats"
		[ "$database_only" = yes ] || {
			for member in "${node_names[@]}"; do
				n=${member#node}
				printf '%s=%s\n' "NODE${n}_URL" "https://localhost:$((base + n))" "NODE${n}_DIRECT" "http://$(address_of "$member"):$port_node" \
					"NODE${n}_HEALTH" "http://$(address_of "$member"):$port_health"
			done
			printf '%s=%s\n' TENANT_ID "$(cat "$dir/secrets/tenant")" TENANT_DOMAIN cluster.example CREDENTIALS_FILE "$dir/secrets/app.env" \
				TARGET_URL "https://$front:$port_target/check" MASTER_KEY_FILE "$dir/secrets/master.key"
		}
	} | give "$(id -un)" "$dir/cluster.env"
}
