#!/bin/sh
# Asks for a machine through OCCI, with a file as its user data, and shows where the data are:
#
#   occi-create.sh script.sh
#
# BELLHOP_URL    where the gateway is (default: http://127.0.0.1:8787)
# BELLHOP_TOKEN  the credential (default: what `bellhop serve` wrote on this machine)
set -eu

file=$1
url=${BELLHOP_URL:-http://127.0.0.1:8787}
token=${BELLHOP_TOKEN:-$(cat "${XDG_STATE_HOME:-$HOME/.local/state}/bellhop/token")}

request=$(mktemp)
trap 'rm -f "$request"' EXIT

# The token goes through a pipe, for everybody on this machine can read a command line.
ask() {
  printf 'header = "X-Auth-Token: %s"\n' "$token" | curl --config - --silent --show-error --fail-with-body "$@"
}

cat >"$request" <<OCCI
Category: compute;scheme="http://schemas.ogf.org/occi/infrastructure#";class="kind"
Category: user_data;scheme="http://schemas.openstack.org/compute/instance#";class="mixin"
X-OCCI-Attribute: occi.core.title="example"
X-OCCI-Attribute: org.openstack.compute.user_data="$(base64 <"$file" | tr -d '\n')"
OCCI

answer=$(ask --header 'Content-Type: text/plain' --data-binary "@$request" "$url/compute/") || {
  echo "occi-create.sh: $answer" >&2
  exit 1
}
machine=$(echo "$answer" | sed -n 's/^X-OCCI-Location: *//p')
echo "$machine"
ask "$machine" | sed -n 's/^X-OCCI-Attribute: \(bellhop\..*\)/\1/p'
