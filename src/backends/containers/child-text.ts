import { HeddleError } from '../../model/index.ts';
import { type ContainerFacts, STATE_FILE } from './container-facts.ts';
import { imageOf, isPath, pathLook, pinOf, pinText } from './image-text.ts';
import { type Mount, mountsOf, mountText } from './mounts.ts';
import { add, word, words } from './words.ts';

/*
 * Runtimes whose work is a child of ours: signals to the group reach it, its memory is bounded by the cgroup it is started in,
 * and a killed group leaves nothing.
 */

const AMD = '/dev/kfd';

/** Apptainer and its elder: an image by name is fetched into the run's folder of images once, as one file. */
export function apptainerText(facts: ContainerFacts): string {
  const { spec, secrets, gpus } = facts;
  const environment = variablesOf(facts);
  const image = imageOf(facts);
  const sif = `"${pinOf(facts)}.sif"`;
  const source = /^[a-z-]+:\/\//.test(image) ? image : `docker://${image}`;
  const failed = word(`image ${image} could not be pulled`);
  const pull =
    spec.pull === 'never'
      ? `give_up image ${word(`image ${image} would have to be pulled, and 'pull' is 'never': name a .sif file`)}`
      : `"$runtime" pull ${sif}.$$ ${word(source)} >/dev/null || give_up image ${failed}; mv ${sif}.$$ ${sif}`;
  const look = isPath(image)
    ? pathLook(image)
    : `[ -e ${sif} ] || { ${pull}; }
digest=$(sha256sum ${sif}); id=sif digest=sha256:\${digest%% *}`;
  const mounts = mountsOf(facts, /[:,\n]/);
  const own = [...Object.keys(environment), ...secrets];
  return `${pinText(facts, look)}
p=APPTAINERENV; if [ "$runtime" = singularity ]; then p=SINGULARITYENV; fi
${own.map((name) => `export "\${p}_${name}"=${environment[name] === undefined ? `"$${name}"` : word(environment[name])}`).join('\n')}
rm -rf .scratch; mkdir .scratch
set -- ${spec.entrypoint === true ? 'run' : 'exec'} --cleanenv --contain --workdir "$d/.scratch" --pwd "$d" --bind "$d"
${mountText(facts, mounts, ({ from, to, writable }) => add('--bind', `${from}:${to}${writable ? '' : ':ro'}`))}
${facts.inputs.length === 0 ? '' : 'set -- "$@" --bind "$d/inputs:$d/inputs:ro"'}
if [ -d "$project/bin" ]; then set -- "$@" --bind "$project/bin:$project/bin:ro"; fi
${networkOf(facts, { program: 'apptainer', none: add('--net', '--network', 'none'), named: (name) => add('--net', '--network', name) })}
${gpus === undefined || gpus.length === 0 ? '' : `if [ -e ${AMD} ]; then set -- "$@" --rocm; else set -- "$@" --nv; fi`}
${spec.user === '0' || spec.user === '0:0' ? add('--fakeroot') : refuseUser(facts)}
${add(...(spec.options ?? []))}
record '"state":"starting"'
[ ! -e ${STATE_FILE} ] || rm -f ${STATE_FILE}
"$runtime" "$@" "$id" ${commandOf(facts)}
c=$?
rm -rf .scratch
read_state
`;
}

/**
 * Charliecloud. What is not in the image can't be mounted there, nor anything read-only: for a folder the top of its path is made
 * in an unpacked image, and mounted; `/tmp` is the machine's own.
 */
export function charliecloudText(facts: ContainerFacts): string {
  const { spec } = facts;
  const environment = variablesOf(facts);
  const image = imageOf(facts);
  const name = word(image);
  const fetch =
    spec.pull === 'never'
      ? ''
      : `command -v ch-image >/dev/null && { ch-image list 2>/dev/null | grep -qxF ${name} || ch-image pull ${name} >/dev/null || give_up image ${word(`image ${image} could not be pulled`)}; }\n`;
  const look = isPath(image) ? pathLook(image) : `${fetch}id=${name} digest=-`;
  const network = networkOf(facts, {
    program: 'ch-run',
    none: spec.network === 'none' ? 'if [ "$u" = 0 ]; then netns="unshare -n"; else netns="unshare -c -n"; fi' : '',
  });
  const mounts = mountsOf(facts, /[:\n]/);
  return `u=$(id -u) USER=\${USER:-$(id -un)} netns=
export USER
${pinText(facts, look)}
set -- ${spec.options === undefined ? '' : words(...spec.options)} --cd "$d"
seen=' /tmp '
bound() {
top=\${1#/} top=/\${top%%/*}
if [ -d "$id$1" ]; then top=$1
elif [ -d "$id" ]; then case $top in
/usr|/etc|/bin|/sbin|/lib*|/opt|/var) top=$1; mkdir -p "$id$top";;
*) [ -d "$id$top" ] || mkdir "$id$top" 2>/dev/null;;
esac; fi
case $seen in *" $top "*) return 1;; esac
seen="$seen$top "
}
if bound "$d"; then set -- "$@" -b "$top:$top"; fi
${mountText(facts, mounts, charlieMount)}
if [ -d "$project/bin" ] && bound "$project/bin"; then set -- "$@" -b "$top:$top"; fi
set -- "$@" --env-no-expand
${Object.entries(environment)
  .map(([key, value]) => add(`--set-env=${key}=${value}`))
  .join('\n')}
${userOf(spec.user, (uid, gid) => add(`--uid=${uid}`, `--gid=${gid}`))}
${network}
record '"state":"starting"'
[ ! -e ${STATE_FILE} ] || rm -f ${STATE_FILE}
$netns ch-run "$@" "$id" -- ${commandOf(facts)}
c=$?
read_state
`;
}

