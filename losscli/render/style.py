"""What the explanation looks like as HTML.

`FRAGMENT` styles everything below `.losscli` and nothing else, in the colours of whatever page it stands in;
`PAGE` is for a page of its own: paper and ink, light and dark, screen and print.
"""

from __future__ import annotations

FRAGMENT = """\
.losscli {
  --rubric: var(--losscli-rubric, currentColor);
  --muted: var(--losscli-muted, color-mix(in srgb, currentColor 78%, transparent));
  --rule: var(--losscli-rule, color-mix(in srgb, currentColor 22%, transparent));
  --mark: var(--losscli-mark, color-mix(in srgb, currentColor 12%, transparent));
  font-family: "STIX Two Text", "Iowan Old Style", "Palatino Linotype", Palatino, "TeX Gyre Pagella",
    "Libertinus Serif", "Noto Serif", "Latin Modern Roman", "Liberation Serif", Georgia, serif;
  line-height: 1.5;
  font-variant-numeric: lining-nums tabular-nums;
  max-width: 46rem;
}
.losscli math, .losscli td, .losscli .final, .losscli .references {
  font-variant-numeric: lining-nums tabular-nums;
}
.losscli math {
  font-family: "STIX Two Math", "Cambria Math", "TeX Gyre Pagella Math", "Libertinus Math",
    "Latin Modern Math", math;
  font-size: 1em;
}
.losscli mtd { text-align: left; padding: .22em 0; }
.losscli mtd + mtd { padding-left: 1.4em; }
.losscli h1, .losscli h2, .losscli h3, .losscli h4, .losscli h5 {
  font-family: inherit; font-weight: 600; line-height: 1.2; margin: 0; color: inherit;
}
.losscli p, .losscli ul { margin: 0; padding: 0; }
.losscli header { padding-bottom: 1.1rem; border-bottom: 1px solid var(--rule); }
.losscli header > :first-child { font-size: 2.1em; letter-spacing: -.01em; }
.losscli .summary { font-style: italic; font-size: 1.08em; margin-top: .25rem; }
.losscli .facts { list-style: none; margin-top: .8rem; font-size: .92em; }
.losscli .facts li { display: inline-block; margin: 0; overflow-wrap: anywhere; }
.losscli .facts li:not(:last-child)::after { content: "·"; margin: 0 .55em; color: var(--muted); }
.losscli .remark, .losscli .note, .losscli .full { color: var(--muted); font-size: .92em; }
.losscli header .remark { margin-top: .5rem; }
.losscli .warning { margin-top: .9rem; padding: .1rem 0 .1rem .9rem; border-left: 3px solid var(--rubric);
  overflow-wrap: anywhere; }
.losscli .warning strong { color: var(--rubric); font-weight: 600; margin-right: .3em; }
.losscli section > :first-child { font-size: 1.25em; margin: 1.9rem 0 .3rem; color: var(--rubric); }
.losscli .step { padding: .9rem 0 1rem; border: 0; }
.losscli .step + .step { border-top: 1px solid var(--rule); }
.losscli summary { display: grid; grid-template-columns: 14.5rem minmax(0, 1fr); column-gap: 1rem;
  align-items: center; cursor: pointer; list-style: none; border-radius: 3px; }
.losscli summary::-webkit-details-marker { display: none; }
.losscli summary:focus-visible { outline: 2px solid var(--rubric); outline-offset: 3px; }
.losscli summary > :first-child { font-size: 1em; font-weight: 600; padding-left: 2rem; text-indent: -2rem; }
.losscli .number { display: inline-block; width: 2rem; text-indent: 0; color: var(--rubric);
  font-weight: 400; }
.losscli .step:not([open]) .number::after { content: " +"; }
.losscli .formula { font-size: 1.08em; padding: .1rem 0; }
.losscli .broad summary { display: block; }
.losscli .broad .formula { display: block; padding: .5rem 0 .2rem 2rem; }
.losscli .numbers { padding-left: 2rem; }
.losscli .tables { display: flex; flex-wrap: wrap; column-gap: 3rem; }
.losscli .note { margin-top: .2rem; }
.losscli .scroll { overflow-x: auto; overflow-y: hidden; max-width: 100%; scrollbar-width: thin; }
.losscli .scroll:focus-visible { outline: 2px solid var(--rubric); outline-offset: 2px; }
.losscli table { border-collapse: collapse; border: 0; margin: .6rem .3rem 0 0; font-size: 1em;
  color: inherit; background: none; table-layout: auto; }
.losscli table tr, .losscli table tr:nth-child(odd), .losscli table tr:nth-child(even),
.losscli table tr:hover { background: none; border: 0; }
.losscli table th, .losscli table td { border: 0; padding: .22rem 0; text-align: left; vertical-align: middle;
  font-weight: 400; font-size: 1em; line-height: 1.5; max-width: none; background: none;
  white-space: normal; }
.losscli table.worked > caption, .losscli table.worked > thead, .losscli .unseen { position: absolute;
  width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.losscli .worked th { width: 13.5rem; min-width: 12rem; box-sizing: border-box; padding-right: 1rem;
  color: var(--muted); }
.losscli .worked .arithmetic { min-width: 20rem; max-width: 24rem; }
.losscli .worked td:has(mfrac) { padding-top: .5rem; padding-bottom: .5rem; }
.losscli .worked .since { color: var(--muted); margin-right: .5em; }
.losscli .worked .result div { display: flex; justify-content: space-between; column-gap: .55rem; }
.losscli .worked .relation { color: var(--muted); }
.losscli .worked .result { text-align: right; white-space: nowrap; padding-left: 1rem; }
.losscli .worked .share { text-align: right; padding-left: 1.2rem; color: var(--muted); white-space: nowrap; }
.losscli .tail { display: inline-block; text-align: left; white-space: nowrap; }
.losscli sup { font-size: .72em; line-height: 0; vertical-align: baseline; position: relative; top: -.42em; }
.losscli .tables table { width: auto; }
.losscli .tables table caption { text-align: left; color: var(--muted); font-size: .92em;
  caption-side: top; padding: 0; }
.losscli .tables table thead th { text-align: right; color: var(--muted); font-size: .88em;
  border-bottom: 1px solid var(--rule); padding: .1rem 0 .15rem 1.2rem; white-space: nowrap; }
.losscli .tables table thead td { border-bottom: 1px solid var(--rule); }
.losscli .tables table tbody th { color: var(--muted); padding-right: .4rem; white-space: nowrap; }
.losscli .tables table tbody td { text-align: right; padding-left: 1.2rem; white-space: nowrap; }
.losscli .tables table tbody tr:first-child > * { padding-top: .35rem; }
.losscli mark { background: var(--mark); color: inherit; box-shadow: 0 0 0 .22em var(--mark);
  border-radius: .1em; }
.losscli .tables table .gap { color: var(--muted); text-align: center; padding-left: .8rem; }
.losscli .numbers > .remark { margin-top: .5rem; }
.losscli .numbers > .remark + .remark { margin-top: 0; }
.losscli .pictures { display: flex; flex-wrap: wrap; gap: 0 2rem; }
.losscli figure { margin: .9rem 0 0; flex: 0 1 360px; min-width: min(280px, 100%); }
.losscli figure svg { max-width: 100%; height: auto; }
.losscli .outcome { margin-top: 1.2rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
.losscli .final { font-size: 1.7em; line-height: 1.3; }
.losscli .final b { font-weight: 600; color: var(--rubric); }
.losscli .references { list-style: none; margin-top: .5rem; }
.losscli .outcome .remark { margin-top: .9rem; font-style: italic; }
@media (max-width: 46rem) {
  .losscli summary { display: block; }
  .losscli summary > :first-child { padding-left: 1.7rem; text-indent: -1.7rem; }
  .losscli .number { width: 1.7rem; }
  .losscli .formula { display: block; padding: .5rem 0 .1rem 1.7rem; }
  .losscli .numbers { padding-left: 1.7rem; }
  .losscli .tables table thead th, .losscli .tables table tbody td { padding-left: .7rem; }
  .losscli table.worked, .losscli .worked tbody { display: block; }
  .losscli .worked tr { display: flex; flex-wrap: wrap; align-items: center; padding: .35rem 0; }
  .losscli .worked tr + tr { border-top: 1px dotted var(--rule); }
  .losscli .worked th { flex: 1 0 100%; width: auto; min-width: 0; padding: 0; font-size: .9em; }
  .losscli .worked.shares th { flex-basis: 70%; }
  .losscli .worked th:empty { display: none; }
  .losscli .worked .share { order: 1; padding: 0; font-size: .9em; }
  .losscli .worked .arithmetic { order: 2; flex: 0 1 auto; min-width: 0; max-width: 100%; }
  .losscli .worked .result { order: 3; flex: 1 0 auto; padding-left: .8rem; }
  .losscli .worked .result div { justify-content: flex-end; }
  .losscli .worked .share:empty { display: none; }
}
"""

