import { type Entity, idPart, type PROFILES, ref, refs } from './crate-entities.ts';

/** What is said of a crate as a whole. */
export interface RootOptions {
  /** Of the workflow. */
  readonly name: string;
  /** The run's id. */
  readonly run: string;
  /** When it was exported, in ISO 8601. */
  readonly published: string;
  /** An SPDX id or an address. */
  readonly license: string | undefined;
  readonly profiles: typeof PROFILES;
  readonly mainEntity: string;
  readonly hasPart: readonly string[];
  readonly mentions: readonly string[];
}

/** The entities a crate begins with: its descriptor, its root, its licence, its profiles. */
export function* rootEntities(options: RootOptions): Generator<Entity, void> {
  const { name, run, license } = options;
  yield {
    '@id': 'ro-crate-metadata.json',
    '@type': 'CreativeWork',
    about: ref('./'),
    conformsTo: refs(['https://w3id.org/ro/crate/1.1', 'https://w3id.org/workflowhub/workflow-ro-crate/1.0']),
  };
  const licenseId = licenseIdOf(license);
  yield {
    '@id': './',
    '@type': 'Dataset',
    name: `${name} (${run})`,
    description: `What the run ${run} of the workflow ${name} did, step by step.`,
    datePublished: options.published,
    license: ref(licenseId),
    conformsTo: refs(options.profiles.map(([id]) => id)),
    mainEntity: ref(options.mainEntity),
    hasPart: refs(options.hasPart),
    mentions: refs(options.mentions),
  };
  yield { '@id': licenseId, '@type': 'CreativeWork', name: license ?? 'No licence was stated' };
  for (const [id, title, version] of options.profiles)
    yield { '@id': id, '@type': 'CreativeWork', name: title, version };
}

function licenseIdOf(license: string | undefined): string {
  if (license === undefined) return '#license';
  return URL.canParse(license) ? license : `https://spdx.org/licenses/${idPart(license)}`;
}
