import type { RouteDescription } from '../server/route-table.ts';

const STYLE = `
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d5dae0}
table{border-collapse:collapse;width:100%}
td{padding:.3rem .8rem .3rem 0;vertical-align:top;border-bottom:1px solid #eef0f3}
code{font:13px ui-monospace,monospace}
.method{font-weight:600;white-space:nowrap}
.name{color:#68727d}
@media (prefers-color-scheme:dark){body{color:#e4e7eb;background:#14171a}h2,td{border-color:#2c3238}.name{color:#98a2ad}}`;

/** One page that lists every operation by service. Nothing is loaded from elsewhere; everything shown is escaped. */
export function docsPage(routes: readonly RouteDescription[]): string {
  const services = [...new Set(routes.map(({ service }) => service))].sort();
  const sections = services.map((service) =>
    section(
      service,
      routes.filter((route) => route.service === service),
    ),
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Flywheel operations</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head>
<body><h1>Flywheel operations</h1>
<p>${routes.length} operations. Machine-readable: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
${sections.join('\n')}
</body></html>
`;
}

function section(service: string, routes: readonly RouteDescription[]): string {
  const rows = [...routes]
    .sort((left, right) => (left.path < right.path ? -1 : 1))
    .map(
      (route) =>
        `<tr><td class="method"><code>${escapeHtml(route.methods.join(' '))}</code></td>` +
        `<td><code>${escapeHtml(route.path)}</code></td><td>${escapeHtml(route.summary)}</td>` +
        `<td class="name"><code>${escapeHtml(route.name)}</code></td></tr>`,
    );
  return `<h2 id="${escapeHtml(service)}">${escapeHtml(service)}</h2><table>${rows.join('\n')}</table>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
