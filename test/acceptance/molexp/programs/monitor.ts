// Three peaks above 0 for a busy task.
import { ExecutionMonitor, Executor, LocalTask } from 'heddle';

const monitor = new ExecutionMonitor({ cpu: true, memory: true, io: true, intervalMs: 100 });
const executor = new Executor({ monitor });
const busy =
  'const end = Date.now() + 1500; while (Date.now() < end) require("node:fs").readFileSync("/proc/self/stat")';
await executor.executeTask(
  new LocalTask('busy', { commands: ["'" + process.execPath + "' -e $program"], inputs: { program: busy } }),
);
const report = monitor.report();
console.log(report.peakCpuPercent > 0, report.peakMemoryMb > 0, report.totalIoOperations > 0);
