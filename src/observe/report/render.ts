import { createHash } from 'node:crypto';
import { clientScript, pageStyle } from './client-script.ts';
import type { ReportData, ReportRun } from './report-data.ts';

/**
 * Writes a report as one HTML page that needs nothing else: no network, no other file. Its style and code stand in it, and a
 * policy in it lets nothing else run.
 */
export function* renderReport(data: ReportData): Generator<string, void> {
  const style = pageStyle();
  const script = clientScript();
  const { run } = data;
  yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n';
  yield `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '${hashOf(script)}'">\n`;
  yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n';
  yield `<title>${escaped(run.name)} · ${escaped(run.status)} · Heddle</title>\n<style>\n${style}</style>\n</head>\n<body>\n<main>\n`;
  yield* headOf(run);
  yield SECTIONS;
  yield* settingsOf(run);
  yield '</main>\n<div id="tip" role="status" hidden></div>\n';
  yield `<script type="application/json" id="data">${jsonInHtml(data)}</script>\n<script>${script}</script>\n</body>\n</html>\n`;
}

function hashOf(script: string): string {
  return `sha256-${createHash('sha256').update(script).digest('base64')}`;
}

/** Text as HTML shows it. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** No text of the data can end the element it stands in. */
function jsonInHtml(data: ReportData): string {
  return JSON.stringify(data).replace(/[<>&]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function* headOf(run: ReportRun): Generator<string, void> {
  const detail = run.detail === '' ? '' : ` (${escaped(run.detail)})`;
  yield `<div class="head"><h1>${escaped(run.name)}</h1><span class="status ${escaped(run.status)}">${escaped(run.status)}${detail}</span></div>\n`;
  yield `<p class="muted">${escaped(run.id)} · started ${escaped(utc(run.startedAt))}</p>\n<div class="tiles">\n`;
  yield tile(wallText(run.wallMs), 'wall time', '');
  for (const [status, count] of Object.entries(run.counts)) yield tile(String(count), status, status);
  yield '</div>\n<p class="without-script muted">Timeline, graph, curves and table need JavaScript, which is off here.</p>\n';
}

function tile(value: string, label: string, className: string): string {
  return `<div class="tile ${escaped(className)}"><b>${escaped(value)}</b><span>${escaped(label)}</span></div>\n`;
}

function wallText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

function utc(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

const SECTIONS = `<section class="needs-script" id="failed" hidden><div class="bar"><h2>Failed</h2></div><div id="failed-list"></div><p class="muted" id="failed-more"></p></section>
<section class="needs-script"><div class="bar"><h2>Timeline</h2><span class="muted" id="timeline-span"></span><span class="grow"></span><button type="button" id="zoom-in" title="drag to move; Ctrl and the wheel zoom too">zoom in</button><button type="button" id="zoom-out">out</button><button type="button" id="zoom-all">all</button></div><div class="canvas"><canvas id="timeline-canvas" role="img" aria-label="jobs over time"></canvas></div><div id="timeline-legend"></div></section>
<section class="needs-script"><div class="bar"><h2>Resources</h2></div><div id="charts"></div><p class="muted" id="not-measured">CPU and memory were not measured, or the run was too short for it.</p></section>
<section class="needs-script"><div class="bar"><h2>Graph</h2><span class="muted" id="graph-note"></span><span class="grow"></span><button type="button" id="graph-in">larger</button><button type="button" id="graph-out">smaller</button><button type="button" id="graph-fit">fit</button></div><div id="graph-box"></div></section>
<section class="needs-script" id="slowest" hidden><div class="bar"><h2>Took longest</h2></div><div id="slowest-list"></div></section>
<section class="needs-script" id="jobs"><div class="bar"><h2>Jobs</h2><span class="muted" id="jobs-count"></span><span class="grow"></span><input id="jobs-search" type="search" placeholder="part of a name" aria-label="part of a name"><select id="jobs-status" aria-label="status"><option value="">every status</option></select><button type="button" id="jobs-clear" hidden>show all</button></div><div id="jobs-head"></div><div id="jobs-body" tabindex="0"></div><div id="chosen" hidden></div></section>
`;

function* settingsOf(run: ReportRun): Generator<string, void> {
  yield '<div class="columns">\n';
  if (run.parameters.length > 0) {
    yield '<section><div class="bar"><h2>Parameters</h2></div><dl>\n';
    for (const [name, value] of run.parameters) yield `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>\n`;
    yield '</dl></section>\n';
  }
  yield '<section><div class="bar"><h2>Run</h2></div><dl>\n';
  const facts = [...run.facts, ['heddle', run.engineVersion], ['report of', utc(run.writtenAt)]] as const;
  for (const [name, value] of facts) yield `<dt>${escaped(name ?? '')}</dt><dd>${escaped(value ?? '')}</dd>\n`;
  yield '</dl></section>\n</div>\n';
}
