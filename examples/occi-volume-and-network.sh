#!/bin/sh
# Asks through OCCI for a network, a volume, and a machine that has both, with a file as its user data; shows what the
# machine was given:
#
#   occi-volume-and-network.sh script.sh
#
# Delete what it shows, from the first line to the last, when you are done.
#
# BELLHOP_URL    where the gateway is (default: http://127.0.0.1:8787)
# BELLHOP_TOKEN  the credential (default: what `bellhop serve` wrote on this machine)
set -eu

file=$1
url=${BELLHOP_URL:-http://127.0.0.1:8787}
token=${BELLHOP_TOKEN:-$(cat "${XDG_STATE_HOME:-$HOME/.local/state}/bellhop/token")}
occi=http://schemas.ogf.org/occi/infrastructure

request=$(mktemp)
trap 'rm -f "$request"' EXIT

# The token goes through a pipe, for everybody on this machine can read a command line.
ask() {
  printf 'header = "X-Auth-Token: %s"\n' "$token" | curl --config - --silent --show-error --fail-with-body "$@"
}

# Makes what its standard input describes, below the path $1, and says where it is.
make() {
  cat >"$request"
  answer=$(ask --header 'Content-Type: text/plain' --data-binary "@$request" "$url/$1/") || {
    echo "occi-volume-and-network.sh: $1: $answer" >&2
    return 1
  }
  echo "$answer" | sed -n 's/^X-OCCI-Location: *//p'
}

network=$(
  make network <<OCCI
Category: network;scheme="$occi#";class="kind"
Category: ipnetwork;scheme="$occi/network#";class="mixin"
X-OCCI-Attribute: occi.core.title="example"
X-OCCI-Attribute: occi.network.address="192.0.2.0/24"
OCCI
)
volume=$(
  make storage <<OCCI
Category: storage;scheme="$occi#";class="kind"
X-OCCI-Attribute: occi.core.title="example"
X-OCCI-Attribute: occi.storage.size=0.5
OCCI
)
machine=$(
  make compute <<OCCI
Category: compute;scheme="$occi#";class="kind"
Category: user_data;scheme="http://schemas.openstack.org/compute/instance#";class="mixin"
Link: <$network>;rel="$occi#network";category="$occi#networkinterface"
Link: <$volume>;rel="$occi#storage";category="$occi#storagelink"
X-OCCI-Attribute: occi.core.title="example"
X-OCCI-Attribute: org.openstack.compute.user_data="$(base64 <"$file" | tr -d '\n')"
OCCI
)

# In the order in which they can be deleted.
printf '%s\n' "$machine" "$volume" "$network"
ask "$machine" | sed -n 's/^Link: .*; \(occi\.[a-z]*\.\(address\|deviceid\)="[^"]*"\).*/\1/p'
