/**
 * Which room may import which: the arrows of the house, as data. The lint rule beside this file holds them, and a test
 * compares them with the rooms there are and with the table in ARCHITECTURE.md.
 */

const BELOW_JOBS = ['model', 'engine', 'store', 'calls', 'process', 'lanes', 'files', 'backends', 'config'];
const BELOW_SERVER = [...BELOW_JOBS, 'jobs', 'workflow', 'services', 'compilers', 'importers', 'observe'];

/** @type {Readonly<Record<string, readonly string[]>>} */
export const ROOMS = {
  model: [],
  engine: ['model'],
  store: ['model'],
  calls: ['model'],
  process: ['model'],
  lanes: ['model', 'calls', 'process'],
  files: ['model'],
  backends: ['model', 'calls', 'process', 'lanes', 'files'],
  jobs: BELOW_JOBS,
  workflow: ['model', 'calls', 'jobs'],
  config: ['model'],
  services: ['model', 'calls', 'process', 'lanes', 'jobs'],
  compilers: ['model'],
  importers: ['model', 'workflow'],
  observe: ['model', 'process', 'store'],
  server: BELOW_SERVER,
  cli: [...BELOW_SERVER, 'server', 'simulation'],
  simulation: ['model', 'engine', 'store'],
  testing: ['model', 'process', 'engine', 'store', 'simulation'],
};

/** Folders under backends/ that are no backend: what backends share. A backend imports these, never another backend. */
export const SHARED_BY_BACKENDS = [
  'workdir',
  'in-process',
  'transport',
  'depot',
  'scheduler',
  'remote',
  'containers',
  'allocation',
  'call-commands',
  'code',
  'host-lanes',
];

/**
 * Says why one file must not import another, or nothing when it may. Both paths are relative to src/, with `/`.
 *
 * @param {string} from
 * @param {string} to
 * @returns {string | undefined}
 */
export function forbidden(from, to) {
  const [room, folder] = placeOf(from);
  const [target, targetFolder] = placeOf(to);
  // The two public faces know each other.
  if (room === '') return target === '' || isFace(to, target, targetFolder) ? undefined : notFace(to);
  if (target === '') return `${room}/ may not import src/${to}: the public face stands above every room`;
  if (room !== target) return betweenRooms({ from, to, room, target, targetFolder });
  if (room === 'backends') return betweenBackends({ from, to, folder, targetFolder });
  return undefined;
}

function betweenRooms({ from, to, room, target, targetFolder }) {
  const allowed = ROOMS[room] ?? [];
  const forTests = target === 'testing' && from.endsWith('.test.ts');
  if (!allowed.includes(target) && !forTests) {
    return `${room}/ may not import ${target}/ (it may import ${allowed.join(', ') || 'nothing'})`;
  }
  return isFace(to, target, targetFolder) ? undefined : notFace(to);
}

function betweenBackends({ from, to, folder, targetFolder }) {
  if (folder === targetFolder) return undefined;
  if (folder === '') return isFace(to, 'backends', targetFolder) ? undefined : notFace(to);
  const free = SHARED_BY_BACKENDS.includes(targetFolder) || targetFolder === '';
  if (!free) return `one backend never imports another: backends/${folder}/ imports backends/${targetFolder}/`;
  if (targetFolder === '' && to === 'backends/index.ts') return `${from} may not import the face of its own room`;
  return isFace(to, 'backends', targetFolder) || targetFolder === '' ? undefined : notFace(to);
}

/** A room's index.ts is its face; each folder under backends/ has one of its own; a room that workers load has a light one. */
function isFace(path, room, folder) {
  return (
    path === `${room}/index.ts` ||
    path === `${room}/lane-face.ts` ||
    (room === 'backends' && folder !== '' && path === `backends/${folder}/index.ts`)
  );
}

function notFace(path) {
  return `src/${path} is an inner file: import the room's index.ts`;
}

/** The room and, one level below, the folder of a path; '' where there is none. */
function placeOf(path) {
  const parts = path.split('/');
  return [parts.length > 1 ? parts[0] : '', parts.length > 2 ? parts[1] : ''];
}
