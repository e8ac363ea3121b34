import type { ReportData } from '../report-data.ts';
import { byId, duration, element, memory, statusOf } from './page.ts';

const ROW_HEIGHT = 30;
/** Rows above and below those that are seen: scrolling does not show a hole. */
const SPARE = 12;

interface Column {
  readonly title: string;
  readonly class: string;
  readonly text: (job: number) => string;
  /** What it is sorted by; texts are, where there is none. */
  readonly rank?: (job: number) => number;
}

/** The table of all jobs: sorted, filtered, and with only those rows in the page that can be seen. */
export class JobTable {
  readonly #data: ReportData;
  readonly #columns: readonly Column[];
  readonly #body: HTMLElement;
  readonly #rows: HTMLElement;
  readonly #space: HTMLElement;
  #shown: number[] = [];
  #sorted = { column: 0, isDown: false };
  #text = '';
  #status = '';
  #task = -1;
  #selected = -1;
  readonly #select: (job: number) => void;

  constructor(data: ReportData, select: (job: number) => void) {
    this.#data = data;
    this.#select = select;
    this.#columns = columnsOf(data);
    this.#body = byId('jobs-body');
    this.#rows = element('div', { class: 'rows' });
    this.#space = element('div', { class: 'space' }, this.#rows);
    this.#body.replaceChildren(this.#space);
    this.#body.addEventListener('scroll', () => this.#draw(), { passive: true });
    this.#head();
    this.#filters();
    this.#apply();
  }

  /** Shows only jobs of one kind. */
  filterTask(task: number): void {
    this.#task = task;
    this.#apply();
    byId('jobs').scrollIntoView({ behavior: 'smooth' });
  }

  /** Brings a job into sight. */
  reveal(job: number): void {
    this.#selected = job;
    let at = this.#shown.indexOf(job);
    if (at < 0) {
      this.#clear();
      at = this.#shown.indexOf(job);
    }
    this.#body.scrollTop = Math.max(0, at * ROW_HEIGHT - this.#body.clientHeight / 2);
    this.#draw();
  }

  draw(): void {
    this.#draw();
  }

