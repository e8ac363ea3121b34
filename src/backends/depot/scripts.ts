import { quoteWord } from '../../model/index.ts';

/**
 * What a depot asks of the other side, as text for any /bin/sh. Lists come on standard input, a line each: the shell's own
 * `read` and tests cost no process, so a trip may hold thousands.
 */

/** The script did not say this by itself: the archive did not arrive whole. */
export const BROKEN_OFF: number = 61;
/** Content came that is not what its name says. */
export const WRONG_CONTENT: number = 62;
/** An archive that arrived could not be unpacked. */
export const NOT_UNPACKED: number = 63;

/** Behind content's name where it may be executed: a mode belongs to the file, not to its name. */
export const EXECUTABLE: string = '.x';

const HASH = `hash=
if command -v sha256sum >/dev/null 2>&1; then hash=sha256sum
elif command -v shasum >/dev/null 2>&1; then hash='shasum -a 256'
elif command -v openssl >/dev/null 2>&1; then hash='openssl dgst -sha256 -r'
fi`;

/** Makes the root and says where it is. What was left behind in its workshop a day ago or more is removed. */
export function rootScript(root: string): string {
  const word =
    root === '~' ? '"$HOME"' : root.startsWith('~/') ? `"$HOME"/${quoteWord(root.slice(2))}` : quoteWord(root);
  return `root=${word}
[ -d "$root" ] || mkdir -p -m 700 -- "$root" || exit
mkdir -p -- "$root/files" "$root/tmp" && cd -- "$root" && pwd || exit
find tmp -mindepth 1 -maxdepth 1 -mtime +1 -exec rm -rf {} + 2>/dev/null
exit 0`;
}

/** Reads names of content; answers those that are not there. */
export function lackingScript(root: string): string {
  return `cd -- ${quoteWord(`${root}/files`)} 2>/dev/null || exec cat
while IFS= read -r k; do [ -f "\${k%"\${k#??}"}/$k" ] || echo "$k"; done`;
}

/**
 * Takes an archive of content, `<2 digits>/<name>` each and a last `whole`, looks at each that it is what its name says,
 * and puts it in its place by rename.
 */
export function contentScript(root: string, token: string): string {
  return `cd -- ${quoteWord(root)} || exit
mkdir -p files tmp && mkdir tmp/${token} && cd tmp/${token} || exit
${cleaning(`cd / && rm -rf -- ${quoteWord(`${root}/tmp/${token}`)}`)}
tar -xmof - || exit
[ -e whole ] || exit ${BROKEN_OFF}
${HASH}
if [ -n "$hash" ]; then
  find . -type f ! -name whole -exec $hash {} + >whole || exit
  while read -r sum path; do
    name=\${path##*/}
    [ "\${name%${EXECUTABLE}}" = "$sum" ] || { echo "$name" >&2; exit ${WRONG_CONTENT}; }
  done <whole
fi
for d in ??; do
  [ -d "$d" ] || continue
  mkdir -p "../../files/$d" && mv -f "$d"/* "../../files/$d/" || exit
done`;
}

/**
 * Takes an archive of directories and puts each in its place by rename. The archive begins with a list, which names the
 * parents (`P`) and, after each, its directories (`D`), and ends with `whole`. In each parent they lie in a workshop
 * of the name `.TOKEN` at first. A directory that is there already gets the files one by one.
 */
export function layoutScript(root: string, token: string, copies: boolean): string {
  const own = quoteWord(`${root}/tmp/${token}`);
  return `own=${own}
cd / || exit
clean() {
  cd /
  [ ! -f "$own/list" ] || while IFS= read -r line; do
    case $line in P*) rm -rf -- "\${line#P}/.${token}";; esac
  done <"$own/list"
  rm -rf -- "$own"
}
${cleaning('clean')}
tar -xmof - || { code=$?; [ -e "$own/list" ] && exit ${NOT_UNPACKED}; exit $code; }
[ -e "$own/whole" ] || exit ${BROKEN_OFF}
merge() {
  (cd -- "./$1" && find . -type d) | while IFS= read -r d; do mkdir -p -- "../$1/$d" || exit; done || exit
  (cd -- "./$1" && find . ! -type d) | while IFS= read -r f; do
    # Two names of one file are no two files to mv.
    [ "./$1/$f" -ef "../$1/$f" ] || mv -f -- "./$1/$f" "../$1/$f" || exit
  done || exit
}
place() { [ $# = 0 ] || mv -- "$@" .. || exit; }
set --
while IFS= read -r line; do
  case $line in
    P*)
      place "$@"
      set --
      cd -- "\${line#P}/.${token}" || exit
      ${copies ? `find . -type l -exec sh -c '${COPY}' sh {} + || exit` : ''}
      ;;
    D*)
      base=\${line#D}
      if [ -d "../$base" ]; then merge "$base"
      else
        set -- "$@" "./$base"
        [ $# -lt 200 ] || { place "$@"; set --; }
      fi
      ;;
  esac
done <"$own/list"
place "$@"`;
}

const COPY = 'for f; do cp -- "$f" "$f.heddle" && mv -f -- "$f.heddle" "$f" || exit; done';

/**
 * Reads `D` and a directory, and after each `F` and names in it; answers archives, one behind the other, of all that are
 * files. Links are followed (tar's `h`), but for those that lead out of the directory: they are left out.
 */
export function fetchScript(): string {
  return `bad= base= from= slash= unquoted=
pack() {
  [ $# != 0 ] || return 0
  # GNU tar takes a backslash in a name for an escape unless told; others have no word for that.
  [ -z "$slash" ] || case $(tar --version 2>/dev/null) in *GNU*) unquoted=--no-unquote;; esac
  tar $unquoted -chf - "$@" || bad=1
}
set --
cd / || exit
while IFS= read -r line; do
  case $line in
    D*) from=\${line#D} base=; continue;;
  esac
  name=\${line#F}
  f=$from/$name
  [ -f "$f" ] || continue
  link=
  [ ! -h "$f" ] || link=1
  case $name in
    */*)
      p=$from rest=$name
      while :; do
        case $rest in */*) ;; *) break;; esac
        p=$p/\${rest%%/*} rest=\${rest#*/}
        [ ! -h "$p" ] || { link=1; break; }
      done
      ;;
  esac
  if [ -n "$link" ]; then
    [ -n "$base" ] || base=$(cd -- "$from" && pwd -P) || continue
    case $(readlink -f -- "$f") in "$base"/*) ;; *) continue;; esac
  fi
  case $f in *\\\\*) slash=1;; esac
  set -- "$@" "./\${f#/}"
  [ $# -lt 200 ] || { pack "$@"; set --; }
done
pack "$@"
[ -z "$bad" ]`;
}

/** Reads directories and removes them with what is in them. */
export function removeScript(): string {
  return `bad=
drop() {
  [ $# != 0 ] || return 0
  rm -rf -- "$@" 2>/dev/null && return
  chmod -R u+rwX -- "$@" 2>/dev/null
  rm -rf -- "$@" || bad=1
}
set --
while IFS= read -r d; do
  [ -e "$d" ] || [ -h "$d" ] || continue
  set -- "$@" "$d"
  [ $# -lt 100 ] || { drop "$@"; set --; }
done
drop "$@"
[ -z "$bad" ]`;
}

/** Whatever way the script ends, this is done. */
function cleaning(what: string): string {
  return `trap ${quoteWord(what)} EXIT
trap 'exit 1' HUP INT TERM PIPE`;
}
