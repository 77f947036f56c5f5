#!/usr/bin/env bash
# Assembles what the image runs in: no shell, no package manager, nothing but the program and what it needs.
#     scripts/image/root.sh BINARY DEST
# DEST/root is root's and holds everything; DEST/owned is the program's own and holds the empty /data. Two trees, because what
# copies a tree into an image may forget whose files they were. Everything is made anew, or nothing is.
set -euo pipefail
binary=${1:?usage: root.sh BINARY DEST}
dest=${2:?usage: root.sh BINARY DEST}
id=10001
stop() {
    printf 'image: %s\n' "$*" >&2
    exit 2
}
[ -x "$binary" ] || stop "$binary is not there: make build"
[ ! -e "$dest" ] || stop "$dest is there already: give a folder that is not"
umask 022
part=$(mktemp -d "$(dirname "$dest")/.image-XXXXXX")
trap 'rm -rf "$part"' EXIT
chmod 0755 "$part"
root=$part/root
mkdir -p "$root"/{dev,etc/ssl/certs,proc,sys,usr/local/bin,usr/lib/guardhouse,usr/share/doc} "$part/owned/data"

# The program, and the libraries that the loader names for it, where it will look for them. The loader itself is one of them.
install -m 0755 "$binary" "$root/usr/local/bin/guardhouse"
libraries=$({ ldd "$binary" 2>/dev/null || true; } | sed -n 's/^.*=> \(\/[^ ]*\) (0x.*$/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (0x.*$/\1/p')
case "$libraries" in
*libstdc++*) ;;
*) stop "the loader does not name the libraries of $binary: was it built for this machine?" ;;
esac
for library in $libraries; do
    install -D -m 0755 "$library" "$root$library" # install follows links: a file under the name that is looked for
done

# /usr/lib/guardhouse is the place of the library for NVIDIA GPUs, libggml-cuda.so and what it needs beside it. It is root's
# and read-only at run time: what the program loads it must not be able to write.
chmod 0755 "$root/usr/lib/guardhouse"

# Whom to trust when the server itself calls out.
for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    if [ -s "$bundle" ]; then
        install -m 0644 "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
        break
    fi
done
[ -s "$root/etc/ssl/certs/ca-certificates.crt" ] || stop "this machine has no CA certificates (Debian: ca-certificates)"

printf 'root:x:0:0:root:/:/sbin/nologin\nguardhouse:x:%s:%s:Guardhouse:/data:/sbin/nologin\n' $id $id >"$root/etc/passwd"
printf 'root:x:0:\nguardhouse:x:%s:\n' $id >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"

# The licences of what came along.
for package in libc6 libstdc++6 libgcc-s1 ca-certificates; do
    if [ -e "/usr/share/doc/$package/copyright" ]; then
        install -D -m 0644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
    fi
done

chmod 0700 "$part/owned/data"
if [ "$(id -u)" -eq 0 ]; then
    chown -R 0:0 "$root"
    chown $id:$id "$part/owned/data"
fi
# The same commit gives the same bytes: no time of the build stands in the image.
find "$part" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +
mv "$part" "$dest"
trap - EXIT
printf 'image: %s, %s kB in %s files\n' "$dest" "$(du -sk "$dest" | cut -f1)" "$(find "$dest" -type f | wc -l)"
