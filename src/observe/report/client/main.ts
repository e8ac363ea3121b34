import type { ReportBox, ReportData, ReportLog } from '../report-data.ts';
import { drawCharts } from './charts.ts';
import { drawGraph, sparkline } from './graph-view.ts';
import { JobTable } from './job-table.ts';
import { byId, duration, element, memory, readData, statusOf } from './page.ts';
import { Timeline } from './timeline.ts';

const SLOWEST = 10;

function tookOf({ jobs }: ReportData, job: number): number {
  return Math.max(0, (jobs.end[job] ?? 0) - (jobs.start[job] ?? 0));
}

/** What is known of a job, in full: its end, what it used, its last words. */
function details(data: ReportData, job: number): HTMLElement {
  const { jobs, curves } = data;
  const curve = curves[String(job)];
  const log = data.logs.find((each) => each.job === job);
  const box = element('div', { class: 'details' });
  const facts = [
    jobs.states[jobs.state[job] ?? 0] ?? '',
    (jobs.start[job] ?? -1) < 0 ? '' : `took ${duration(tookOf(data, job))}, from ${duration(jobs.start[job] ?? 0)}`,
    (jobs.cpuSeconds[job] ?? -1) < 0 ? '' : `${(jobs.cpuSeconds[job] ?? 0).toFixed(2)} s CPU`,
    (jobs.rssKib[job] ?? -1) < 0 ? '' : memory(jobs.rssKib[job] ?? 0),
    (jobs.attempts[job] ?? 0) > 1 ? `${jobs.attempts[job]} attempts` : '',
  ].filter((text) => text !== '');
  box.append(element('p', { text: facts.join(' · ') }));
  const end = jobs.ends[String(job)];
  if (end !== undefined) box.append(element('p', { class: 'end', text: end }));
  if (curve !== undefined && curve.cpu.length > 1) {
    const labels = element('p', { class: 'curves' });
    labels.append('CPU ', sparkline(curve.cpu, `highest ${Math.max(...curve.cpu).toFixed(0)} %`));
    labels.append(' memory ', sparkline(curve.rss, `highest ${memory(Math.max(...curve.rss))}`));
    box.append(labels);
  }
  if (log !== undefined) box.append(...wordsOf(log));
  return box;
}

function wordsOf(log: ReportLog): readonly HTMLElement[] {
  const streams = (['stderr', 'stdout'] as const).filter((stream) => log[stream].length > 0);
  return [
    ...streams.flatMap((stream) => [
      element('h4', { text: `end of ${stream}` }),
      element('pre', { text: log[stream].join('\n') }),
    ]),
    ...(log.directory === '' ? [] : [element('p', { class: 'muted', text: log.directory })]),
  ];
}

function item(data: ReportData, job: number): HTMLElement {
  const name = element('span', { class: 'name', text: data.jobs.names[job] ?? '' });
  const took = element('span', {
    class: 'took',
    text: (data.jobs.start[job] ?? -1) < 0 ? '' : duration(tookOf(data, job)),
  });
  const state = element('span', { class: `state ${statusOf(data, job)}`, text: data.jobs.ends[String(job)] ?? '' });
  const made = element('details', {}, element('summary', {}, name, state, took));
  // What is inside is made when it is looked at.
  made.addEventListener('toggle', () => {
    if (made.open && made.childElementCount === 1) made.append(details(data, job));
  });
  return made;
}

function drawNotable(data: ReportData): void {
  const { jobs } = data;
  const failed: number[] = [];
  const ran: number[] = [];
  for (let job = 0; job < jobs.names.length; job += 1) {
    if (statusOf(data, job) === 'failed') failed.push(job);
    if ((jobs.start[job] ?? -1) >= 0 && (jobs.end[job] ?? -1) >= 0) ran.push(job);
  }
  const slowest = ran.toSorted((a, b) => tookOf(data, b) - tookOf(data, a)).slice(0, SLOWEST);
  byId('failed').hidden = failed.length === 0;
  byId('failed-list').replaceChildren(...failed.slice(0, 40).map((job) => item(data, job)));
  byId('failed-more').textContent =
    failed.length > 40 ? `and ${failed.length - 40} more: filter the table by status` : '';
  byId('slowest').hidden = slowest.length === 0;
  byId('slowest-list').replaceChildren(...slowest.map((job) => item(data, job)));
}

function start(): void {
  const data = readData();
  document.body.classList.add('live');
  const chosen = byId('chosen');
  const choose = (job: number): void => {
    chosen.replaceChildren(element('h3', { text: data.jobs.names[job] ?? '' }), details(data, job));
    chosen.hidden = false;
  };
  const table = new JobTable(data, choose);
  const show = (job: number): void => {
    table.reveal(job);
    choose(job);
  };
  drawNotable(data);
  drawGraph(data, (box: ReportBox) => {
    if (data.graph.kind === 'tasks') show(box.job);
    else table.filterTask(data.jobs.task[box.job] ?? -1);
  });
  const timeline = new Timeline(data, show);
  const redraw = (): void => {
    timeline.draw();
    drawCharts(data);
    table.draw();
  };
  drawCharts(data);
  let width = window.innerWidth;
  window.addEventListener('resize', () => {
    if (window.innerWidth !== width) redraw();
    width = window.innerWidth;
  });
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}

start();
