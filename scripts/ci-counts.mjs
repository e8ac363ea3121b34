/**
 * Sums up vitest's JSON report: `PASSED FAILED` on stdout, what failed and what was skipped on stderr.
 * A file that could not even be collected counts as one failure, and so does a report without a single test.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let passed = 0;
let failed = 0;
let skipped = 0;

for (const file of report.testResults) {
  const name = relative(process.cwd(), file.name);
  let failedHere = 0;
  for (const test of file.assertionResults) {
    if (test.status === 'passed') passed += 1;
    else if (test.status === 'failed') {
      failedHere += 1;
      console.error(`FAILED: ${name}: ${test.fullName}\n${firstLines(test.failureMessages.join('\n'), 12)}`);
    } else skipped += 1;
  }
  if (failedHere === 0 && file.status === 'failed') {
    failedHere = 1;
    console.error(`FAILED: ${name}\n${firstLines(file.message ?? '', 12)}`);
  }
  failed += failedHere;
}

if (passed + failed === 0) failed = 1;
if (skipped > 0) console.error(`${skipped} skipped`);
console.log(`${passed} ${failed}`);

function firstLines(text, count) {
  return text.split('\n').slice(0, count).join('\n');
}
