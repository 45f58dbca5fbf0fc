import { hash } from 'node:crypto';
import type { Answer, Call } from '../operations/operation.ts';
import type { Refusal } from '../refusals/refusal.ts';
import { html, Markup } from './markup.ts';
import type { PageVisit } from './page-guard.ts';

/** A page before it is dressed. */
export interface Page {
  readonly title: string;
  readonly content: Markup;
}

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #55606f; --ground: #eef1f5; --card: #fff; --line: #c3cad4;
  --strong: #0b57a8; --on-strong: #fff; --alarm: #a4161a; --alarm-ground: #fdf0f0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --soft: #a9b4c2; --ground: #12161c; --card: #1c222b;
  --line: #475264; --strong: #7db7f5; --on-strong: #10161d; --alarm: #ffb3b0; --alarm-ground: #3a1d1f; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; align-items: center; justify-content: center; padding: 1.5rem;
  background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 27rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; box-shadow: 0 .5rem 2rem rgb(0 0 0 / .08); }
.mark { margin: 0 0 1.25rem; font-size: .875rem; font-weight: 600; letter-spacing: .02em; color: var(--soft); }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; }
p, ul { margin: 0 0 1rem; }
ul { padding-left: 1.25rem; }
.alarm { padding: .75rem 1rem; border-left: .25rem solid var(--alarm); border-radius: .25rem; background: var(--alarm-ground);
  color: var(--alarm); }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { width: 100%; padding: .625rem .75rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--soft); border-radius: .375rem; }
input.code { font: 600 1.375rem/1.4 ui-monospace, monospace; letter-spacing: .15em; text-transform: uppercase; }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button { padding: .625rem 1.25rem; font: inherit; font-weight: 600; cursor: pointer; border-radius: .375rem;
  color: var(--strong); background: transparent; border: 1px solid var(--strong); }
button.main { color: var(--on-strong); background: var(--strong); }
a { color: var(--strong); }
small { display: block; margin-top: 1.5rem; color: var(--soft); overflow-wrap: anywhere; }
`;

/**
 * What a page may do: show itself in its one style, and send its form here. No script, no frame around it, nothing from
 * elsewhere, kept nowhere. The referrer stays within, since without any a browser would hide where a form comes from.
 */
const headers = {
  'content-security-policy':
    `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; form-action 'self'; ` +
    `base-uri 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

/** The answer that shows a page; with a refusal, its message is shown above what the page asks for again. */
export function pageAnswer(
  call: Call,
  visit: PageVisit,
  page: Page,
  more: Pick<Answer, 'audit'> & { readonly refusal?: Refusal | null } = {},
): Answer {
  const { refusal, audit } = more;
  const alarm = refusal ? html`<p class="alarm" role="alert" id="alarm">${refusal.message}</p>` : null;
  const trace = refusal ? html`<small>Request ${call.requestId}</small>` : null;
  const title = refusal ? `Error: ${page.title}` : page.title;
  const document = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} - Strongroom</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<p class="mark">Strongroom</p>
<h1>${page.title}</h1>
${alarm}${page.content}${trace}
</main>
</body>
</html>
`;
  return {
    status: refusal?.status ?? 200,
    html: document.text,
    headers: { ...headers, 'set-cookie': visit.setCookie },
    ...(refusal && { refusal }),
    ...(audit && { audit }),
  };
}

/** The fields by which people sign in, for every page that asks for that. */
export function signInFields(username: string): Markup {
  const focus = new Markup(' autofocus');
  return html`<label for="username">User name</label>
<input id="username" name="username" type="email" autocomplete="username" autocapitalize="none" spellcheck="false"
  required maxlength="256" value="${username}"${username === '' ? focus : null}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024"${
    username === '' ? null : focus
  }>`;
}

/** A form that is sent to the page's own address, with the visit's token and what else it is to carry. */
export function form(visit: PageVisit, hidden: Readonly<Record<string, string>>, content: Markup): Markup {
  const carried = Object.entries({ form_token: visit.formToken, ...hidden }).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return html`<form method="post" accept-charset="utf-8">${carried}${content}</form>`;
}
