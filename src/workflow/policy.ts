/** Policies are read alike wherever they are written: for a task of a workflow and for a job. */
export {
  checkFields,
  definitionOf,
  type DefinitionOptions,
  POLICY_FIELDS,
  type PolicyOptions,
  type ResourcesInput,
  type RetryInput,
  type TimeoutsInput,
} from '../model/index.ts';
