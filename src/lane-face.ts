import { createRequire } from 'node:module';
import { extname } from 'node:path';
import type * as Heddle from './index.ts';

/**
 * What `import ... from 'heddle'` means inside of a lane: the public API by the same names. A module is loaded there for one
 * of its functions, in each lane again; what starts engines and makes jobs, and costs a tenth of a second, is loaded when it is
 * used, which it seldom is: a lane opens no engine.
 */
export { attemptContext, filePath } from './calls/lane-face.ts';
export { LOG_LEVELS } from './jobs/lane-face.ts';
export { ERROR_CODES, HeddleError, Secret, secret } from './model/lane-face.ts';
export {
  app,
  command,
  file,
  graph,
  input,
  isWorkflow,
  json,
  noop,
  project,
  raw,
  sh,
  task,
  text,
  wait,
  workflow,
} from './workflow/lane-face.ts';

/** Names of what can stand for itself until it is called, constructed, extended or asked. */
type CallableName = Exclude<keyof typeof Heddle, 'ERROR_CODES' | 'LOG_LEVELS' | 'TaskStatus'>;

let whole: typeof Heddle | undefined;

function load(): typeof Heddle {
  // At once, as whoever calls a function or constructs a class expects it.
  whole ??= required('index') as typeof Heddle;
  return whole;
}

let experiments: object | undefined;

/** What says parameter spaces and experiments at the top of a module: a few files, and nothing of what runs them. */
function loadExperiments(): object {
  experiments ??= required('workflow/experiments/lane-face') as object;
  return experiments;
}

function required(path: string): unknown {
  return createRequire(import.meta.url)(`./${path}${extname(import.meta.url)}`);
}

/** A function or class of the whole API, behind which nothing is until it is used. */
function later<Name extends CallableName>(name: Name, from: () => object = load): (typeof Heddle)[Name] {
  const real = (): object => (from() as typeof Heddle)[name] as object;
  const standIn: object = new Proxy(function () {} as object, {
    apply: (_, self, parameters) => Reflect.apply(real() as () => unknown, self, parameters),
    construct: (_, parameters, target): object =>
      Reflect.construct(
        real() as new () => object,
        parameters,
        target === standIn ? (real() as new () => object) : target,
      ),
    get: (_, key): unknown => Reflect.get(real(), key),
    has: (_, key) => Reflect.has(real(), key),
    getPrototypeOf: () => Reflect.getPrototypeOf(real()),
  });
  return standIn as (typeof Heddle)[Name];
}

