/** An entity of a crate's graph, as JSON has it. */
type Entity = Readonly<Record<string, unknown>> & { readonly '@id': string };

const PROFILES = ['process', 'workflow', 'provenance'].map((name) => `https://w3id.org/ro/wfrun/${name}/0.5`);
const WORKFLOW_CRATE = 'https://w3id.org/workflowhub/workflow-ro-crate/1.0';
const FORMAT = 'https://w3id.org/ro/crate/1.1';
const ACTION_STATUS = /^http:\/\/schema\.org\/(Completed|Failed|Active|Potential)ActionStatus$/;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/;

/**
 * What RO-Crate 1.1, Workflow RO-Crate 1.0 and the profiles Process, Workflow and Provenance Run Crate 0.5 say a crate MUST
 * be, and of what they say it SHOULD be the parts we promise. Written from the texts of the profiles.
 *
 * @returns what is wrong, one line each
 */
export function brokenRules(
  crate: { readonly '@context': unknown; readonly '@graph': readonly Entity[] },
  files: readonly string[],
): readonly string[] {
  const wrong: string[] = [];
  const entities = new Map<string, Entity>();
  for (const entity of crate['@graph']) {
    if (entities.has(entity['@id'])) wrong.push(`two entities '${entity['@id']}'`);
    if (typesOf(entity).length === 0) wrong.push(`'${entity['@id']}' has no type`);
    entities.set(entity['@id'], entity);
  }
  const must = (isSo: boolean, what: string): void => {
    if (!isSo) wrong.push(what);
  };
  const of = (type: string): readonly Entity[] => crate['@graph'].filter((entity) => typesOf(entity).includes(type));
  const pointsAt = (entity: Entity | undefined, property: string, type: string): readonly Entity[] => {
    const found = idsOf(entity?.[property]).map((id) => entities.get(id));
    const isRight = found.length > 0 && found.every((each) => each !== undefined && typesOf(each).includes(type));
    must(isRight, `'${entity?.['@id']}'.${property} is no ${type}`);
    return found.filter((each) => each !== undefined);
  };

  const contexts = Array.isArray(crate['@context']) ? (crate['@context'] as unknown[]) : [crate['@context']];
  must(contexts.includes('https://w3id.org/ro/crate/1.1/context'), 'no context of RO-Crate 1.1');
  must(contexts.includes('https://w3id.org/ro/terms/workflow-run/context'), 'no context of the run crate terms');

  const descriptor = entities.get('ro-crate-metadata.json');
  must(descriptor?.['@type'] === 'CreativeWork', 'the descriptor is no CreativeWork');
  must(idsOf(descriptor?.['about']).join() === './', 'the descriptor is not about the root');
  must(idsOf(descriptor?.['conformsTo']).includes(FORMAT), 'the descriptor does not conform to RO-Crate 1.1');
  must(
    idsOf(descriptor?.['conformsTo']).includes(WORKFLOW_CRATE),
    'the descriptor does not conform to Workflow RO-Crate',
  );

  const root = entities.get('./');
  must(typesOf(root).includes('Dataset'), 'the root is no Dataset');
  for (const property of ['name', 'description']) must(isText(root?.[property]), `the root has no ${property}`);
  must(ISO_TIME.test(textOf(root?.['datePublished'])), 'the root has no datePublished');
  must(
    idsOf(root?.['license']).every((id) => entities.has(id)) && idsOf(root?.['license']).length === 1,
    'the root has no licence',
  );
  for (const profile of [...PROFILES, WORKFLOW_CRATE]) {
    must(idsOf(root?.['conformsTo']).includes(profile), `the root does not conform to ${profile}`);
    must(typesOf(entities.get(profile)).includes('CreativeWork'), `${profile} is no CreativeWork`);
  }

  // RO-Crate: data entities are parts of the root, and those with a relative id are there.
  const parts = new Set(idsOf(root?.['hasPart']));
  for (const file of of('File')) {
    must(parts.has(file['@id']), `'${file['@id']}' is no part of the root`);
    if (URL.canParse(file['@id'])) continue;
    must(files.includes(decodeURIComponent(file['@id'])), `'${file['@id']}' is not in the crate`);
  }

  const [main] = pointsAt(root, 'mainEntity', 'ComputationalWorkflow');
  for (const type of ['File', 'SoftwareSourceCode', 'ComputationalWorkflow', 'HowTo'])
    must(typesOf(main).includes(type), `the workflow is no ${type}`);
  must(isText(main?.['name']), 'the workflow has no name');
  pointsAt(main, 'programmingLanguage', 'ComputerLanguage');
  const tools = new Set(pointsAt(main, 'hasPart', 'SoftwareApplication').map((tool) => tool['@id']));
  const steps = new Set(pointsAt(main, 'step', 'HowToStep').map((step) => step['@id']));
  if (main?.['input'] !== undefined) pointsAt(main, 'input', 'FormalParameter');
  for (const step of of('HowToStep')) {
    must(steps.has(step['@id']), `the workflow does not name the step '${step['@id']}'`);
    pointsAt(step, 'workExample', 'SoftwareApplication');
  }
  for (const tool of tools)
    must(
      of('CreateAction').some((action) => idsOf(action['instrument']).includes(tool)),
      `'${tool}' is a part of the workflow and was never run`,
    );
  for (const parameter of of('FormalParameter'))
    must(
      isText(parameter['additionalType']) && isText(parameter['name']),
      `'${parameter['@id']}' has no additionalType or name`,
    );

  const mentioned = new Set(idsOf(root?.['mentions']));
  const runs = of('CreateAction').filter((action) => idsOf(action['instrument']).includes(main?.['@id'] ?? ''));
  must(runs.length === 1, 'there is not one action of the workflow');
  for (const action of of('CreateAction')) {
    const id = action['@id'];
    must(mentioned.has(id), `the root does not mention '${id}'`);
    const [instrument] = idsOf(action['instrument']);
    must(instrument === main?.['@id'] || tools.has(instrument ?? ''), `'${id}' has no tool`);
    for (const property of ['object', 'result'])
      for (const each of idsOf(action[property]))
        must(entities.has(each), `'${id}' has ${property} '${each}', which is not described`);
    for (const property of ['startTime', 'endTime'])
      if (action[property] !== undefined)
        must(ISO_TIME.test(textOf(action[property])), `'${id}' has a strange ${property}`);
  }
  for (const control of of('ControlAction')) {
    for (const step of pointsAt(control, 'instrument', 'HowToStep'))
      must(steps.has(step['@id']), 'a control of no step');
    pointsAt(control, 'object', 'CreateAction');
  }
  const [organize] = of('OrganizeAction');
  must(of('OrganizeAction').length === 1, 'there is not one OrganizeAction');
  pointsAt(organize, 'instrument', 'SoftwareApplication');
  pointsAt(organize, 'object', 'ControlAction');
  must(pointsAt(organize, 'result', 'CreateAction')[0] === runs[0], 'the engine made another run');
  for (const type of ['CreateAction', 'ControlAction', 'OrganizeAction']) {
    for (const action of of(type)) {
      const status = action['actionStatus'];
      if (status !== undefined)
        must(ACTION_STATUS.test(textOf(status)), `'${action['@id']}' has status ${textOf(status)}`);
      if (action['error'] !== undefined)
        must(textOf(status).endsWith('FailedActionStatus'), `'${action['@id']}' has an error and has not failed`);
      if (action['resourceUsage'] === undefined) continue;
      for (const usage of pointsAt(action, 'resourceUsage', 'PropertyValue'))
        must(
          isText(usage['propertyID']) && isText(usage['value']) && isText(usage['unitCode']),
          'a usage without its quantity',
        );
    }
  }
  return wrong;
}

function typesOf(entity: Entity | undefined): readonly unknown[] {
  const type = entity?.['@type'];
  return type === undefined ? [] : Array.isArray(type) ? (type as unknown[]) : [type];
}

function idsOf(value: unknown): readonly string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? (value as unknown[]) : [value]).map((each) =>
    String((each as Partial<Entity>)['@id']),
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
