import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ReportData } from '../../../src/observe/index.ts';
import { needed } from '../../needed.ts';
import { Sandbox } from '../cli/harness.ts';

const CHROMIUM = '/usr/bin/chromium';
const hasChromium = needed(existsSync(CHROMIUM), 'Chromium, to look at reports with');

const HOSTILE = '</script><script>document.title="owned"</script>';
const FLOW = `import { command, sh, workflow } from 'heddle';
const hostile = command(${JSON.stringify(`<img src=x onerror="document.title='owned'">`)}, {
  run: () => sh\`echo \${${JSON.stringify(HOSTILE)}}; echo \${'&lt;\\u001b[31m'} >&2; exit 3\`,
});
const fine = command('fine', { run: () => sh\`true\` });
export default workflow(${JSON.stringify(HOSTILE)}, (p) => {
  for (let i = 0; i < (p.n ?? 3); i += 1) fine();
  hostile({ of: p.text });
});`;

async function reportOf(
  box: Sandbox,
  args: readonly string[],
): Promise<{ readonly path: string; readonly html: string; readonly data: ReportData }> {
  box.write('flow.js', FLOW);
  expect((await box.run(['run', 'flow.js', ...args])).code).toBe(1);
  const ended = await box.run(['report', '-o', 'report.html']);
  expect(ended.code, ended.stderr).toBe(0);
  const path = join(box.folder, 'report.html');
  const html = readFileSync(path, 'utf8');
  const data = JSON.parse(
    /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '',
  ) as ReportData;
  return { path, html, data };
}

test('a report is one page that fetches nothing, and text is text in it', async () => {
  await using box = new Sandbox();

  const { html, data } = await reportOf(box, ['-p', `text=${HOSTILE}`]);

  expect(data.run.name).toBe(HOSTILE);
  expect(data.run.parameters).toEqual([['text', HOSTILE]]);
  expect(data.jobs.names).toHaveLength(4);
  const [log] = data.logs;
  expect(log).toMatchObject({ why: 'failed', stdout: [HOSTILE], stderr: ['&lt;'] });
  // Two scripts, ours; nothing that is fetched.
  expect(html.match(/<script/g)).toHaveLength(2);
  expect(html).not.toContain('<img');
  expect(html.replace(/<script type="application\/json".*?<\/script>/s, '')).not.toMatch(
    /\b(?:src|href)\s*=|url\(|@import|\bfetch\(|https?:\/\/(?!www\.w3\.org\/2000\/svg)/,
  );
  const script = /<script>(.*?)<\/script>/s.exec(html)?.[1] ?? '';
  const hash = createHash('sha256').update(script).digest('base64');
  expect(html).toContain(`default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`);
});

/** The page after its code has run. */
function domOf(path: string, profile: string): string {
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server'];
  const { stdout } = spawnSync(
    CHROMIUM,
    [
      ...flags,
      `--user-data-dir=${profile}`,
      '--window-size=1280,2000',
      '--virtual-time-budget=5000',
      '--dump-dom',
      `file://${path}`,
    ],
    { encoding: 'utf8', timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
  );
  return stdout;
}

test.runIf(hasChromium)(
  'a browser shows it, runs nothing that is not ours, and has few rows of many jobs',
  async () => {
    await using box = new Sandbox();
    const { path } = await reportOf(box, ['-p', 'n=150']);

    const dom = domOf(path, join(box.folder, 'profile'));

    expect(dom).toContain('<body class="live">');
    expect(dom).not.toContain('<title>owned</title>');
    expect(dom).toMatch(/<span class="muted" id="jobs-count">151 jobs<\/span>/);
    const rows = dom.match(/<div class="row/g)?.length ?? 0;
    expect(rows).toBeGreaterThan(10);
    expect(rows).toBeLessThan(60);
    // Above some hundred jobs a box is a kind.
    expect(dom.match(/<g class="box /g)).toHaveLength(2);
    expect(dom).toContain('× 150');
    expect(dom.match(/<figure/g)?.length).toBeGreaterThanOrEqual(1);
  },
);
