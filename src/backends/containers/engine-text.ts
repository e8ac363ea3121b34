import { type ContainerFacts, OOM_FILE, PID_FILE, PODMAN_FOLDER, STATE_FILE } from './container-facts.ts';
import { imageOf, isPath, pathLook, pinText } from './image-text.ts';
import { mountsOf, mountText } from './mounts.ts';
import { add, word, words } from './words.ts';

/*
 * Podman and docker: a client beside which the container lives by itself.
 * - The client hands signals on (TERM to the group reaches the container's first process, which is an init). What does not end
 *   within the grace is killed by the text itself: a batch system that kills would take the watcher along.
 * - The client may be killed, and its container goes on: so a watcher in a session of its own waits for the end of a pipe, and removes what is there when
 *   nobody has said how it ended.
 * - Podman's monitor says that the kernel killed for memory by a file `oom` in the directory its client stood in.
 * - Neither the client nor podman's monitor has HEDDLE_ATTEMPT in its environment: who looks for what lives of an attempt finds
 *   what is in the container, and not the monitor, which has to tidy up.
 */

/** Where podman finds its init. Where there is none, TERM does nothing to a first process that does not wait for it. */
const INITS = [
  '/usr/libexec/podman',
  '/usr/bin',
  '/usr/lib/podman',
  '/usr/local/libexec/podman',
  '/usr/libexec/catatonit',
]
  .map((folder) => `${folder}/catatonit`)
  .join(' ');

/**
 * The function `remove_container RUNTIME NAME`, which fails where something may be left; of one that is not there, nothing. A podman whose client was killed while it
 * made a container forgets the monitor it had begun, which then waits for ever with what it has made: so monitors of that name are
 * ended by hand, what is theirs first.
 */
export const REMOVE_CONTAINER: string = `monitors() {
m=
for f in $(grep -lsF -- "$1" /proc/[0-9]*/cmdline 2>/dev/null); do
f=\${f#/proc/} f=\${f%/cmdline} k=
{ IFS= read -r k <"/proc/$f/comm"; } 2>/dev/null
[ "$k" != conmon ] || m="$m $f"
done
[ -n "$m" ]
}
remove_container() {
if [ "$1" = docker ]; then
k=$(docker rm -f "$2" 2>&1) && return
case $k in *'No such container'*) return 0;; *'in progress'*) ;; *) echo "$k" >&2; return 1;; esac
f=0; while [ $f -lt 150 ] && docker inspect "$2" >/dev/null 2>&1; do sleep 0.2 || sleep 1; f=$((f + 1)); done
[ $f -lt 150 ]; return
fi
n=0
while monitors "$2" && [ $n -lt 50 ]; do
for f in $m; do
k=; { read -r k <"/proc/$f/task/$f/children"; } 2>/dev/null
[ -z "$k" ] || kill -KILL $k 2>/dev/null
[ $n -lt 25 ] || kill -KILL "$f" 2>/dev/null
done
sleep 0.1 || sleep 1
n=$((n + 1))
done
podman rm -f -t 0 -i "$2"
}
`;

/** Waits for the word that all is over; without it, removes the container: twice, since one may be in the making. */
const WATCH = `read -r c && exit "$c"
${REMOVE_CONTAINER}remove_container "$1" "$2"; sleep 1; remove_container "$1" "$2"; exit 137`;

/** Between looks whether a container that was told to end has done so. */
const LOOK_MS = 200;

/** Paths with these can't be told in `-v FROM:TO`. */
const HOSTILE = /[:\n]/;

/** Everything for `runtime` podman or docker, up to and with the run. Sets `c`; also `id`, `digest`, `oom`. */
export function engineText(facts: ContainerFacts): string {
  const image = imageOf(facts);
  return `u= g=
{ while read -r x i _; do case $x in Uid:) u=$i;; Gid:) g=$i; break;; esac; done </proc/$$/status; } 2>/dev/null
[ -n "$g" ] || u=$(id -u) g=$(id -g)
${REMOVE_CONTAINER}${pinText(facts, isPath(image) ? archiveLook(image) : nameLook(image, facts.spec.pull ?? 'missing'))}
${optionText(facts)}
${goText(facts)}
record '"state":"starting"'
case $id in
/*) go "$id" rootfs "$@";;
*) go "$id" never "$@"
if [ "$c" = 125 ] && [ -z "$state" ] && [ "$repo" != - ] && ! "$runtime" image inspect "$id" >/dev/null 2>&1; then go "$repo" missing "$@"; fi;;
esac
`;
}

