import { type ContainerRuntime, HeddleError, refuseNul } from '../../model/index.ts';
import { apptainerText, bubblewrapText, charliecloudText } from './child-text.ts';
import {
  CONTAINER_FILE,
  type ContainerFacts,
  containerName,
  FOUND_FIRST,
  OOM_FILE,
  PID_FILE,
  PODMAN_FOLDER,
  programOf,
  STATE_FILE,
} from './container-facts.ts';
import { engineText } from './engine-text.ts';
import { imageOf, isPath } from './image-text.ts';
import { word } from './words.ts';

/**
 * The body of `command.sh` for work in a container: POSIX shell that needs nothing on the machine but the runtime. Run without
 * arguments it looks up the image, starts the container with this same file as its command (`command.sh inside`), and ends
 * as the command ended: by the same exit code or the same signal. What comes after the first `fi` no shell of the host reads.
 *
 * It leaves `container.json` behind (see `readContainer`), and no container, however it ends; only where everything is killed at
 * once does that take `containerSweep`.
 *
 * @param preamble lines that put the values of secrets into the environment
 * @throws {HeddleError} INPUT_INVALID for what the runtime can't be told
 */
export function containerText(facts: ContainerFacts, preamble = ''): string {
  checkContainer(facts);
  const { body, project, runtimeEnvironment = {} } = facts;
  const exports = Object.entries(runtimeEnvironment).map(([name, value]) => `export ${name}=${word(value)}\n`);
  return `if [ "\${1-}" != inside ]; then
${exports.join('')}${preamble}d=$PWD project=${word(project)} name=${containerName(facts.attempt)}
direct=${'argv' in body ? 'yes' : ''}
${COMMON}
${recordText(facts)}
trap 'got=HUP' HUP; trap 'got=INT' INT; trap 'got=QUIT' QUIT; trap 'got=TERM' TERM; trap : USR1 USR2
${choiceText(facts)}
case $runtime in
${runtimesOf(facts)
  .map((kind) => branch(facts, kind))
  .join('')}esac
finish
fi
${'argv' in body ? '' : insideText(body.text, facts)}`;
}

/** `c`: how it ended; `failed`: `image` or `runtime` where that is why nothing ran; `state`: what was said from inside. */
const COMMON = `runtime= id= digest= repo= more= state= x= kills= got= c=125 failed= oom=false
read_state() { state= kills=; [ ! -r ${STATE_FILE} ] || read -r state x kills <${STATE_FILE}; }
give_up() { echo "heddle: $2" >&2; failed=$1 c=125; finish; }
finish() {
if [ "\${kills:-0}" != 0 ] || [ -e ${PODMAN_FOLDER}/oom ]; then oom=true; fi
if [ -s ${OOM_FILE} ]; then read -r oom <${OOM_FILE}; rm -f ${OOM_FILE}; fi
if [ -z "$state" ] && [ -n "$direct" ] && [ -e ${PID_FILE} ]; then state=began; fi
case $runtime in podman|docker) if [ "$c" -gt 128 ] && [ "$c" -lt 255 ]; then ( remove_container "$runtime" "$name" ) >/dev/null 2>&1; fi;; esac
record "\\"state\\":\\"ended\\",\\"said\\":\\"$state\\",\\"failed\\":\\"$failed\\",\\"code\\":$c,\\"oom\\":$oom"
[ ! -d ${PODMAN_FOLDER} ] || rm -rf ${PODMAN_FOLDER}
if [ "$c" -gt 128 ] && [ "$c" -le 192 ] && [ "$state" != exited ]; then
trap - HUP INT QUIT TERM USR1 USR2
ulimit -c 0 2>/dev/null
kill -$((c - 128)) $$
fi
exit "$c"
}`;

function recordText(facts: ContainerFacts): string {
  const { attempt, memoryBytes } = facts;
  const { network = 'none' } = facts.spec;
  const fixed = JSON.stringify({
    attempt,
    name: containerName(attempt),
    image: imageOf(facts),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  }).slice(0, -1);
  return `record() {
case $id in *[!A-Za-z0-9@:/._+-]*) x=;; *) x=$id;; esac
case $runtime in charliecloud) net=${JSON.stringify(network === 'none' && facts.spec.network === undefined ? 'host' : network)};; *) net=${JSON.stringify(network)};; esac
{ printf '%s,"network":"%s","runtime":"%s","id":"%s","digest":"%s",%s}\\n' ${word(fixed)} "$net" "$runtime" "$x" "$digest" "$1" >${CONTAINER_FILE}; } 2>/dev/null
}`;
}