export const AfterAnother: typeof Heddle.AfterAnother = later('AfterAnother');
export const AfterClock: typeof Heddle.AfterClock = later('AfterClock');
export const AfterOthers: typeof Heddle.AfterOthers = later('AfterOthers');
export const AfterTimepoint: typeof Heddle.AfterTimepoint = later('AfterTimepoint');
export const AfterWeekday: typeof Heddle.AfterWeekday = later('AfterWeekday');
export const AllSatisfied: typeof Heddle.AllSatisfied = later('AllSatisfied');
export const AnySatisfied: typeof Heddle.AnySatisfied = later('AnySatisfied');
export const BeforeClock: typeof Heddle.BeforeClock = later('BeforeClock');
export const BeforeTimepoint: typeof Heddle.BeforeTimepoint = later('BeforeTimepoint');
export const BeforeWeekday: typeof Heddle.BeforeWeekday = later('BeforeWeekday');
export const ExperimentHandle: typeof Heddle.ExperimentHandle = later('ExperimentHandle');
export const Condition: typeof Heddle.Condition = later('Condition');
export const ExecutionMonitor: typeof Heddle.ExecutionMonitor = later('ExecutionMonitor');
export const Engine: typeof Heddle.Engine = later('Engine');
export const GraphBuilder: typeof Heddle.GraphBuilder = later('GraphBuilder');
export const Job: typeof Heddle.Job = later('Job');
export const Jobs: typeof Heddle.Jobs = later('Jobs');
export const LocalJob: typeof Heddle.LocalJob = later('LocalJob');
export const ProcessJob: typeof Heddle.ProcessJob = later('ProcessJob');
export const RunHandle: typeof Heddle.RunHandle = later('RunHandle');
export const SubprocessJob: typeof Heddle.SubprocessJob = later('SubprocessJob');
export const TaskExecutionError: typeof Heddle.TaskExecutionError = later('TaskExecutionError');
export const ThreadJob: typeof Heddle.ThreadJob = later('ThreadJob');
export const BaseBackend: typeof Heddle.BaseBackend = later('BaseBackend');
export const Executor: typeof Heddle.Executor = later('Executor');
export const Experiment: typeof Heddle.Experiment = later('Experiment');
export const ExperimentExecutor: typeof Heddle.ExperimentExecutor = later('ExperimentExecutor');
export const ClusterBackend: typeof Heddle.ClusterBackend = later('ClusterBackend');
export const LocalBackend: typeof Heddle.LocalBackend = later('LocalBackend');
export const LocalTask: typeof Heddle.LocalTask = later('LocalTask');
export const RemoteBackend: typeof Heddle.RemoteBackend = later('RemoteBackend');
export const ResourceLimitError: typeof Heddle.ResourceLimitError = later('ResourceLimitError');
export const ResourceManager: typeof Heddle.ResourceManager = later('ResourceManager');
export const ShellTask: typeof Heddle.ShellTask = later('ShellTask');
export const Task: typeof Heddle.Task = later('Task');
export const TaskGraph: typeof Heddle.TaskGraph = later('TaskGraph');
export const TaskPool: typeof Heddle.TaskPool = later('TaskPool');
export const TaskStatus: typeof Heddle.TaskStatus = new Proxy({} as typeof Heddle.TaskStatus, {
  get: (_, key): unknown => Reflect.get(load().TaskStatus, key),
  ownKeys: () => Reflect.ownKeys(load().TaskStatus),
  getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(load().TaskStatus, key),
});
export const TimeoutError: typeof Heddle.TimeoutError = later('TimeoutError');
export const WorkflowExecutionError: typeof Heddle.WorkflowExecutionError = later('WorkflowExecutionError');
export const WorkflowExecutor: typeof Heddle.WorkflowExecutor = later('WorkflowExecutor');
export const afterClock: typeof Heddle.afterClock = later('afterClock');
export const afterTimepoint: typeof Heddle.afterTimepoint = later('afterTimepoint');
export const afterWeekday: typeof Heddle.afterWeekday = later('afterWeekday');
export const allOf: typeof Heddle.allOf = later('allOf');
export const anyOf: typeof Heddle.anyOf = later('anyOf');
export const beforeClock: typeof Heddle.beforeClock = later('beforeClock');
export const beforeTimepoint: typeof Heddle.beforeTimepoint = later('beforeTimepoint');
export const beforeWeekday: typeof Heddle.beforeWeekday = later('beforeWeekday');
export const betweenClock: typeof Heddle.betweenClock = later('betweenClock');
export const betweenTimepoint: typeof Heddle.betweenTimepoint = later('betweenTimepoint');
export const betweenWeekday: typeof Heddle.betweenWeekday = later('betweenWeekday');
export const commandTemplate: typeof Heddle.commandTemplate = later('commandTemplate');
export const commandsBackend: typeof Heddle.commandsBackend = later('commandsBackend');
export const customBackend: typeof Heddle.customBackend = later('customBackend');
export const defineConfig: typeof Heddle.defineConfig = later('defineConfig');
export const functionCallToCommand: typeof Heddle.functionCallToCommand = later('functionCallToCommand');
export const inlineBackend: typeof Heddle.inlineBackend = later('inlineBackend');
export const launcher: typeof Heddle.launcher = later('launcher');
export const notify: typeof Heddle.notify = later('notify');
export const processesBackend: typeof Heddle.processesBackend = later('processesBackend');
export const readCallResult: typeof Heddle.readCallResult = later('readCallResult');
export const bestOf: typeof Heddle.bestOf = later('bestOf');
export const runExperiment: typeof Heddle.runExperiment = later('runExperiment');
export const threadsBackend: typeof Heddle.threadsBackend = later('threadsBackend');
export const branch: typeof Heddle.branch = later('branch');
export const choose: typeof Heddle.choose = later('choose');
export const every: typeof Heddle.every = later('every');
export const gather: typeof Heddle.gather = later('gather');
export const is: typeof Heddle.is = later('is');
export const loop: typeof Heddle.loop = later('loop');
export const map: typeof Heddle.map = later('map');
export const not: typeof Heddle.not = later('not');
export const parallel: typeof Heddle.parallel = later('parallel');
export const pathOf: typeof Heddle.pathOf = later('pathOf');
export const scatter: typeof Heddle.scatter = later('scatter');
export const seq: typeof Heddle.seq = later('seq');
export const some: typeof Heddle.some = later('some');
export const when: typeof Heddle.when = later('when');

