import { hash } from 'node:crypto';
import type { ContainerFacts } from './container-facts.ts';
import { word } from './words.ts';

/*
 * An image's name is looked up once a run and place. What it stood for then is kept in the run's folder of images, one line a
 * runtime and name: `id digest reference facts`. Whoever comes later, also after a restart of the engine, reads that line, so
 * that a run goes on with the image it began with, wherever the name points by now.
 */

/** Beside the attempts of a run, which lie two folders down, also on a machine with files of its own. */
export const IMAGES_FOLDER = '.images';

/** A path on the machine, not a name in a registry. */
export function isPath(image: string): boolean {
  return image.startsWith('/');
}

/** An image as its runtime is told it. */
export function imageOf({ spec, project }: ContainerFacts): string {
  return spec.image.replace(/^\$\{project\}/, () => project);
}

/** Of the file in which a run keeps what a name stands for, without its ending. */
export function pinName(image: string): string {
  return hash('sha256', image).slice(0, 20);
}

/** In double quotes of the shell: the file in which a run keeps what a name stands for, without its ending. */
export function pinOf(facts: ContainerFacts): string {
  return `$images/${pinName(imageOf(facts))}`;
}

/**
 * The shell function `pinned`, which reads the line, and `resolve`, which makes it: `look` sets `id`, `digest`, `repo` and
 * `more`, words without blanks. One attempt looks while the others wait, where there is `flock`; the first line written stays.
 */
export function pinText(facts: ContainerFacts, look: string): string {
  return `images=\${d%/*/*}/${IMAGES_FOLDER} pin="${pinOf(facts)}.$runtime"
pinned() { [ -r "$pin" ] && read -r id digest repo more <"$pin"; }
resolve() {
mkdir -p "$images" && exec 8>>"$pin.lock" || give_up image "cannot write into $images"
if command -v flock >/dev/null; then flock 8; fi
if ! pinned; then
look
printf '%s %s %s %s\\n' "$id" "\${digest:--}" "\${repo:--}" "\${more:--}" >"$pin.$$"
ln "$pin.$$" "$pin" 2>/dev/null || pinned || mv "$pin.$$" "$pin"
rm -f "$pin.$$"
fi
exec 8>&-
}
look() {
${look}
}
pinned || resolve
case $id in path) id=${word(imageOf(facts))};; sif) id="${pinOf(facts)}.sif";; esac
`;
}

/** Sets `id` and `digest` for a path: of a file its sha256, of a folder where it is and when it was changed last. */
export function pathLook(image: string): string {
  const path = word(image);
  return `if [ -d ${path} ]; then id=path digest=dir:$(stat -c %Y ${path})
elif [ -f ${path} ]; then digest=$(sha256sum ${path}); id=path digest=sha256:\${digest%% *}
else give_up image ${word(`there is no image at ${image}`)}; fi`;
}
