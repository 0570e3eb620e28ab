# The keeper of a test binary's PostgreSQL: keeper.sh PROGRAMS FOLDER. It makes a cluster in the folder and then takes orders, one a
# line; each is answered by one line when it is done. When the orders end, which they do at the latest with the test
# binary, it kills the server and removes the folder.
programs=$1
folder=$2

control() {
	action=$1
	shift
	"$programs/pg_ctl" "$action" -s -w -t 60 -D "$folder/data" "$@" </dev/null >>"$folder/log" 2>&1
}

clean() {
	control stop -m immediate
	cd / && rm -rf "$folder"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE # there may be nobody any more to tell

# ICU's English order differs from that of code points, as the default of many a machine does.
"$programs/initdb" -D "$folder/data" -U postgres --pwfile="$folder/password" --auth-local=reject --auth-host=scram-sha-256 \
	-E UTF8 --locale=C --locale-provider=icu --icu-locale=en-US --no-sync >"$folder/log" 2>&1 || exit 1
rm "$folder/password"

# A test has no use for what survives a loss of power. All else is as PostgreSQL comes.
cat >>"$folder/data/postgresql.conf" <<-'settings'
	listen_addresses = '127.0.0.1'
	unix_socket_directories = ''
	max_connections = 400
	fsync = off
settings

while read -r order port; do
	case $order in
	start) if control start -l "$folder/log" -o "-p $port"; then echo started; else echo failed; fi ;;
	stop) if control stop -m immediate; then echo stopped; else echo failed; fi ;;
	esac
done