/** A file is seen by way of its folder: only a folder can be made to mount something on. */
function charlieMount({ from, to }: Mount): string {
  if (from === to) {
    return `f=${word(from)}; [ -d "$f" ] || f=\${f%/*}
if bound "\${f:-/}"; then set -- "$@" -b "$top:$top"; fi`;
  }
  return `[ ! -d "$id" ] || [ -e "$id"${word(to)} ] || mkdir -p "$id"${word(to)}
${add('-b', `${from}:${to}`)}`;
}

/**
 * Bubblewrap: a sandbox over an unpacked image, read-only, or over the machine's own files (`/`). Where something is mounted
 * that the image has no place for, the top of its path becomes a folder of the sandbox's own, with what the image has in there.
 */
export function bubblewrapText(facts: ContainerFacts): string {
  const { spec } = facts;
  const environment = variablesOf(facts);
  const image = imageOf(facts);
  if (!isPath(image)) {
    throw new HeddleError('INPUT_INVALID', `bubblewrap has no registry: '${image}' is no path`, {
      hint: "give the absolute path of an unpacked image, or '/' for the machine's own files",
    });
  }
  const mounts = mountsOf(facts, /\n/);
  const targets = ['"$d"', ...mounts.map(({ to }) => word(to)), '"$project/bin"'].join(' ');
  return `${image === '/' ? 'id=/ digest=dir:machine' : pinText(facts, pathLook(image))}
set -- --unshare-pid --unshare-ipc --unshare-uts
${networkOf(facts, { program: 'bwrap', none: add('--unshare-net') })}
${userOf(spec.user, (uid, gid) => add('--unshare-user', '--uid', uid, '--gid', gid))}
${image === '/' ? 'set -- "$@" --ro-bind / /' : rootText(targets)}
set -- "$@" --proc /proc --dev /dev --tmpfs /tmp --bind "$d" "$d" --chdir "$d"
${mountText(facts, mounts, ({ from, to, writable }) => add(writable ? '--bind' : '--ro-bind', from, to))}
${facts.inputs.length === 0 ? '' : 'set -- "$@" --ro-bind "$d/inputs" "$d/inputs"'}
if [ -d "$project/bin" ]; then set -- "$@" --ro-bind "$project/bin" "$project/bin"; fi
${facts.gpus === undefined || facts.gpus.length === 0 ? '' : 'for f in /dev/nvidia* /dev/kfd /dev/dri; do if [ -e "$f" ]; then set -- "$@" --dev-bind "$f" "$f"; fi; done'}
${Object.entries(environment)
  .map(([name, value]) => add('--setenv', name, value))
  .join('\n')}
${add(...(spec.options ?? []))}
record '"state":"starting"'
[ ! -e ${STATE_FILE} ] || rm -f ${STATE_FILE}
bwrap "$@" ${commandOf(facts)}
c=$?
read_state
`;
}

function rootText(targets: string): string {
  return `own=' /proc /dev /tmp '
for t in ${targets}; do
[ -e "$id$t" ] && continue
top=\${t#/} top=/\${top%%/*}
case $own in *" $top "*) ;; *) own="$own$top ";; esac
done
bind() {
case $own in *" $1 "*) return;; esac
if [ -h "$id$1" ]; then set -- "$1" "$(readlink "$id$1")"; links="$links
$2
$1"
else binds="$binds
$1"; fi
}
links= binds=
for f in "$id"/*; do bind "\${f#"$id"}"; done
for t in $own; do case $t in /proc|/dev|/tmp) ;; *) for f in "$id$t"/*; do if [ -e "$f" ]; then bind "\${f#"$id"}"; fi; done;; esac; done
while IFS= read -r f; do if [ -n "$f" ]; then set -- "$@" --ro-bind "$id$f" "$f"; fi; done <<HEDDLE_BINDS
$binds
HEDDLE_BINDS
while IFS= read -r t && IFS= read -r f; do set -- "$@" --symlink "$t" "$f"; done <<HEDDLE_LINKS
\${links#?}
HEDDLE_LINKS`;
}

function variablesOf({ environment, deviceEnvironment = {} }: ContainerFacts): Readonly<Record<string, string>> {
  return { ...deviceEnvironment, ...environment };
}

interface Networks {
  readonly program: string;
  readonly none: string;
  /** Absent: the runtime has none with names. */
  readonly named?: (name: string) => string;
}

function networkOf({ spec }: ContainerFacts, { program, none, named }: Networks): string {
  const { network = 'none' } = spec;
  if (network === 'host') return '';
  if (network === 'none') return none;
  if (named !== undefined) return named(network);
  return `give_up runtime ${word(`${program} has no network '${network}': choose host or none`)}`;
}

function userOf(user: string | undefined, line: (uid: string, gid: string) => string): string {
  if (user === undefined) return '';
  const [uid = '', gid = uid] = user.split(':');
  return line(uid, gid);
}

function refuseUser({ spec }: ContainerFacts): string {
  if (spec.user === undefined) return '';
  return `give_up runtime ${word(`apptainer runs as whoever starts it, not as '${spec.user}': leave 'user' out`)}`;
}

function commandOf({ body }: ContainerFacts): string {
  return 'argv' in body ? words(...body.argv) : '/bin/sh ./command.sh inside "$runtime"';
}