  #head(): void {
    byId('jobs-head').replaceChildren(
      ...this.#columns.map((column, i) => {
        const button = element('button', { class: column.class, text: column.title });
        button.type = 'button';
        button.addEventListener('click', () => {
          const isSame = this.#sorted.column === i;
          this.#sorted = { column: i, isDown: isSame ? !this.#sorted.isDown : column.rank !== undefined };
          this.#apply();
        });
        return button;
      }),
    );
  }

  #filters(): void {
    const search = byId('jobs-search') as HTMLInputElement;
    search.addEventListener('input', () => {
      this.#text = search.value.toLowerCase();
      this.#apply();
    });
    const status = byId('jobs-status') as HTMLSelectElement;
    for (const [word, count] of Object.entries(this.#data.run.counts)) {
      const option = element('option', { text: `${word} (${count})` });
      option.value = word;
      status.append(option);
    }
    status.addEventListener('change', () => {
      this.#status = status.value;
      this.#apply();
    });
    byId('jobs-clear').addEventListener('click', () => this.#clear());
  }

  #clear(): void {
    (byId('jobs-search') as HTMLInputElement).value = '';
    (byId('jobs-status') as HTMLSelectElement).value = '';
    this.#text = '';
    this.#status = '';
    this.#task = -1;
    this.#apply();
  }

  #apply(): void {
    const { names, task } = this.#data.jobs;
    const shown: number[] = [];
    for (let job = 0; job < names.length; job += 1) {
      if (this.#task >= 0 && task[job] !== this.#task) continue;
      if (this.#status !== '' && statusOf(this.#data, job) !== this.#status) continue;
      if (this.#text !== '' && !(names[job] ?? '').toLowerCase().includes(this.#text)) continue;
      shown.push(job);
    }
    const column = this.#columns[this.#sorted.column];
    const by = this.#sorted.isDown ? -1 : 1;
    const compare = new Intl.Collator(undefined, { numeric: true }).compare;
    if (column !== undefined && (this.#sorted.column > 0 || this.#sorted.isDown)) {
      const { rank, text } = column;
      const keys = rank === undefined ? undefined : Float64Array.from(names, (_, job) => rank(job));
      shown.sort(
        (a, b) =>
          by * (keys === undefined ? compare(text(a), text(b)) : (keys[a] as number) - (keys[b] as number)) || a - b,
      );
    }
    this.#shown = shown;
    this.#space.style.height = `${shown.length * ROW_HEIGHT}px`;
    const kind = this.#task < 0 ? '' : ` of ${this.#data.jobs.tasks[this.#task] ?? ''}`;
    byId('jobs-count').textContent =
      shown.length === names.length ? `${names.length} jobs` : `${shown.length} of ${names.length} jobs${kind}`;
    byId('jobs-clear').hidden = shown.length === names.length;
    for (const [i, button] of [...byId('jobs-head').children].entries()) {
      const isSorted = i === this.#sorted.column;
      button.setAttribute('aria-sort', isSorted ? (this.#sorted.isDown ? 'descending' : 'ascending') : 'none');
    }
    this.#draw();
  }

  #draw(): void {
    const first = Math.max(0, Math.floor(this.#body.scrollTop / ROW_HEIGHT) - SPARE);
    const last = Math.min(this.#shown.length, first + Math.ceil(this.#body.clientHeight / ROW_HEIGHT) + 2 * SPARE);
    this.#rows.style.transform = `translateY(${first * ROW_HEIGHT}px)`;
    this.#rows.replaceChildren(...this.#shown.slice(first, last).map((job) => this.#row(job)));
  }

  #row(job: number): HTMLElement {
    const status = statusOf(this.#data, job);
    const row = element('div', { class: `row${job === this.#selected ? ' selected' : ''}` });
    for (const [i, column] of this.#columns.entries()) {
      const text = column.text(job);
      const cell = element('span', { class: column.class, text, ...(text.length > 12 ? { title: text } : {}) });
      if (i === 1) cell.classList.add('state', status);
      row.append(cell);
    }
    row.addEventListener('click', () => {
      this.#selected = job;
      this.#draw();
      this.#select(job);
    });
    return row;
  }
}

function columnsOf({ jobs, run }: ReportData): readonly Column[] {
  const took = (job: number): number => {
    const [start = -1, end = -1] = [jobs.start[job], jobs.end[job]];
    return start < 0 || end < start ? -1 : end - start;
  };
  const number = (of: readonly number[], text: (value: number) => string, title: string, name: string): Column => ({
    title,
    class: `number ${name}`,
    text: (job) => ((of[job] ?? -1) < 0 ? '' : text(of[job] as number)),
    rank: (job) => of[job] ?? -1,
  });
  const isMeasured = jobs.cpuSeconds.some((value) => value >= 0) || jobs.rssKib.some((value) => value >= 0);
  const measured = [
    number(jobs.cpuSeconds, (seconds) => `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`, 'CPU', 'cpu'),
    number(jobs.rssKib, memory, 'Memory', 'rss'),
  ];
  return [
    { title: 'Job', class: 'name', text: (job) => jobs.names[job] ?? '', rank: (job) => job },
    { title: 'Status', class: 'status', text: (job) => jobs.states[jobs.state[job] ?? 0] ?? '' },
    { title: 'Task', class: 'task', text: (job) => jobs.tasks[jobs.task[job] ?? 0] ?? '' },
    { title: 'Place', class: 'place', text: (job) => jobs.places[jobs.place[job] ?? -1] ?? '' },
    number(jobs.start, duration, 'Started', 'start'),
    { title: 'Took', class: 'number took', text: (job) => (took(job) < 0 ? '' : duration(took(job))), rank: took },
    ...(isMeasured ? measured : []),
    number(jobs.attempts, (count) => (count === 0 && run.wallMs >= 0 ? '' : String(count)), 'Tries', 'tries'),
  ];
}
