#include "report/style.h"

namespace slm {

// Colours of lines keep their distance for readers who do not tell red from green, and dashes tell the second kind.
const std::string_view kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f7f6f3; --card: #ffffff; --ink: #1d1e20; --soft: #666970; --rule: #e4e2dc; --grid: #eeece7;
  --s1: #2364c2; --s2: #d2691e; --s3: #14866d; --s4: #8a4fc4; --s5: #a97a10; --s6: #c4365f;
  --bad: #c22f2f; --good: #18794e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131417; --card: #1b1d21; --ink: #e8e7e3; --soft: #9c9fa8; --rule: #2f3238; --grid: #26292e;
    --s1: #6ea8f7; --s2: #f0995a; --s3: #4fc9a4; --s4: #be96f0; --s5: #deb655; --s6: #f27f9e;
    --bad: #f07070; --good: #5cc596;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 40px 24px 64px; max-width: 1160px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1, h2, h3, p, ul, dl, dd, figure, pre { margin: 0; padding: 0; }
h1 { font-size: 28px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { margin: 44px 0 14px; font-size: 18px; font-weight: 650; letter-spacing: -0.005em; }
h3 { font-size: 15px; font-weight: 650; }
section h3 { margin: 16px 0 8px; }
small { font-size: 13px; font-weight: 400; color: var(--soft); }
header p { margin-top: 6px; color: var(--soft); }
header .versus { font-weight: 400; color: var(--soft); }
.key { display: inline-block; width: 14px; height: 14px; margin-right: 8px; border-radius: 4px; }
.progress { height: 4px; margin-top: 16px; border-radius: 2px; background: var(--rule); overflow: hidden; }
.progress div { height: 100%; background: var(--s1); }
.state { display: inline-block; padding: 0 9px; border: 1px solid; border-radius: 99px; font-size: 13px; }
.state.done { color: var(--good); }
.state.open { color: var(--s2); }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; margin-top: 26px; }
.tiles div, figure, .card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
}
.tiles div { padding: 14px 16px; }
.tiles dt { font-size: 13px; color: var(--soft); }
.tiles dd { font-size: 24px; line-height: 1.35; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.tiles dd + dd { font-size: 13px; font-weight: 400; color: var(--soft); letter-spacing: 0; }

.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; margin-top: 16px; }
figure { padding: 16px 18px 14px; }
figure.large, figure:last-child:nth-child(even) { grid-column: 1 / -1; }
figcaption { display: flex; flex-wrap: wrap; gap: 2px 18px; justify-content: space-between; align-items: baseline; }
.legend { display: flex; flex-wrap: wrap; gap: 0 16px; list-style: none; font-size: 13px; color: var(--soft); }
.legend svg { margin-right: 6px; vertical-align: 0; overflow: visible; }
.plot { display: block; width: calc(100% - 58px); height: 190px; margin: 30px 10px 40px 48px; overflow: visible; }
.large .plot { height: 300px; }
.plot svg { overflow: visible; }
svg text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
.grid { stroke: var(--grid); }
.axis, .notch { stroke: var(--soft); stroke-opacity: .55; }
.reference { stroke: var(--soft); stroke-dasharray: 2 4; }
.note { fill: var(--soft); paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.line { stroke-width: 1.75; }
.line.dashed { stroke-dasharray: 5 4; }
.dot { stroke-width: 6; }
.band { stroke: none; opacity: .2; }
.skipped { stroke: var(--bad); stroke-width: 1.5; stroke-linecap: butt; }
.s1 { --series: var(--s1); } .s2 { --series: var(--s2); } .s3 { --series: var(--s3); }
.s4 { --series: var(--s4); } .s5 { --series: var(--s5); } .s6 { --series: var(--s6); }
.line, .dot { stroke: var(--series); }
.band, .readout circle { fill: var(--series); }
.key { background: var(--series); }
.bars rect { fill: var(--series); }
.bars rect:hover { fill: var(--ink); }
.readout rect { fill: transparent; }
.readout line { stroke: var(--soft); stroke-opacity: .5; }
.readout text { fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 6px; }
.readout line, .readout circle, .readout text { visibility: hidden; pointer-events: none; }
.readout:hover line, .readout:hover circle, .readout:hover text { visibility: visible; }

.card { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 7px 16px; text-align: left; vertical-align: top; border-top: 1px solid var(--rule); }
tr:first-child > * { border-top: 0; }
th { font-weight: 400; color: var(--soft); white-space: nowrap; }
thead th { font-weight: 600; color: var(--ink); white-space: normal; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
td small { display: block; }
.card.tall { max-height: 80vh; overflow: auto; }
.tall thead th { position: sticky; top: 0; background: var(--card); box-shadow: 0 1px var(--rule); z-index: 1; }
.tall tbody th { position: sticky; left: 0; background: var(--card); box-shadow: 1px 0 var(--rule); }
.tall table { width: 100%; }
.tall th, .tall td { padding: 6px 9px; }
.tall .numbers thead th + th { white-space: normal; vertical-align: bottom; }
a { color: var(--s1); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--s1); outline-offset: 2px; }
.card.fitted { width: fit-content; max-width: 100%; }
.numbers { width: auto; min-width: 340px; }
.numbers td, .numbers thead th + th { text-align: right; white-space: nowrap; }
details { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
details + details, .card + details, details + .card, .card + .card { margin-top: 10px; }
summary { padding: 10px 16px; cursor: pointer; font-weight: 600; }
summary small { margin-left: 8px; }
details > .inside { padding: 4px 16px 18px; border-top: 1px solid var(--rule); }
.inside figure, .inside .card { background: var(--page); }
.inside .charts { grid-template-columns: repeat(auto-fit, minmax(270px, 1fr)); }
.inside .charts figure { grid-column: auto; }
.inside .side { display: flex; flex-wrap: wrap; gap: 0 28px; align-items: flex-start; }
.side > div { min-width: 0; max-width: 100%; }
.side td small { white-space: normal; }
.inside h3 { margin: 18px 0 8px; }
.inside .charts h3 { margin: 0; }
.corner td { font-size: 13px; line-height: 1.35; padding: 5px 10px; }
details > .card { border: 0; border-top: 1px solid var(--rule); border-radius: 0; }
pre { padding: 12px 16px 16px; white-space: pre-wrap; overflow-wrap: anywhere; border-top: 1px solid var(--rule); }
pre.prose { font: 16px/1.6 Charter, "Iowan Old Style", "Palatino Linotype", Georgia, serif; }
pre.yaml { font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; columns: 2 380px; column-gap: 32px; }
.yaml i { font-style: normal; color: var(--soft); }
footer { margin-top: 48px; font-size: 13px; color: var(--soft); }
@media (max-width: 820px) {
  body { padding: 24px 14px 48px; }
  .charts { grid-template-columns: minmax(0, 1fr); }
  .large .plot { height: 220px; }
}
@media print {
  body { max-width: none; padding: 0; }
  figure, details, .tiles div { break-inside: avoid; }
}
)css";

}  // namespace slm
