# shellcheck shell=bash
# The three servers of the local stack: where their binaries and data are, how
# they are prepared and started. Sourced, after lib.sh, process.sh, settings.sh.
: "${run:?}" "${root:?}" "${deps:?}"

# postgres_bin prints the directory of the PostgreSQL server programs: the
# newest, or the one that wrote the data directory given.
postgres_bin() {
	local wanted=${1:-*} dir
	# shellcheck disable=SC2231 # a pattern on purpose
	for dir in $(compgen -G "/usr/lib/postgresql/$wanted/bin" | sort -rV) "$(installed_dir initdb)"; do
		[[ -n $dir && -x $dir/initdb ]] || continue
		[[ $("$dir/postgres" --version 2>/dev/null) == "postgres (PostgreSQL) "$wanted* ]] || continue
		echo "$dir"
		return
	done
	return 1
}

# installed_dir PROGRAM prints the directory that the program on the PATH,
# links followed, lies in.
installed_dir() {
	local path
	path=$(command -v "$1") || return 0
	dirname "$(readlink -f "$path")"
}

# postgres_user prints who runs PostgreSQL, which refuses to run as root.
postgres_user() {
	if ((EUID != 0)); then
		id -un
	elif id -u postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# postgres_prefix is what a command starts with to run as that user.
postgres_prefix=()
if ((EUID == 0)); then
	postgres_prefix=(setpriv --reuid "$(postgres_user)" --regid "$(id -g "$(postgres_user)")" --clear-groups)
fi

# postgres_home prints the directory that holds the cluster, links followed.
postgres_home() { readlink -f "$run/postgres"; }

# make_postgres_home makes it. Root may have the checkout where the user that
# runs PostgreSQL cannot go, say below /root; then the data lies in /var/lib
# and $run/postgres is a link to it.
make_postgres_home() {
	[[ ! -d $run/postgres ]] || return 0
	rm -f "$run/postgres"
	if "${postgres_prefix[@]}" test -x "$run"; then
		mkdir -m 700 "$run/postgres"
	else
		local elsewhere
		elsewhere=$(mktemp -d /var/lib/turboscribe-XXXXXXXX)
		ln -s "$elsewhere" "$run/postgres"
		say "the user $(postgres_user) cannot reach $run: PostgreSQL's data is in $elsewhere"
	fi
	((EUID != 0)) || chown "$(postgres_user):" "$(postgres_home)"
}

# create_cluster makes the cluster with a role and a database for the
# programs, whole or not at all.
create_cluster() {
	local home bin
	home=$(postgres_home)
	cd "$home" || return
	bin=$(postgres_bin)
	rm -rf new
	(
		umask 077
		setting TS_POSTGRES_PASSWORD >password
	)
	((EUID != 0)) || chown "$(postgres_user):" password
	"${postgres_prefix[@]}" "$bin/initdb" --pgdata="$home/new" --username=postgres --pwfile="$home/password" \
		--auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
	rm password
	"${postgres_prefix[@]}" "$bin/postgres" --single -D "$home/new" postgres <<-SQL
		CREATE ROLE turboscribe LOGIN PASSWORD '$(setting TS_DATABASE_PASSWORD)'
		CREATE DATABASE turboscribe OWNER turboscribe
	SQL
	mv new data
}

# start_postgres listens on the loopback port only: no Unix socket, whose path
# could be too long for the kernel.
start_postgres() {
	local home version bin
	make_postgres_home
	[[ -f $run/postgres/data/PG_VERSION ]] || step "creating the PostgreSQL cluster" create_cluster
	home=$(postgres_home)
	version=$(<"$home/data/PG_VERSION")
	bin=$(postgres_bin "$version") ||
		die "the data in $run/postgres was written by PostgreSQL $version, which is not here. Install postgresql-$version."
	forget_stranger "$home/data/postmaster.pid"
	(
		cd "$home" || exit
		launch postgres "${postgres_prefix[@]}" "$bin/postgres" -D "$home/data" -c listen_addresses=127.0.0.1 \
			-c port="$(port postgres)" -c unix_socket_directories= -c max_connections=200 \
			-c log_destination=stderr -c logging_collector=off
	)
}

# forget_stranger FILE removes a lock file of PostgreSQL that survived a crash.
# Its number may be another process by now, which PostgreSQL would take for one
# of its own and refuse to start.
forget_stranger() {
	local pid
	[[ -s $1 ]] || return 0
	pid=$(head -n 1 "$1")
	is postgres "$pid" && die "PostgreSQL runs as process $pid, though $run/postgres.pid does not say so. Stop it: kill -INT $pid"
	rm -f "$1"
}

start_redis() {
	mkdir -p "$run/redis"
	(
		umask 077
		cat >"$run/redis/redis.conf" <<-CONF
			bind 127.0.0.1
			port $(port redis)
			requirepass $(setting TS_REDIS_PASSWORD)
			dir "$run/redis"
			appendonly yes
			appendfsync everysec
			maxmemory-policy noeviction
			set-proc-title no
			daemonize no
		CONF
	)
	launch redis redis-server "$run/redis/redis.conf"
}

start_s3() {
	mkdir -p "$run/s3/data" "$run/s3/meta"
	ROOT_ACCESS_KEY=$(setting TS_S3_ACCESS_KEY) ROOT_SECRET_KEY=$(setting TS_S3_SECRET_KEY) \
		launch s3 "$deps/bin/versitygw" --port "127.0.0.1:$(port s3)" --quiet --health /healthz \
		posix --sidecar "$run/s3/meta" "$run/s3/data"
}
