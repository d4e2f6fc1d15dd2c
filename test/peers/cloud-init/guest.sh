#!/bin/bash
# Lets a real cloud-init consume one delivery without booting a machine. It
# runs as process 1 of mount, network, pid, uts and ipc namespaces of its own
# (peer.ts starts it there): all that it mounts and starts ends with it.
#
#   guest.sh --rootfs DIR --out DIR [option]... [-- SERVER [ARGUMENT]...]
#
#   --sources LIST   datasource_list ("Ec2, None"), or "auto": ds-identify decides
#   --stages LIST    of local, init, config, final ("init config final")
#   --dmi KEY=VALUE  file /sys/class/dmi/id/KEY of the guest (repeatable)
#   --disk FILE      disk image, which the guest sees read-only (repeatable)
#   --limit SECONDS  for all stages together
#
# SERVER runs with the host's files and the guest's network, where
# 169.254.169.254 is a local address.

set -euo pipefail
umask 022

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
rootfs=
out=
sources=None
stages='local init config final'
limit=120
dmi=()
disks=()
server=()

devices=()
work=
guest=

fail() {
  echo "guest.sh: $*" >&2
  exit 3
}

parse_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --rootfs) rootfs=$2 ;;
      --out) out=$2 ;;
      --sources) sources=$2 ;;
      --stages) stages=$2 ;;
      --dmi) dmi+=("$2") ;;
      --disk) disks+=("$2") ;;
      --limit) limit=$2 ;;
      --)
        shift
        server=("$@")
        break
        ;;
      *) fail "unknown option $1" ;;
    esac
    shift 2
  done
  # What is mounted and started here must end with the namespaces.
  [ $$ = 1 ] || fail 'must be process 1: see peer.ts'
  work=$out/.work
  guest=$work/guest
}

# The root is an overlay: its upper folder then holds exactly what the guest
# wrote.
mount_root() {
  mkdir "$work"
  mount -t tmpfs tmpfs "$work"
  mkdir "$work/upper" "$work/overlay" "$guest"
  mount -t overlay overlay "$guest" \
    -o "lowerdir=$rootfs,upperdir=$work/upper,workdir=$work/overlay"
  mount -t proc proc "$guest/proc"
  local dir
  for dir in dev sys run; do
    mount -t tmpfs -o mode=755 tmpfs "$guest/$dir"
  done
  mount -t tmpfs -o mode=1777 tmpfs "$guest/tmp"
}

# 169.254.169.254 belongs to the loopback device: server and client share this
# network. eth0 has a fixed address, for network configurations that name it.
make_network() {
  ip link set lo up
  ip address add 169.254.169.254/32 dev lo
  ip link add eth0 address 52:54:00:00:00:01 type veth peer name peer0
  ip link set eth0 up
  ip link set peer0 up
  ip address add 10.0.0.5/24 dev eth0
}

# Detached while we hold it open, a loop device goes by itself when we end,
# however that happens.
attach_disks() {
  local disk device held
  for disk in "${disks[@]}"; do
    device=$(losetup --find --show --read-only "$disk")
    # "held" is never closed, on purpose.
    # shellcheck disable=SC2034
    exec {held}<"$device"
    losetup --detach "$device"
    devices+=("$device")
  done
}

make_node() {
  mknod -m 666 "$guest/dev/$1" c "$2" "$3"
}

# /dev holds the basic nodes and the given disks, so blkid sees nothing else.
make_devices() {
  local device
  mkdir "$guest/dev/pts" "$guest/dev/shm"
  make_node null 1 3
  make_node zero 1 5
  make_node full 1 7
  make_node random 1 8
  make_node urandom 1 9
  make_node tty 5 0
  ln -s /proc/self/fd "$guest/dev/fd"
  ln -s fd/1 "$guest/dev/stdout"
  ln -s fd/2 "$guest/dev/stderr"
  : >"$guest/dev/console"
  for device in "${devices[@]}"; do
    mknod "$guest/dev/${device##*/}" b \
      "$((0x$(stat -c %t "$device")))" "$((0x$(stat -c %T "$device")))"
  done
}

# The real sysfs, but with a class/dmi/id of our own making: ds-identify and
# the data sources read there what kind of machine this is.
make_sys() {
  local name pair
  mkdir -p "$guest/sys/real" "$guest/sys/class/dmi/id"
  mount -t sysfs -o ro sysfs "$guest/sys/real"
  for name in net block; do
    ln -s "../real/class/$name" "$guest/sys/class/$name"
  done
  for name in block bus dev devices fs kernel module; do
    ln -s "real/$name" "$guest/sys/$name"
  done
  for pair in "${dmi[@]}"; do
    printf '%s\n' "${pair#*=}" >"$guest/sys/class/dmi/id/${pair%%=*}"
  done
}

