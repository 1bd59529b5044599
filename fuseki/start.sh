#!/bin/sh
# Start Fuseki with the hub's two datasets: fuseki/start.sh [PORT] [DATA_FOLDER]
#
# FUSEKI_PORT, FUSEKI_DATA   the same as the arguments (3030, fuseki/run)
# FUSEKI_USER, FUSEKI_PASSWORD   where set, every request needs them (Basic); the hub's HUB_STORE_USER and HUB_STORE_PASSWORD
# FUSEKI_LISTEN   `all` to listen on every interface, else only this machine reaches it
# JVM_ARGS   e.g. -Xmx4g; the heap serves queries, TDB2 keeps its data in mapped files outside of it
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
port=${1:-${FUSEKI_PORT:-3030}}
data=${2:-${FUSEKI_DATA:-$here/run}}
jar=$here/jars/fuseki-server.jar
config=$here/config.ttl

[ -f "$jar" ] || { echo "$jar is missing; 'make fuseki' fetches it (Java 17 or newer and Maven)." >&2; exit 1; }
mkdir -p "$data"
cd "$data"

[ "${FUSEKI_LISTEN:-}" = all ] && host=0.0.0.0 || host=localhost

if [ -n "${FUSEKI_PASSWORD:-}" ]; then
    case "$FUSEKI_PASSWORD" in *[,\\]*) echo "FUSEKI_PASSWORD must have no comma and no backslash: they mean something else in Jetty's password file." >&2; exit 1 ;; esac
    # The password must not show in the list of processes, so it goes through a file that only this user reads.
    (umask 077 && printf '%s: %s\n' "${FUSEKI_USER:-hub}" "$FUSEKI_PASSWORD" > passwd &&
        sed 's/^\[\] a fuseki:Server ;/&\n    fuseki:passwd "passwd" ; fuseki:auth "basic" ; fuseki:allowedUsers "*" ;/' "$config" > config-with-password.ttl)
    config=config-with-password.ttl
fi

# After running out of memory a JVM limps on without answering; it is better to end and be started again.
exec java ${JVM_ARGS:--Xmx2g} -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true "-Dhub.fuseki.host=$host" "-Dhub.fuseki.port=$port" \
    -cp "$jar" org.apache.jena.fuseki.main.cmds.FusekiMainCmd --jetty="$here/jetty.xml" --ping --no-cors --config="$config"
