import { AGREEMENT, type Point, type Reference } from './analysis.ts';

/** One mark of a panel: a value over density, with the half-length of its error bar. */
interface Mark {
  readonly density: number;
  readonly value: number;
  readonly error: number;
  readonly colour: string;
  readonly shape: 'disc' | 'ring' | 'square';
}

/** A rectangle of the picture with its own axes. */
interface Panel {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly xRange: Range;
  readonly yRange: Range;
  readonly yLabel: string;
  readonly xLabel: string;
  readonly marks: readonly Mark[];
  /** A shaded strip of values. */
  readonly band?: Range;
}

type Range = readonly [low: number, high: number];

const WIDTH = 960;
const MARGIN = { left: 84, top: 92, bottom: 56, right: 24 };
const GUTTER = { x: 76, y: 26 };
const ROW_HEIGHTS = [220, 220, 120] as const;
const HEIGHT: number = MARGIN.top + ROW_HEIGHTS.reduce((a, b) => a + b, 0) + 2 * GUTTER.y + MARGIN.bottom;
/** Okabe and Ito's colours, told apart by every eye. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'] as const;

/**
 * Draws pressure and energy over density, a colour a temperature: discs with error bars are the study, squares the
 * reference; below them how far the two are apart in standard errors, on a strip of two. Gas and liquid lie too far
 * apart for one axis, so the densities are parted at their widest gap.
 */
