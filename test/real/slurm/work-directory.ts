import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What runs in an attempt's directory on the other side: takes `claim`, looks for `fenced`, runs `command.sh`, and
 * publishes `exit.json` whole or not at all. Arguments: directory, attempt, fence.
 */
export const WRAPPER = `#!/bin/sh
cd "$1" || exit 120
[ ! -e fenced ] || exit 121
(set -C; printf '%s %s\\n' "$$" "$(hostname)" > claim) 2>/dev/null || exit 122
[ ! -e fenced ] || exit 121
now() { date +%s%3N; }
started=$(now)
printf '{"attempt":"%s","fence":%s,"started":%s,"pid":%s,"host":"%s"}\\n' "$2" "$3" "$started" "$$" "$(hostname)" > started.part
mv started.part started.json
sh command.sh </dev/null >stdout 2>stderr &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM INT
wait "$child"; code=$?
# A trapped signal ends the first wait early.
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
[ ! -e fenced ] || exit 121
printf '{"attempt":"%s","fence":%s,"code":%s,"started":%s,"ended":%s,"pid":%s,"host":"%s"}\\n' \\
  "$2" "$3" "$code" "$started" "$(now)" "$child" "$(hostname)" > exit.part
mv exit.part exit.json
exit "$code"
`;

/**
 * Takes `claim` in the wrapper's stead, so that whatever arrives later starts nothing there. False: the wrapper was
 * first, and something has started.
 */
export async function takeClaim(directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  try {
    await writeFile(join(directory, 'claim'), 'the engine\n', { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