kernel_has() {
  grep -qw "$1" /proc/filesystems || modprobe -q "$1" 2>/dev/null
}

# For a kernel without iso9660 or vfat: the content is unpacked here, and
# mount(8) in the guest finds it through its own hook, /sbin/mount.TYPE.
unpack_disks() {
  local device type content
  for device in "${devices[@]}"; do
    type=$(blkid -p -s TYPE -o value "$device" || true)
    content=$guest/dev/.content/${device##*/}
    case $type in
      iso9660 | vfat) ! kernel_has "$type" || continue ;;
      *) continue ;;
    esac
    mkdir -p "$content"
    if [ "$type" = iso9660 ]; then
      xorriso -osirrox on -indev "stdio:$device" -extract / "$content" \
        >"$out/unpack.log" 2>&1 || fail "xorriso: $(tail -n 5 "$out/unpack.log")"
    else
      mcopy -snQ -i "$device" '::*' "$content/" \
        >"$out/unpack.log" 2>&1 || fail "mcopy: $(tail -n 5 "$out/unpack.log")"
    fi
    install -m 755 "$here/mount-unpacked.sh" "$guest/sbin/mount.$type"
  done
}

# Few modules, so that a run takes seconds: the ones that act on context data.
write_config() {
  local config=$guest/etc/cloud/cloud.cfg.d/90_peer.cfg
  cat >"$config" <<'YAML'
network: {config: disabled}
ssh_genkeytypes: [ed25519]
cloud_init_modules:
  - bootcmd
  - write-files
  - set_hostname
  - users-groups
  - ssh
cloud_config_modules:
  - runcmd
  - set-passwords
cloud_final_modules:
  - write-files-deferred
  - scripts-vendor
  - scripts-per-once
  - scripts-per-boot
  - scripts-per-instance
  - scripts-user
  - phone-home
  - final-message
datasource:
  Ec2: {max_wait: 5, timeout: 3}
  OpenStack: {max_wait: 5, timeout: 3, retries: 1}
YAML
  if [ "$sources" != auto ]; then
    echo "datasource_list: [ $sources ]" >>"$config"
  fi
}

server_answers() {
  (exec 3<>/dev/tcp/169.254.169.254/80) 2>/dev/null
}

start_server() {
  [ ${#server[@]} -gt 0 ] || return 0
  "${server[@]}" >"$out/server.out" 2>"$out/server.err" &
  local pid=$!
  until server_answers; do
    kill -0 "$pid" 2>/dev/null || fail "the server ended: $(cat "$out/server.err")"
    [ "$SECONDS" -lt 30 ] || fail 'nothing answers at 169.254.169.254:80'
    sleep 0.05
  done
}

stop_server() {
  local pid
  pid=$(jobs -p)
  [ -n "$pid" ] || return 0
  kill -TERM "$pid"
  wait "$pid" || true
}

# One line in the file "stages" for each stage: its name and exit status. 124
# means that the time was up.
run_stage() {
  local name=$1
  local left=$((limit - SECONDS))
  local status=0
  shift
  timeout --kill-after=2 "$((left > 0 ? left : 1))" \
    chroot "$guest" /usr/bin/env -i LANG=C.UTF-8 \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" \
    </dev/null >>"$out/console" 2>&1 || status=$?
  echo "$name $status" >>"$out/stages"
  return "$status"
}

run_stages() {
  local stage
  if [ "$sources" = auto ]; then
    # Where it finds nothing, a boot would run no stage either.
    run_stage identify /usr/lib/cloud-init/ds-identify --force || return 0
  fi
  for stage in $stages; do
    case $stage in
      local) run_stage local cloud-init init --local || true ;;
      init) run_stage init cloud-init init || true ;;
      config | final) run_stage "$stage" cloud-init modules "--mode=$stage" || true ;;
      *) fail "unknown stage $stage" ;;
    esac
  done
}

collect() {
  mkdir "$out/changes"
  cp -a "$work/upper/." "$out/changes/"
}

parse_options "$@"
mount_root
make_network
attach_disks
make_devices
make_sys
unpack_disks
write_config
start_server
run_stages
stop_server
collect