/** What may run it, in the order in which one is looked for. */
function runtimesOf({ spec }: ContainerFacts): readonly ContainerRuntime[] {
  return spec.runtime === undefined ? FOUND_FIRST : [spec.runtime];
}

function choiceText(facts: ContainerFacts): string {
  const { spec } = facts;
  if (spec.runtime !== undefined) {
    const program = programOf(spec.runtime);
    return `runtime=${spec.runtime}
command -v ${program} >/dev/null || give_up runtime ${word(`there is no ${program} here, which is to run ${imageOf(facts)}: install it, put it on PATH, or choose another runtime`)}`;
  }
  const image = imageOf(facts);
  // Docker takes no unpacked image.
  const skip = isPath(image) ? `if [ $r = docker ] && [ -d ${word(image)} ]; then continue; fi\n` : '';
  return `for r in ${FOUND_FIRST.join(' ')}; do
${skip}case $r in charliecloud) x=ch-run;; *) x=$r;; esac
if command -v $x >/dev/null; then runtime=$r; break; fi
done
[ -n "$runtime" ] || give_up runtime ${word(`there is nothing here that runs containers (${FOUND_FIRST.map(programOf).join(', ')}): install one, put it on PATH, or say container: false`)}`;
}

function branch(facts: ContainerFacts, runtime: ContainerRuntime): string {
  switch (runtime) {
    case 'podman':
    case 'docker':
      // Both are one text; the first of them writes it.
      if (runtime === 'docker' && facts.spec.runtime === undefined) return '';
      return `podman|docker)\n${engineText(facts)};;\n`;
    case 'apptainer':
    case 'singularity':
      if (runtime === 'singularity' && facts.spec.runtime === undefined) return '';
      return `apptainer|singularity)\n${enter(facts)}${apptainerText(facts)};;\n`;
    case 'charliecloud':
      return `charliecloud)\n${enter(facts)}${charliecloudText(facts)};;\n`;
    case 'bubblewrap':
      return `bubblewrap)\n${enter(facts)}${bubblewrapText(facts)};;\n`;
  }
}

/** Whoever writes 0 enters. By hand there is no such group any more. */
function enter({ entrance }: ContainerFacts): string {
  return entrance === undefined ? '' : `{ echo 0 >>${word(entrance)}; } 2>/dev/null || :\n`;
}

/**
 * What the image's own shell reads: it says that it has begun and, when it ends by itself, how, and how often the kernel has
 * killed for memory in here, where an engine shows a container its own counters. A text that sets its own trap on EXIT loses that word.
 */
function insideText(text: string, { memoryBytes }: ContainerFacts): string {
  const count =
    memoryBytes === undefined
      ? ''
      : `case $heddle_status.$heddle_runtime in 0.*) ;; *.podman|*.docker)
for heddle_file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
[ ! -r $heddle_file ] || while read -r heddle_key heddle_count; do [ "$heddle_key" != oom_kill ] || heddle_kills=$heddle_count; done <$heddle_file
done;; esac
`;
  return `heddle_state=$PWD/${STATE_FILE} heddle_runtime=\${2-} heddle_kills=0
shift $#
{ echo began >"$heddle_state"; } 2>/dev/null
heddle_ended() {
heddle_status=$?
${count}{ echo "exited $heddle_status $heddle_kills" >"$heddle_state"; } 2>/dev/null
}
trap heddle_ended EXIT
if [ -d "\${project-}/bin" ]; then export PATH="$project/bin:\${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"; fi
set -e
${refuseNul(text)}
`;
}

/** @throws {HeddleError} INPUT_INVALID where the attempt's directory or image can't be told to any shell */
function checkContainer({ directory, spec }: ContainerFacts): void {
  if (!directory.startsWith('/')) throw new HeddleError('INPUT_INVALID', `no container can work in '${directory}'`);
  if (spec.network !== undefined && !/^[\w.:/-]+$/.test(spec.network)) {
    throw new HeddleError('INPUT_INVALID', `container network '${spec.network}' can't be a name`, {
      hint: "choose none, host, or a network of the runtime's",
    });
  }
  if (spec.user !== undefined && !/^\d+(?::\d+)?$/.test(spec.user)) {
    throw new HeddleError('INPUT_INVALID', `container user '${spec.user}' is no number`, {
      hint: "names are the image's own: give 'uid' or 'uid:gid'",
    });
  }
}
