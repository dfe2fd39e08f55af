// A page of HTML that needs nothing else, light or dark as the reader has it. Knows nothing of what is on it.

const style = `
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2733; --quiet: #5c6b7a; --line: #d7dee5; }
@media (prefers-color-scheme: dark) { :root { --paper: #14191f; --ink: #e8edf2; --quiet: #9aa8b5; --line: #313b45; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
p, figcaption { color: var(--quiet); } figure { margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; font-size: .9rem; }
article { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: .8rem 1rem; }
article dt { color: var(--quiet); font-size: .85rem; } article dd { margin: 0 0 .6rem; }
.broad { max-width: 78rem; } .wide { overflow-x: auto; } .wide td, .wide th { white-space: nowrap; } td.paper { color: var(--quiet); }
.token { border-radius: .2rem; color: #ffffff; }
`;

/** A whole page around its body; `broad` leaves room for tables of many columns. */
export function pageOf(title: string, body: string, width: "narrow" | "broad" = "narrow"): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${style}</style></head><body class="${width}">
${body}
</body></html>
`;
}

/** Text as it may stand in HTML. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
