# shellcheck shell=bash
# What every script here shares: where things are, how to speak, how to wait.
# Sourced, never run. Nothing but results goes to stdout; people read stderr.

# A failure inside $(...) is a failure.
shopt -s inherit_errexit

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root
deps="$root/.deps"
export deps # private copies of tools and libraries
readonly logs="$root/.cache/log"

say() { printf '%s\n' "$*" >&2; }

die() {
	say "error: $*"
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# require_go ends with a clear word where the Go on the PATH is too old, and
# cannot fetch the one that go.mod asks for.
require_go() {
	local needed version
	needed=$(sed -n 's/^go //p' "$root/go.mod")
	have go || die "Go $needed or later is needed, and there is no go on the PATH. See https://go.dev/dl/"
	version=$(cd "$root" && go env GOVERSION 2>/dev/null) || version=$(GOTOOLCHAIN=local go version)
	version=${version#go}
	[[ $(printf '%s\n' "$needed" "$version" | sort -V | head -n 1) == "$needed" ]] ||
		die "Go $needed or later is needed, and this is $version. See https://go.dev/dl/"
}

# step LABEL COMMAND... runs a command that takes a while. It says what is
# going on, every ten seconds how far it is, keeps the output in a log, and
# shows the end of that log when the command fails.
step() {
	local label=$1 log=${1%% (*} pid said began=$SECONDS beat=$SECONDS
	log=$logs/${log// /-}.log
	shift
	mkdir -p "$logs"
	say "$label ..."
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if ((SECONDS - beat >= 10)); then
			beat=$SECONDS
			said=$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-90)
			say "  $((SECONDS - began)) s${said:+: $said}"
		fi
		sleep 0.2
	done
	wait "$pid" && return
	say "  failed; the end of $log:"
	tail -n 20 "$log" >&2
	return 1
}

# version names this checkout: its tag or commit, and whether it was changed since;
# devel where git does not know. It takes git's word whoever owns the checkout,
# and leaves no file of its own in it.
version() {
	if [[ -e $root/.git ]] && have git; then
		GIT_OPTIONAL_LOCKS=0 git -C "$root" -c safe.directory="$root" describe --tags --always --dirty 2>/dev/null && return
	fi
	echo devel
}

# locked NAME holds a lock for the rest of the script, so that two makes in one
# checkout do the work once and the second finds it done.
locked() {
	mkdir -p "$root/.cache"
	[[ -w $root/.cache ]] || die "$root/.cache belongs to $(stat -c %U "$root/.cache"), who has built here. Go on as that user, or have it removed: make purge"
	exec 9>"$root/.cache/$1.lock"
	flock -n 9 && return
	say "waiting for another $1 in this checkout ..."
	flock 9
}

# The build must not depend on git's opinion of who owns the checkout; scripts/build
# names the version.
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"
