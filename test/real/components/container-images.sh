# The image of the tests on containers, made on this machine from busybox, the same to the byte every time. Source it after lib.sh.
#
# make_images: $images/busybox      unpacked, for charliecloud and bubblewrap
#              $images/busybox.tar  the same as an archive, to import
images=$COMPONENTS/images

make_images() {
  local busybox new
  busybox=$(command -v busybox) || unavailable 'no busybox on this machine (apt-get install busybox-static)'
  [ ! -s "$images/busybox.tar" ] || return 0
  mkdir -p "$images"
  new=$(mktemp -d "$images/.new.XXXX")
  mkdir -p "$new"/{bin,etc,proc,sys,dev,tmp,root,var/tmp}
  chmod 755 "$new"
  chmod 1777 "$new/tmp" "$new/var/tmp"
  cp "$busybox" "$new/bin/busybox"
  for applet in $("$busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$new/bin/$applet"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$new/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$new/etc/group"
  : >"$new/etc/hosts"
  : >"$new/etc/resolv.conf"
  find "$new" -exec touch -h -d @0 {} +
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$new" -cf "$images/busybox.tar.new" .
  mv "$new" "$images/busybox"
  mv "$images/busybox.tar.new" "$images/busybox.tar"
}