PAGE = """\
:root {
  color-scheme: light dark;
  --paper: #fdfcf8; --ink: #1d1b18;
  --losscli-rubric: #94231c; --losscli-muted: #635d54; --losscli-rule: #ddd6c8; --losscli-mark: #f5ead0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #17181a; --ink: #e9e5dc;
    --losscli-rubric: #f0a08c; --losscli-muted: #aaa498; --losscli-rule: #3a3a3a; --losscli-mark: #3b3220;
  }
}
html { background: var(--paper); color: var(--ink); font-size: 106.25%; -webkit-text-size-adjust: 100%;
  text-size-adjust: 100%; }
body { margin: 0; }
body > .losscli { margin: 0 auto; padding: 3.2rem 1.6rem 4rem; box-sizing: border-box; max-width: 49.2rem; }
@media (max-width: 46rem) {
  html { font-size: 100%; }
  body > .losscli { padding: 1.5rem 1.1rem 2.5rem; }
}
@media print {
  @page { margin: 17mm 16mm; }
  :root { color-scheme: light; --paper: #fff; --ink: #000;
    --losscli-rubric: #7c1510; --losscli-muted: #444; --losscli-rule: #bbb; --losscli-mark: #eee; }
  html { font-size: 9.5pt; background: none; }
  body > .losscli { padding: 0; max-width: none; }
  details::details-content { content-visibility: visible !important; display: block !important;
    block-size: auto !important; }
  .losscli .scroll, .losscli .worked .arithmetic { overflow: visible; max-width: none; }
  .losscli table.wide { font-size: 7.5pt; }
  .losscli table.wide th, .losscli table.wide td { padding-left: .5rem !important; }
  .losscli summary, .losscli caption, .losscli h2, .losscli thead { break-after: avoid; }
  .losscli tr, .losscli summary, .losscli .outcome, .losscli figure { break-inside: avoid; }
  .losscli .whole, .losscli .tables table { break-inside: avoid; }
  .losscli .numbers > .remark { break-before: avoid; }
}
"""
