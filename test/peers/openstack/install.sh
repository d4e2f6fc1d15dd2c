#!/bin/sh
# Installs Debian 12's OpenStack for the peer suite: programs and their default
# files only. No service is started, now or at a boot, and no system-wide
# database is made. Where everything is there, it does nothing, at once.
set -eu

PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# Where a program comes in a package of its own and in one with its service,
# the former.
packages='python3-keystone glance-api python3-placement neutron-common
  nova-common nova-conductor nova-scheduler mariadb-server-core
  mariadb-client-core rabbitmq-server python3-pymysql uwsgi-core
  uwsgi-plugin-python3'

say() {
  echo "openstack: $*" >&2
}

installed() {
  dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^installed //p' | sort -u
}

missing() {
  for package in $packages; do
    [ -n "$(installed "$package")" ] || printf '%s ' "$package"
  done
}

# Debian enables what it installs. These are other people's machines: a database
# or a message queue that comes with a test suite does not belong in their boot.
# What a container only now gets of the system itself is left alone.
disable_at_boot() {
  [ $# -gt 0 ] || return 0
  files=$(dpkg-query --listfiles "$@" | sort -u)
  for script in $(echo "$files" | sed -n 's,^/etc/init\.d/,,p'); do
    update-rc.d "$script" disable
  done
  # Not templates: nothing of them starts before somebody names an instance.
  units=$(echo "$files" | sed -En 's,^(/usr)?/lib/systemd/system/([^/@]+\.(service|socket|timer))$,\2,p')
  if [ -n "$units" ] && command -v systemctl >/dev/null; then
    # shellcheck disable=SC2086  # one word for each unit
    systemctl --quiet --no-reload disable $units
  fi
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0

if ! grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
  say "this needs Debian 12, whose OpenStack the suite was written against; missing here: $wanted"
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  say "not root, so these cannot be installed: $wanted"
  say "run as root: sh $0"
  exit 1
fi

# Debian's maintainer scripts ask policy-rc.d before they start a service; one
# that is there already is its owner's word.
scratch=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
made=
cleanup() {
  rm -rf "$scratch"
  [ -z "$made" ] || rm -f "$policy"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$policy" ]; then
  made=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

say "installing $wanted"
installed >"$scratch/before"
for each in glance nova neutron; do
  echo "$each-common $each/configure_db boolean false"
done | debconf-set-selections
# A fresh machine may be busy with its own upgrades for a while.
apt-get --quiet -o DPkg::Lock::Timeout=300 update
# A failure is told below, after what did come has been kept out of the boot.
# shellcheck disable=SC2086  # one word for each package
apt-get --quiet --yes --no-install-recommends -o DPkg::Lock::Timeout=300 install $wanted || true
installed >"$scratch/after"
# shellcheck disable=SC2046  # one word for each package
disable_at_boot $(comm -13 "$scratch/before" "$scratch/after" | grep -Ev '^(systemd|udev|dbus|sudo)')

left=$(missing)
if [ -n "$left" ]; then
  say "still missing after the installation: $left"
  exit 1
fi
