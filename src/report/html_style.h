// SPDX-License-Identifier: Apache-2.0
// How the report looks: the system's font, light or dark as the reader's system is.
#pragma once

namespace slimpilot {

inline constexpr char kReportStyle[] =
    R"(:root { color-scheme: light dark; --text: #1c1e21; --soft: #666b73; --line: #dfe2e6; --page: #ffffff; --stripe: #f6f7f9; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e6ea; --soft: #9aa0a8; --line: #363b42; --page: #17191c; --stripe: #1f2226; --bad: #ff8a80; }
  .plot svg, img.drawing { filter: invert(0.91) hue-rotate(180deg); }
}
body { margin: 0 auto; max-width: 1240px; padding: 1.5rem; color: var(--text); background: var(--page); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0; }
h3 { font-size: 1rem; margin: 1.2rem 0 0.3rem; }
.help, figcaption, dt { color: var(--soft); }
.help { margin: 0.2rem 0 0.8rem; max-width: 80ch; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1.2rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: 13px/1.4 ui-monospace, monospace; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.8rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
td:first-child, th:first-child { position: sticky; left: 0; background: var(--page); white-space: nowrap; }
td:last-child:not(.number) { min-width: 30ch; }
tbody tr:hover td { background: var(--stripe); }
.failed td, .missing { color: var(--bad); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr)); gap: 1rem; }
.plots.wide { grid-template-columns: repeat(auto-fit, minmax(min(540px, 100%), 1fr)); }
.plot svg { width: 100%; height: auto; max-width: 760px; display: block; }
.plot text { font-family: system-ui, sans-serif; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(270px, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; }
figure img { width: 100%; height: auto; border: 1px solid var(--line); border-radius: 4px; box-sizing: border-box; display: block; }
figcaption { font-size: 0.85rem; overflow-wrap: anywhere; }
@media (max-width: 600px) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 0.5rem; } }
)";

}  // namespace slimpilot