export function renderPlot(points: readonly Point[], references: readonly Reference[]): string {
  const temperatures = [...new Set(points.map((point) => point.temperature))];
  const colourOf = (temperature: number): string =>
    COLOURS[temperatures.indexOf(temperature) % COLOURS.length] as string;
  const columns = partDensities(points.map((point) => point.density));
  const width = (WIDTH - MARGIN.left - MARGIN.right - GUTTER.x * (columns.length - 1)) / columns.length;
  const panels = columns.flatMap((densities, column) => {
    const xRange = padded(densities, 0.12);
    const isShown = (row: { readonly temperature: number; readonly density: number }): boolean =>
      temperatures.includes(row.temperature) && row.density >= xRange[0] && row.density <= xRange[1];
    const rows = panelRows(points.filter(isShown), references.filter(isShown), colourOf);
    return rows.map((row, index): Panel => {
      const above = ROW_HEIGHTS.slice(0, index).reduce((sum, height) => sum + height + GUTTER.y, 0);
      return {
        ...row,
        xRange,
        left: MARGIN.left + column * (width + GUTTER.x),
        top: MARGIN.top + above,
        width,
        height: ROW_HEIGHTS[index] as number,
        yLabel: column === 0 ? row.yLabel : '',
        xLabel: index === rows.length - 1 ? 'density ρ*' : '',
      };
    });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" ` +
      `font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#222">`,
    '<title>Equation of state of the Lennard-Jones fluid</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(MARGIN.left, 34, 'Equation of state of the Lennard-Jones fluid', 'font-size="19" font-weight="600"'),
    ...legend(temperatures, colourOf),
    ...panels.flatMap(drawPanel),
    '</svg>',
    '',
  ].join('\n');
}

/** Parts densities at a gap that is wider than half of their whole range. */
function partDensities(densities: readonly number[]): readonly (readonly number[])[] {
  const sorted = [...new Set(densities)].toSorted((a, b) => a - b);
  const range = (sorted.at(-1) as number) - (sorted[0] as number);
  const split = sorted.findIndex((density, i) => i > 0 && density - (sorted[i - 1] as number) > range / 2);
  return split > 0 && sorted.length > 2 ? [sorted.slice(0, split), sorted.slice(split)] : [sorted];
}

type Row = Pick<Panel, 'yRange' | 'yLabel' | 'marks' | 'band'>;

function panelRows(
  points: readonly Point[],
  references: readonly Reference[],
  colourOf: (temperature: number) => string,
): readonly Row[] {
  const values = (quantity: 'pressure' | 'energy'): readonly Mark[] => [
    ...references.map(
      (row): Mark => ({
        density: row.density,
        value: row[quantity],
        error: 0,
        colour: colourOf(row.temperature),
        shape: 'square',
      }),
    ),
    ...points.map((point): Mark => {
      const { mean, error } = point[quantity];
      return { density: point.density, value: mean, error, colour: colourOf(point.temperature), shape: 'disc' };
    }),
  ];
  const deviations = points.flatMap((point): readonly Mark[] => {
    if (point.comparison === undefined) return [];
    const common = { density: point.density, error: 0, colour: colourOf(point.temperature) };
    return [
      { ...common, value: point.comparison.pressureDeviation, shape: 'disc' },
      { ...common, value: point.comparison.energyDeviation, shape: 'ring' },
    ];
  });
  const reach = Math.max(4, ...deviations.map((mark) => Math.abs(mark.value) * 1.1));
  const extent = (marks: readonly Mark[]): Range =>
    padded(
      marks.flatMap((mark) => [mark.value - mark.error, mark.value + mark.error]),
      0.08,
    );
  const pressures = values('pressure');
  const energies = values('energy');
  return [
    { marks: pressures, yRange: extent(pressures), yLabel: 'pressure P*' },
    { marks: energies, yRange: extent(energies), yLabel: 'energy U*/N' },
    { marks: deviations, yRange: [-reach, reach], yLabel: 'off by / error', band: [-AGREEMENT, AGREEMENT] },
  ];
}

function padded(values: readonly number[], fraction: number): Range {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const margin = high > low ? (high - low) * fraction : Math.abs(high) * fraction || 1;
  return [low - margin, high + margin];
}

function legend(temperatures: readonly number[], colourOf: (temperature: number) => string): readonly string[] {
  const parts: string[] = [];
  let x = MARGIN.left + 6;
  const entry = (symbol: string, label: string): void => {
    parts.push(symbol, text(x + 12, 62, label));
    x += 28 + label.length * 6.9;
  };
  for (const temperature of temperatures) {
    entry(symbolAt('disc', x, 57.5, colourOf(temperature)), `T* = ${temperature.toFixed(2)}`);
  }
  entry(symbolAt('disc', x, 57.5, '#555'), 'this study, ± standard error');
  entry(symbolAt('square', x, 57.5, '#555'), 'NIST Monte Carlo');
  entry(symbolAt('ring', x, 57.5, '#555'), 'lowest row: disc P*, ring U*/N');
  return parts;
}

function drawPanel(panel: Panel): readonly string[] {
  const { left, top, width, height, xRange, yRange, band } = panel;
  const x = (value: number): number => left + ((value - xRange[0]) / (xRange[1] - xRange[0])) * width;
  const y = (value: number): number => top + height - ((value - yRange[0]) / (yRange[1] - yRange[0])) * height;
  const parts: string[] = ['<g>'];
  if (band !== undefined) {
    parts.push(
      `<rect x="${at(left)}" y="${at(y(band[1]))}" width="${at(width)}" height="${at(y(band[0]) - y(band[1]))}" fill="#eef2f5"/>`,
    );
  }
  for (const value of ticks(yRange, 5)) {
    parts.push(line(left, y(value), left + width, y(value), '#e3e3e3'));
    parts.push(text(left - 8, y(value) + 4, label(value, ticks(yRange, 5)), 'text-anchor="end" fill="#555"'));
  }
  for (const value of ticks(xRange, 5)) {
    parts.push(line(x(value), top + height, x(value), top + height + 5, '#888'));
    if (panel.xLabel !== '') {
      const tick = label(value, ticks(xRange, 5));
      parts.push(text(x(value), top + height + 20, tick, 'text-anchor="middle" fill="#555"'));
    }
  }
  parts.push(
    `<rect x="${at(left)}" y="${at(top)}" width="${at(width)}" height="${at(height)}" fill="none" stroke="#888"/>`,
  );
  for (const mark of panel.marks) parts.push(...drawMark(mark, x(mark.density), y));
  const middle = top + height / 2;
  if (panel.yLabel !== '') {
    parts.push(text(24, middle, panel.yLabel, `text-anchor="middle" transform="rotate(-90 24 ${at(middle)})"`));
  }
  if (panel.xLabel !== '') parts.push(text(left + width / 2, top + height + 42, panel.xLabel, 'text-anchor="middle"'));
  parts.push('</g>');
  return parts;
}

function drawMark(mark: Mark, x: number, y: (value: number) => number): readonly string[] {
  const symbol = symbolAt(mark.shape, x, y(mark.value), mark.colour);
  const low = y(mark.value - mark.error);
  const high = y(mark.value + mark.error);
  if (mark.error === 0) return [symbol];
  return [
    line(x, low, x, high, mark.colour, 1.3),
    line(x - 4, low, x + 4, low, mark.colour, 1.3),
    line(x - 4, high, x + 4, high, mark.colour, 1.3),
    symbol,
  ];
}

function symbolAt(shape: Mark['shape'], x: number, y: number, colour: string): string {
  switch (shape) {
    case 'disc':
      return `<circle cx="${at(x)}" cy="${at(y)}" r="3.2" fill="${colour}"/>`;
    case 'ring':
      return `<circle cx="${at(x)}" cy="${at(y)}" r="3.6" fill="#fff" stroke="${colour}" stroke-width="1.5"/>`;
    case 'square':
      return (
        `<rect x="${at(x - 5.5)}" y="${at(y - 5.5)}" width="11" height="11" fill="none" ` +
        `stroke="${colour}" stroke-opacity="0.75"/>`
      );
  }
}

/** Round values that part a range into about so many pieces. */
function ticks(range: Range, pieces: number): readonly number[] {
  const rough = (range[1] - range[0]) / pieces;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number);
  const first = Math.ceil(range[0] / step);
  const last = Math.floor(range[1] / step);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** A tick's number with as many decimals as tell it from its neighbours. */
function label(value: number, all: readonly number[]): string {
  const step = (all[1] ?? 1) - (all[0] ?? 0);
  const decimals = Math.max(0, -Math.floor(Math.log10(Math.abs(step)) + 1e-9));
  return (Math.abs(value) < Math.abs(step) / 1e6 ? 0 : value).toFixed(decimals).replace('-', '−');
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string, width = 1): string {
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${colour}" stroke-width="${width}"/>`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${at(x)}" y="${at(y)}"${attributes === '' ? '' : ` ${attributes}`}>${escaped}</text>`;
}

/** A coordinate, to a hundredth of a pixel. */
function at(value: number): string {
  return String(Math.round(value * 100) / 100);
}