function nameLook(image: string, pull: 'missing' | 'always' | 'never'): string {
  const fetch = `"$runtime" pull -q ${word(image)} >/dev/null || give_up image ${word(`image ${image} could not be pulled`)}`;
  // Podman's word for images that came from no registry: nobody can be asked for them.
  const isLocal = image.startsWith('localhost/');
  const why = isLocal ? "'localhost/' is no registry" : "'pull' is 'never'";
  const first = {
    always: `${fetch}; identify`,
    missing: `identify 2>/dev/null || { ${fetch}; identify; }`,
    never: `identify 2>/dev/null || give_up image ${word(`image ${image} is not there, and ${why}`)}`,
  };
  return `${identifyText(word(image))}
${first[isLocal ? 'never' : pull]} || give_up image ${word(`image ${image} can't be inspected`)}`;
}

/**
 * The function `identify`, which sets what an image is. The id alone may say nothing on another machine: the name with its digest
 * does, where it came from a registry.
 */
function identifyText(name: string): string {
  return `identify() {
case $runtime in podman) x='{{.Id}} {{.Digest}}';; *) x='{{.Id}} {{.Id}}';; esac
x=$("$runtime" image inspect --format "$x {{range .RepoDigests}}{{.}} {{end}}" ${name}) || return
set -f; set -- $x; set +f
id=$1 digest=$2 repo=\${3:--}
case $runtime.$repo in docker.*@*) digest=\${repo#*@};; esac
case $runtime in docker) more=$(docker info --format 'cpus={{.NCPU}},{{.SecurityOptions}}' | tr -d ' ');; esac
}`;
}

function archiveLook(image: string): string {
  const path = word(image);
  return `${pathLook(image)}
if [ -f ${path} ]; then
loaded=$("$runtime" load -q -i ${path}) || give_up image ${word(`${image} can't be loaded: an archive of the runtime's own is wanted ('save'), not one of a file system`)}
loaded=\${loaded##*Loaded image: } loaded=\${loaded##*Loaded image ID: } loaded=\${loaded##*Loaded image(s): } of_file=$digest
${identifyText('"$loaded"')}
identify || give_up image ${word(`image ${image} can't be inspected`)}
digest=$of_file repo=-
elif [ "$runtime" = docker ]; then give_up image ${word(`docker can't run the folder ${image}: give it an archive, or choose another runtime`)}
fi`;
}

function optionText(facts: ContainerFacts): string {
  const { spec, run, job, attempt, cpus, memoryBytes, environment, secrets, body } = facts;
  const lines = [
    `set -- run --name "$name" ${words('--label', `heddle.run=${run}`, '--label', `heddle.job=${job}`, '--label', `heddle.attempt=${attempt}`)} --log-driver none --workdir "$d" -v "$d:$d"`,
    add('--network', spec.network ?? 'none'),
    mountText(facts, mountsOf(facts, HOSTILE), ({ from, to, writable }) =>
      add('-v', `${from}:${to}${writable ? '' : ':ro'}`),
    ),
    facts.inputs.length === 0 ? '' : 'set -- "$@" -v "$d/inputs:$d/inputs:ro"',
    'if [ -d "$project/bin" ]; then set -- "$@" -v "$project/bin:$project/bin:ro"; fi',
    'if [ -e /sys/fs/selinux/enforce ]; then set -- "$@" --security-opt label=disable; fi',
    ...Object.entries(environment).map(([name, value]) => add('--env', `${name}=${value}`)),
    ...secrets.map((name) => add('--env', name)),
    userText(spec.user),
    ...(spec.sharedMemoryBytes === undefined ? [] : [add('--shm-size', String(spec.sharedMemoryBytes))]),
    `can=' cpu memory '
if [ "$runtime" = podman ]; then
for f in ${INITS}; do if [ -x $f ]; then set -- "$@" --init; break; fi; done
set -- "$@" --rm${'argv' in body ? ` --pidfile "$d/${PID_FILE}"` : ''}
[ ! -e ${PID_FILE} ] || rm -f ${PID_FILE}
${memoryBytes === undefined ? '' : `[ ! -d ${PODMAN_FOLDER} ] || rm -rf ${PODMAN_FOLDER}\nmkdir ${PODMAN_FOLDER}\n`}if [ "$u" != 0 ]; then
can= f=/sys/fs/cgroup/user.slice/user-$u.slice/user@$u.service/cgroup.controllers
if [ -r $f ]; then read -r can <$f; can=" $can "; fi
fi
else
set -- "$@" --init${memoryBytes === undefined ? ' --rm' : ''}
x=\${more#*cpus=} x=\${x%%[!0-9]*}
if [ "\${x:-${Math.ceil(cpus)}}" -lt ${Math.ceil(cpus)} ]; then can=' memory '; fi
fi`,
    `case $can in *' cpu '*) set -- "$@" --cpus ${cpus};; esac`,
    ...(memoryBytes === undefined
      ? []
      : [`case $can in *' memory '*) set -- "$@" --memory ${memoryBytes} --memory-swap ${memoryBytes};; esac`]),
    gpuText(facts),
    ...(spec.options === undefined || spec.options.length === 0 ? [] : [add(...spec.options)]),
  ];
  return lines.filter((line) => line !== '').join('\n');
}

/**
 * Outputs are to belong to whoever runs this. Where the runtime is root's that takes the same number inside; where it is not,
 * the container's root is that user already, and every other number would be somebody else.
 */
function userText(user: string | undefined): string {
  if (user === undefined) {
    return `case $runtime.$u.$more in
