#!/bin/sh
# Installs what Bellhop's demo and peer suites need beside Node.js. Only root on
# Debian can do so; elsewhere this says what to install and ends with 1. Where
# everything is there, it does nothing, at once.
#
#   setup.sh demo    what "npm run demo" needs
#   setup.sh         that, and what the peer suites and benchmarks need
set -eu

# Where root's programs are; others may not have these in their path.
PATH=$PATH:/usr/sbin:/sbin

# Each line: a program, or a module of Debian's own Python as python3:MODULE, and
# the Debian package that has it.
demo='
qemu-system-x86_64 qemu-system-x86
nc.openbsd netcat-openbsd
apt-get apt
dpkg-deb dpkg
'
peers='
qemu-img qemu-utils
mmdebstrap mmdebstrap
mke2fs e2fsprogs
qemu-storage-daemon qemu-system-common
sfdisk fdisk
ip iproute2
unshare util-linux
losetup mount
xorriso xorriso
isoinfo genisoimage
mkfs.vfat dosfstools
mcopy mtools
curl curl
wget wget
file file
busybox busybox
python3:requests python3-requests
nginx nginx-light
wrk wrk
shellcheck shellcheck
ssh openssh-client
sshd openssh-server
'

# Packages with a service that nobody asked for: Debian would start it now and at
# each boot.
services='
nginx-light nginx
openssh-server ssh
'

say() {
  echo "setup: $*" >&2
}

is_there() {
  case $1 in
    python3:*) /usr/bin/python3 -c "import ${1#*:}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing_packages() {
  while read -r program package; do
    if [ -n "$program" ] && ! is_there "$program" </dev/null; then
      printf '%s ' "$package"
    fi
  done
}

# The demo guest is made of packages that apt downloads, so apt must know of
# some, whether or not anything is to be installed.
apt_knows_packages() {
  [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' 2>/dev/null | head -n 1)" ]
}

# Installs without starting any service: Debian's maintainer scripts ask
# policy-rc.d, and one that is there already is its owner's word.
install_packages() {
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  # A fresh machine may be busy with its own upgrades for a while.
  DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends \
    -o DPkg::Lock::Timeout=300 install "$@"
  for package in "$@"; do
    service=$(echo "$services" | sed -n "s/^$package //p")
    [ -z "$service" ] || update-rc.d "$service" disable
  done
}

case ${1-all} in
  demo) programs=$demo ;;
  all) programs=$demo$peers ;;
  *)
    echo "usage: setup.sh [demo]" >&2
    exit 2
    ;;
esac

# OpenStack brings many services that Debian would start: it has a script of its own.
openstack=0
if [ "${1-all}" = all ]; then
  sh "$(dirname "$0")/../test/peers/openstack/install.sh" || openstack=1
fi

missing=$(echo "$programs" | missing_packages)
if [ -z "$missing" ] && apt_knows_packages; then
  exit "$openstack"
fi

if ! command -v apt-get >/dev/null; then
  say "this needs Debian 12 or its like; missing here, by Debian's names: $missing"
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  say "run as root: apt-get update${missing:+ && apt-get install --no-install-recommends $missing}"
  exit 1
fi

say "apt-get update${missing:+, then install $missing}"
apt-get --quiet update
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086  # one word for each package
  install_packages $missing
  left=$(echo "$programs" | missing_packages)
  if [ -n "$left" ]; then
    say "still missing after the installation: $left"
    exit 1
  fi
fi

exit "$openstack"
