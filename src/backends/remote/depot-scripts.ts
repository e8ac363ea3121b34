import { quoteWord } from '../../model/index.ts';
import { EXIT_FILE, FENCED_FILE, CLAIM_FILE, STDERR_FILE, STDOUT_FILE } from '../../process/index.ts';
import { CONTAINER_FILE } from '../containers/index.ts';
import type { RemoteAttempt } from './remote-attempt.ts';

/**
 * Prints `attempt word record` of each mark whose record is there, where the word says whether there is more to be brought:
 * `said` or `mute`. First removes marks that were taken.
 */
export function looksText(marks: string, spent: readonly string[]): string {
  const remove = spent.length === 0 ? '' : `rm -f ${spent.join(' ')}\n`;
  return `cd ${quoteWord(marks)} && {
${remove}for a in *; do
{ IFS= read -r d <"$a" && IFS= read -r r <"$d/${EXIT_FILE}"; } 2>/dev/null || continue
w=mute
{ [ -s "$d/${STDOUT_FILE}" ] || [ -s "$d/${STDERR_FILE}" ] || [ -e "$d/${CONTAINER_FILE}" ]; } && w=said
printf '%s %s %s\\n' "$a" "$w" "$r"
done
}`;
}

const END_OF_LIST = '--end of list--';

function listOf(attempts: readonly RemoteAttempt[], first: (attempt: RemoteAttempt) => string | number): string {
  const lines = attempts.map((attempt) => `${first(attempt)} ${attempt.there}\n`);
  return `<<'${END_OF_LIST}'\n${lines.join('')}${END_OF_LIST}\n`;
}

/** Prints what the directories of attempts say, a line each; with `fence` they are fenced before they are looked at. */
export function tracesText(attempts: readonly RemoteAttempt[], fence: boolean): string {
  const fencing = fence ? `[ -d "$d" ] || mkdir -p "$d"\n: >"$d/${FENCED_FILE}" || exit 1\n` : '';
  return `while read -r a d; do
${fencing}if { IFS= read -r r <"$d/${EXIT_FILE}"; } 2>/dev/null; then printf '%s ended %s\\n' "$a" "$r"
elif [ -e "$d/${CLAIM_FILE}" ]; then
r=; { IFS= read -r r <"$d/${CLAIM_FILE}"; } 2>/dev/null
s=\${r#*\\"started\\":}
printf '%s claimed %s\\n' "$a" "\${s%%,*}"
else printf '%s none\\n' "$a"
fi
done ${listOf(attempts, ({ attempt }) => attempt)}echo end
`;
}

/** By attempt: the word, and what came with it. Undefined where the answer is not whole. */
export function readTraces(said: string): ReadonlyMap<string, readonly [string, string]> | undefined {
  const lines = said.trimEnd().split('\n');
  if (lines.at(-1) !== 'end') return undefined;
  return new Map(
    lines.slice(0, -1).map((line) => {
      const [attempt = '', kind = ''] = line.split(' ', 2);
      return [attempt, [kind, line.slice(attempt.length + kind.length + 2)]] as const;
    }),
  );
}

/** Cuts what attempts have said to one byte above what is kept of it, so that it can be told that it was cut. */
export function boundText(attempts: readonly RemoteAttempt[]): string {
  return `while read -r n d; do
find "$d/${STDOUT_FILE}" "$d/${STDERR_FILE}" -size "+\${n}c" 2>/dev/null | while IFS= read -r f; do
head -c "$((n + 1))" "$f" >"$f.cut" && mv "$f.cut" "$f"
done
done ${listOf(attempts, ({ limits }) => limits.outputBytes)}`;
}

/** Prints `number hash` of each of these files that is there, where the machine has a program for that. */
export function hashText(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  return `hash=
if command -v sha256sum >/dev/null 2>&1; then hash=sha256sum
elif command -v shasum >/dev/null 2>&1; then hash='shasum -a 256'
elif command -v openssl >/dev/null 2>&1; then hash='openssl dgst -sha256 -r'
fi
i=-1
[ -z "$hash" ] || while IFS= read -r f; do
i=$((i + 1))
[ -f "$f" ] && s=$($hash <"$f") && echo "$i \${s%% *}"
done <<'${END_OF_LIST}'
${paths.map((path) => `${path}\n`).join('')}${END_OF_LIST}
:
`;
}

export function readHashes(said: string): ReadonlyMap<number, string> {
  const pairs = said.split('\n').map((line) => line.split(' ') as [string, string?]);
  return new Map(pairs.flatMap(([index, hash]) => (hash === undefined ? [] : [[Number(index), hash] as const])));
}