export const AbstractWorkflowUpdater: typeof Heddle.AbstractWorkflowUpdater = later('AbstractWorkflowUpdater');
export const baseParser: typeof Heddle.baseParser = later('baseParser');
export const CommandQueue: typeof Heddle.CommandQueue = later('CommandQueue');
export const decodeMessage: typeof Heddle.decodeMessage = later('decodeMessage');
export const dispatch: typeof Heddle.dispatch = later('dispatch');
export const encodeMessage: typeof Heddle.encodeMessage = later('encodeMessage');
export const EngineUpdater: typeof Heddle.EngineUpdater = later('EngineUpdater');
export const executable: typeof Heddle.executable = later('executable');
export const FileReference: typeof Heddle.FileReference = later('FileReference');
export const FileStore: typeof Heddle.FileStore = later('FileStore');
export const functionCall: typeof Heddle.functionCall = later('functionCall');
export const getScope: typeof Heddle.getScope = later('getScope');
export const ItemEditor: typeof Heddle.ItemEditor = later('ItemEditor');
export const ItemPart: typeof Heddle.ItemPart = later('ItemPart');
export const ItemView: typeof Heddle.ItemView = later('ItemView');
export const localExecutor: typeof Heddle.localExecutor = later('localExecutor');
export const loadYaml: typeof Heddle.loadYaml = later('loadYaml');
export const makeParser: typeof Heddle.makeParser = later('makeParser');
export const manageExecution: typeof Heddle.manageExecution = later('manageExecution');
export const QueueItem: typeof Heddle.QueueItem = later('QueueItem');
export const run: typeof Heddle.run = later('run');
export const RuntimeManager: typeof Heddle.RuntimeManager = later('RuntimeManager');
export const scope: typeof Heddle.scope = later('scope');
export const workflowFromYaml: typeof Heddle.workflowFromYaml = later('workflowFromYaml');
export const WorkflowManager: typeof Heddle.WorkflowManager = later('WorkflowManager');

export const Param: typeof Heddle.Param = later('Param', loadExperiments);
export const ParamSpace: typeof Heddle.ParamSpace = later('ParamSpace', loadExperiments);
export const choice: typeof Heddle.choice = later('choice', loadExperiments);
export const experiment: typeof Heddle.experiment = later('experiment', loadExperiments);
export const fromCsv: typeof Heddle.fromCsv = later('fromCsv', loadExperiments);
export const grid: typeof Heddle.grid = later('grid', loadExperiments);
export const integer: typeof Heddle.integer = later('integer', loadExperiments);
export const isExperiment: typeof Heddle.isExperiment = later('isExperiment', loadExperiments);
export const latinHypercube: typeof Heddle.latinHypercube = later('latinHypercube', loadExperiments);
export const list: typeof Heddle.list = later('list', loadExperiments);
export const logUniform: typeof Heddle.logUniform = later('logUniform', loadExperiments);
export const normal: typeof Heddle.normal = later('normal', loadExperiments);
export const product: typeof Heddle.product = later('product', loadExperiments);
export const random: typeof Heddle.random = later('random', loadExperiments);
export const range: typeof Heddle.range = later('range', loadExperiments);
export const sobol: typeof Heddle.sobol = later('sobol', loadExperiments);
export const uniform: typeof Heddle.uniform = later('uniform', loadExperiments);
export const union: typeof Heddle.union = later('union', loadExperiments);
export const zip: typeof Heddle.zip = later('zip', loadExperiments);
