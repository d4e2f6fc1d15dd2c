#!/bin/sh
# Writes one MIME message of several user-data files, of which cloud-init uses each by its kind:
#
#   multipart.sh script.sh cloud-config.yaml > both.mime
set -eu

# Random, so that no part has it in a line of its own.
boundary=part-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

printf 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="%s"\n' "$boundary"
for file in "$@"; do
  case $(head -n 1 "$file") in
    '#!'*) type=text/x-shellscript ;;
    '#cloud-config'*) type=text/cloud-config ;;
    *)
      echo "multipart.sh: $file is neither a script nor a cloud-config" >&2
      exit 1
      ;;
  esac
  # In base64 every byte arrives as it is, whatever its line ends and letters are.
  printf '\n--%s\nContent-Type: %s\nContent-Transfer-Encoding: base64\n\n' "$boundary" "$type"
  base64 <"$file"
done
printf '\n--%s--\n' "$boundary"
