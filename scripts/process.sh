# shellcheck shell=bash
# Starting, finding and stopping the processes of the local stack. Sourced.
#
# A process is known by its name: $run/NAME.pid, $run/log/NAME.log, and a mark
# in its command line that tells it from a stranger who got its number after a
# reboot. The caller sets run and defines mark and ready, which take a name.
: "${run:?}"

# alive NAME is true while the process runs.
alive() { [[ -s $run/$1.pid ]] && is "$1" "$(<"$run/$1.pid")"; }

# is NAME PID is true when the process with that number is the one meant.
is() {
	local line
	line=$(tr '\0' ' ' 2>/dev/null <"/proc/$2/cmdline") || return 1
	[[ $line == *"$(mark "$1")"* ]]
}

# launch NAME COMMAND... starts a process that outlives this script and its
# terminal, and holds none of its locks. It is waited for until it has become the
# command: before, it has our command line, and would be taken for a stranger.
launch() {
	local name=$1 log="$run/log/$1.log"
	shift
	[[ ! -f $log || $(stat -c %s "$log") -lt 10000000 ]] || mv -f "$log" "$log.1"
	setsid "$@" >>"$log" 2>&1 </dev/null 9>&- &
	echo $! >"$run/$name.pid"
	while kill -0 $! 2>/dev/null && ! is "$name" $!; do sleep 0.01; done
	disown 2>/dev/null || true # it may have ended already
}

# await NAME SECONDS waits until the process answers; when it dies or stays
# silent, the end of its log says why.
await() {
	local deadline=$((SECONDS + $2))
	while ! ready "$1"; do
		if ! alive "$1"; then
			complain "$1 stopped while starting"
			return 1
		fi
		if ((SECONDS >= deadline)); then
			complain "$1 does not answer after $2 s"
			return 1
		fi
		sleep 0.1
	done
}

complain() {
	local name=${1%% *}
	say "error: $1; the end of $run/log/$name.log:"
	tail -n 15 "$run/log/$name.log" >&2
}

# halt NAME SIGNAL SECONDS asks the process to stop and waits; then it ends the
# process and its children.
halt() {
	local pid deadline=$((SECONDS + $3))
	if ! alive "$1"; then
		rm -f "$run/$1.pid"
		return
	fi
	pid=$(<"$run/$1.pid")
	say "stopping $1"
	kill -s "$2" "$pid" || true
	while alive "$1"; do
		if ((SECONDS >= deadline)); then
			say "  it ignored SIG$2 for $3 s; killing it"
			kill -s KILL -- "-$pid" || true
			deadline=$((SECONDS + 5))
		fi
		sleep 0.1
	done
	rm -f "$run/$1.pid"
}

# listening PORT is true when somebody accepts connections on the loopback port.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port FILE prints a port that nobody listens on and the file does not
# name, below the range the kernel hands out for outgoing connections.
free_port() {
	local port=$((20000 + RANDOM % 12000))
	while listening "$port" || grep -qs "=$port\$" "$1"; do
		port=$((20000 + RANDOM % 12000))
	done
	echo "$port"
}

# exchange PORT TEXT REGEX sends the text and is true when the first line of
# the answer matches.
exchange() {
	(
		exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
		printf '%b' "$2" >&3
		IFS= read -r -t 5 line <&3 && [[ $line =~ $3 ]]
	) 2>/dev/null
}

# answers PORT PATH is true when an HTTP GET is answered with 200.
answers() { exchange "$1" "GET $2 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" '^HTTP/1\.[01] 200'; }
