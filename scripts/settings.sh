# shellcheck shell=bash
# The settings of the local stack: ports in $run/ports, everything a program or
# a person needs in $run/env. Sourced, after lib.sh.
: "${run:?}" "${root:?}"

# port NAME prints the port chosen for a process, or nothing.
port() { sed -n "s/^$1=//p" "$run/ports" 2>/dev/null || true; }

set_port() {
	local rest
	rest=$(grep -v "^$1=" "$run/ports" 2>/dev/null || true)
	printf '%s\n' ${rest:+"$rest"} "$1=$2" >"$run/ports.new"
	mv "$run/ports.new" "$run/ports"
}

# setting NAME prints a value of $run/env.
setting() {
	(
		# shellcheck source=/dev/null
		source "$run/env"
		printf '%s' "${!1}"
	)
}

# secret NAME BYTES prints the value $run/env has, or a new random one.
secret() {
	if grep -q "^export $1=" "$run/env" 2>/dev/null; then
		setting "$1"
	else
		od -An -N "$2" -tx1 /dev/urandom | tr -d ' \n'
	fi
}

# write_env writes $run/env, and touches it only when something changed: what
# runs with older settings is restarted.
write_env() {
	local whisper TS_GGML_BACKENDS=
	whisper=$("$root/scripts/whisper" env)
	eval "$whisper"
	(
		umask 077
		environment >"$run/env.new"
	)
	if cmp -s "$run/env.new" "$run/env"; then
		rm "$run/env.new"
	else
		mv "$run/env.new" "$run/env"
	fi
	mkdir -p "$run/work"
}

environment() {
	local postgres_password database_password redis_password
	postgres_password=$(secret TS_POSTGRES_PASSWORD 24)
	database_password=$(secret TS_DATABASE_PASSWORD 24)
	redis_password=$(secret TS_REDIS_PASSWORD 24)
	echo "# Settings of the local stack, written by scripts/stack. Source it."
	assign TS_API_URL "http://127.0.0.1:$(port api)"
	assign TS_PUBLIC_URL "http://127.0.0.1:$(port api)"
	assign TS_API_ADDR "127.0.0.1:$(port api)"
	assign TS_WORKER_HEALTH_ADDR "127.0.0.1:$(port worker-cpu)"
	assign TS_SCHEDULER_HEALTH_ADDR "127.0.0.1:$(port scheduler)"
	assign TS_POSTGRES_PASSWORD "$postgres_password"
	assign TS_DATABASE_ADMIN_URL "postgres://postgres:$postgres_password@127.0.0.1:$(port postgres)/postgres?sslmode=disable"
	assign TS_DATABASE_PASSWORD "$database_password"
	assign TS_DATABASE_URL "postgres://turboscribe:$database_password@127.0.0.1:$(port postgres)/turboscribe?sslmode=disable"
	assign TS_REDIS_PASSWORD "$redis_password"
	assign TS_REDIS_URL "redis://:$redis_password@127.0.0.1:$(port redis)/0"
	assign TS_S3_ENDPOINT "http://127.0.0.1:$(port s3)"
	assign TS_S3_REGION us-east-1
	assign TS_S3_BUCKET turboscribe
	assign TS_S3_ACCESS_KEY "$(secret TS_S3_ACCESS_KEY 10)"
	assign TS_S3_SECRET_KEY "$(secret TS_S3_SECRET_KEY 24)"
	assign TS_JWT_SECRET "$(secret TS_JWT_SECRET 32)"
	assign TS_ENCRYPTION_KEY "$(secret TS_ENCRYPTION_KEY 32)"
	assign TS_MAIL_DIR "$run/mail"
	assign TS_MAIL_FROM "TurboScribe <scribe@turboscribe.localhost>"
	assign TS_ADMIN_EMAIL admin@turboscribe.localhost
	assign TS_ADMIN_PASSWORD "$(secret TS_ADMIN_PASSWORD 12)"
	assign TS_CREDENTIALS "$run/credentials.json"
	assign TS_MODEL_DIR "${TS_MODEL_DIR:-$root/models}"
	assign TS_WORK_DIR "$run/work"
	assign TS_GGML_BACKENDS "$TS_GGML_BACKENDS"
}

assign() { printf 'export %s=%q\n' "$1" "$2"; }
