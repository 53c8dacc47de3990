const LIGHT = {
  page: '#ffffff',
  panel: '#f6f7f9',
  ink: '#1d2330',
  soft: '#5a6475',
  rule: '#e2e5ea',
  accent: '#0a5bd3',
  limit: '#1d2330',
  grey: '#858d9a',
  red: '#c4342d',
  green: '#0b8563',
  gold: '#a87a00',
  violet: '#7a3fc0',
  olive: '#5c7a14',
  pink: '#cb3a8d',
  cyan: '#1287ab',
  orange: '#cc5f12',
  good: '#0b7a4b',
  bad: '#b3261e',
} as const
const DARK: Readonly<Record<keyof typeof LIGHT, string>> = {
  page: '#12151c',
  panel: '#1a1f29',
  ink: '#e6e9ef',
  soft: '#9aa4b5',
  rule: '#2a313e',
  accent: '#6fb1ff',
  limit: '#e6e9ef',
  grey: '#8892a3',
  red: '#ff7f73',
  green: '#45d1a6',
  gold: '#e5bd45',
  violet: '#c29bff',
  olive: '#a8cc52',
  pink: '#ff8ccb',
  cyan: '#5ccdf0',
  orange: '#ff9f5a',
  good: '#4cd697',
  bad: '#ff8a80',
}

const variables = (colours: Readonly<Record<string, string>>): string =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(' ')

/** The style of the page, and of the drawings in it. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; ${variables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { ${variables(DARK)} } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 1120px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
h1 { margin: 0 0 .5rem; font-size: 1.9rem; letter-spacing: -.01em; }
h2 { margin: 3rem 0 .75rem; font-size: 1.35rem; }
h3 { margin: 0 0 .15rem; font-size: 1.05rem; }
p { margin: .4rem 0; max-width: 80ch; }
.about, .note { color: var(--soft); font-size: .85rem; }
.warning { color: var(--bad); font-weight: 600; }
nav { margin: 1rem 0; font-size: .9rem; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
a { color: var(--accent); }
figure { margin: 1.25rem 0; padding: 1rem 1.1rem .6rem; background: var(--panel); border: 1px solid var(--rule);
  border-radius: 10px; overflow-x: auto; }
figure svg { display: block; width: 100%; height: auto; margin-top: .5rem; }
figure.lines svg { min-width: 700px; }
figure.heat svg { max-width: 720px; min-width: 480px; }
svg text { font-size: 12.5px; fill: var(--soft); }
svg text.name { fill: var(--ink); font-size: 13px; }
svg .rule { stroke: var(--rule); }
svg .base { stroke: var(--soft); }
svg .line { fill: none; stroke: var(--own); stroke-linejoin: round; }
svg .leader { fill: none; stroke: var(--own); stroke-width: .8; opacity: .35; }
svg .spread { stroke: var(--own); stroke-width: 1; opacity: .5; }
svg .label { fill: var(--own); }
svg .dot { fill: var(--own); }
svg .ring .dot { fill: var(--panel); stroke: var(--own); stroke-width: 1.5; }
svg .hit { fill: transparent; }
svg .value { fill: var(--ink); font-weight: 600; visibility: hidden; paint-order: stroke; stroke: var(--panel);
  stroke-width: 4px; }
svg .series:hover .value, svg .series:focus .value { visibility: visible; }
svg .series, svg .cell { outline: none; }
svg:has(.series:hover) .series[tabindex]:not(:hover), svg:has(.series:focus-visible) .series[tabindex]:not(:focus-visible)
  { opacity: .15; }
svg .cell rect { fill: var(--accent); stroke: transparent; stroke-width: 2; }
svg .cell:hover rect, svg .cell:focus-visible rect { stroke: var(--ink); }
svg .cell text { font-size: 14px; }
svg .cell .plain { fill: var(--ink); }
svg .cell .inverse { fill: var(--page); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .82rem; margin: .5rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .6rem 0 .3rem; font-size: .95rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: top; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
table:not(.text) td:first-child { white-space: nowrap; }
table.text th, table.text td { text-align: left; }
td.yes { color: var(--good); font-weight: 600; }
td.no { color: var(--bad); font-weight: 600; }
tr.own td { font-weight: 600; color: var(--accent); }
details { border-top: 1px solid var(--rule); padding: .5rem 0; }
summary { cursor: pointer; font-weight: 600; }
`