podman.0.*) set -- "$@" --user "$u:$g";;
podman.*|docker.*rootless*) set -- "$@" --user 0:0;;
*) set -- "$@" --user "$u:$g" --env "HOME=$d";;
esac`;
  }
  const [uid = '', gid = uid] = user.split(':');
  return `if [ "$u" = 0 ]; then chown ${word(user)} . || :; fi
if [ "$runtime" = podman ] && [ "$u" != 0 ]; then ${add('--userns', `keep-id:uid=${uid},gid=${gid}`, '--user', `${uid}:${gid}`)}
else ${add('--user', user)}; fi
set -- "$@"${uid === '0' ? '' : ' --env "HOME=$d"'}`;
}

/** A device that is handed in is counted from 0 inside: so the variables that count outside are not handed in with it. */
function gpuText({ gpus }: ContainerFacts): string {
  if (gpus === undefined || gpus.length === 0) return '';
  const list = gpus === 'scheduler' ? '${CUDA_VISIBLE_DEVICES:-all}' : gpus.join(',');
  const amd = gpus === 'scheduler' ? '' : ` ${words('--env', `ROCR_VISIBLE_DEVICES=${gpus.join(',')}`)}`;
  return `gpus=${list}
if [ -e /dev/kfd ]; then set -- "$@" --device /dev/kfd --device /dev/dri${amd}
elif [ "$runtime" = docker ]; then if [ "$gpus" = all ]; then set -- "$@" --gpus all; else set -- "$@" --gpus "\\"device=$gpus\\""; fi
else x=$gpus; while [ -n "$x" ]; do set -- "$@" --device "nvidia.com/gpu=\${x%%,*}"; case $x in *,*) x=\${x#*,};; *) x=;; esac; done; fi`;
}

/** The function `go`: `go IMAGE never|missing|rootfs OPTION...`. */
function goText({ body, spec, memoryBytes, graceMs }: ContainerFacts): string {
  const entry = spec.entrypoint === true ? '' : ' --entrypoint=';
  const command = 'argv' in body ? words(...body.argv) : '/bin/sh ./command.sh inside "$runtime"';
  const after =
    memoryBytes === undefined
      ? 'c=$?'
      : `c=$?
if [ "$runtime" = docker ]; then
[ $c = 0 ] || docker inspect --format '{{.State.OOMKilled}}' "$name" >${OOM_FILE} 2>/dev/null
docker rm -f "$name" >/dev/null 2>&1
fi`;
  return `go() {
image=$1 how=$2; shift 2
case $how in
rootfs) set -- "$@"${entry} --rootfs "$image:O" ${command};;
*) set -- "$@"${entry} --pull "$how" "$image" ${command};;
esac
[ ! -e ${STATE_FILE} ] || rm -f ${STATE_FILE}
exec 4>&1
{ trap : HUP INT QUIT TERM USR1 USR2
${memoryBytes === undefined ? '' : `cd "$d/${PODMAN_FOLDER}" 2>/dev/null || :\n`}"$runtime" "$@" >&4 3>&- 4>&-
${after}
echo "$c" >&3; } 3>&1 | watch &
p=$!
exec 4>&-
while :; do
wait "$p"; c=$?
[ "$c" -gt 128 ] && kill -0 "$p" 2>/dev/null || break
[ -z "$got" ] || end_in_time
done
wait "$p"; x=$?
[ "$x" = 127 ] || c=$x
# The watcher may have died of a signal before it had left this group: then the client is still there.
wait; wait
read_state
}
end_in_time() {
x=0
while [ $x -lt ${Math.max(1, Math.ceil(graceMs / LOOK_MS))} ] && kill -0 "$p" 2>/dev/null; do sleep 0.${LOOK_MS / 100} || sleep 1; x=$((x + 1)); done
if kill -0 "$p" 2>/dev/null; then "$runtime" kill -s KILL "$name" >/dev/null 2>&1; fi
got=
}
if command -v setsid >/dev/null; then watch() { exec setsid /bin/sh -c ${word(WATCH)} heddle-watch "$runtime" "$name" >/dev/null 2>&1 4>&-; }
else watch() { trap '' HUP INT QUIT TERM USR1 USR2; read -r c; return "\${c:-137}"; }; fi`;
}
